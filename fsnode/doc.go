// Package fsnode is the FUSE tree of aiofs on go-fuse: a file for each kind of node. It translates file operations into calls
// of package ioctx, and errors into errno. It holds no I/O logic and no state of a context: nodes and handles hold the
// *ioctx.Kioctx itself, never its number, so a handle outlives neither its context nor a new one of the same number.
//
// # What the kernel is told, and why
//
// Writes to one inode serialise under its lock unless the handle has FOPEN_PARALLEL_DIRECT_WRITES and the file's size lies
// beyond the write, and a truncation, which `>` is, always takes that lock. So whatever may wait for a slot or for an open has an
// inode of its own for each LOOKUP, and `submit` says that it is 2^62 bytes long.
//
// Reads of one descriptor serialise unless it has FOPEN_STREAM. Such a descriptor has no position: FUSE offsets count from
// the start of each read(2), which is how a read that the kernel has split is told from a new one.
//
// Entries are cached only for what cannot vanish from behind: a context made by mkdir goes by rmdir alone, one made through
// `new` goes when RELEASE arrives, some time after the close. Nothing here calls Notify, but for NotifyPrune, which waits for no lock: under
// the one that the kernel holds over MKDIR and RMDIR any other would deadlock beyond kill -9.
//
// No descriptor is opened through the visible mount and kept, since it would make umount fail with EBUSY.
//
// # Lock order
//
// The package has one lock of its own, listing.mu, which is innermost. Handlers run on go-fuse's goroutines; those of submit,
// files and events may wait in ioctx, all others answer at once.
package fsnode
