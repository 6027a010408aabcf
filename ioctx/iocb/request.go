package iocb

// FileKind says how a request names its file.
type FileKind uint8

// What a request's file is.
const (
	FileNone FileKind = iota // noop
	FileSlot                 // Slot of the context's files
	FilePath                 // Path, opened for this one request with OpenFlags
	FileFD                   // FD of the writing process
)

// MemKind says where a request's bytes go to or come from.
type MemKind uint8

// What a request's memory is.
const (
	MemNone    MemKind = iota // noop, fsync, poll
	MemOut                    // pread: the bytes go to out/TAG
	MemDiscard                // pread keep=no: the bytes go nowhere
	MemBuf                    // MemOff is an offset into buf; with Vec an iovec array lies there
	MemCaller                 // MemOff is an address in the submitter; with Vec an iovec array lies there
	MemStr                    // pwrite str=: the bytes are Str
	MemOutTag                 // pwrite out=: the bytes are what out/OutTag holds
)

// LenToEnd is Request.Len where the request gave none: a pread up to the end of the file, a pwrite of all of out/OutTag.
const LenToEnd = -1

// Limits of a request, as in the kernel unless said otherwise.
const (
	// MaxRWCount is MAX_RW_COUNT with pages of 4 KiB: a longer read or write is not refused, but cut to this many bytes.
	MaxRWCount = 0x7ffff000
	// MaxIov is UIO_MAXIOV: more iovecs are EINVAL.
	MaxIov = 1024
	// MaxSlot is the highest slot of files (a limit of aiofs).
	MaxSlot = 1023
)

// Bits of Request.RWF, as in linux/fs.h.
const (
	rwfHipri     = 0x001
	rwfDsync     = 0x002
	rwfSync      = 0x004
	rwfNowait    = 0x008
	rwfAppend    = 0x010
	rwfNoappend  = 0x020
	rwfAtomic    = 0x040
	rwfDontcache = 0x080
	rwfNosignal  = 0x100
	rwfSupported = 0x1ff
)

// Request is a request of either format. It refers to nothing of what it was parsed from.
type Request struct {
	Cmd    Cmd
	Binary bool   // from a struct iocb
	Tag    uint64 // aio_data
	HasTag bool   // without a tag the request's seq stands for it

	File      FileKind
	Slot      uint32 // FileSlot; from text at most MaxSlot, from a struct iocb whatever stood there
	FD        int32  // FileFD; may be negative in a struct iocb, which is EBADF
	Path      string // FilePath; without NUL, maybe empty (ENOENT when it is opened), maybe too long
	OpenFlags int    // FilePath; O_* of open(2), the access mode included

	Off    int64 // bytes
	Len    int64 // bytes, or LenToEnd; with Vec the number of iovecs; with MemStr len(Str)
	Mem    MemKind
	MemOff uint64 // MemBuf, MemCaller
	Vec    bool   // preadv, pwritev
	Str    []byte // MemStr
	OutTag uint64 // MemOutTag

	RWF       uint32 // RWF_* of preadv2(2); HIPRI is cleared by Check
	Ioprio    uint16 // IOPRIO_PRIO_VALUE(class, level)
	HasIoprio bool
	Events    uint32 // poll: POLL* bits, 16 at most
	Resfd     int32  // an eventfd of the writing process
	HasResfd  bool
}

// FileInfo is what Check must know of a request's file and of who submits it.
type FileInfo struct {
	Readable   bool // opened for reading (FMODE_READ)
	Writable   bool // opened for writing (FMODE_WRITE)
	NoRead     bool // has no read_iter: a directory
	NoWrite    bool // has no write_iter
	NoFsync    bool // has no fsync: a pipe, a socket
	AppendOnly bool // opened O_APPEND, and the inode has the append-only attribute
	Priv       bool // the submitter has CAP_SYS_ADMIN or CAP_SYS_NICE, and so may ask for the real-time I/O class
}
