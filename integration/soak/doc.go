// Package soak keeps a daemon busy with everything at once, for as long as one likes, and looks whether it is worn afterwards.
//
// Clients are processes that use many contexts in all ways there are: text, struct iocb of slots and of their own descriptors and memory, shared
// memory, and `ready`. They check every byte that they read, and every byte that they wrote by reading it; that every request has one
// event; and, where they kill a context with requests in flight, that none has two. Clients themselves are killed without warning. In
// the end the daemon has no more goroutines, threads, descriptors, mappings and memory than after a while of the same work, and the kernel has
// not complained.
//
// The environment may hold
//
//	AIOFS_SOAK=1m  how long, all engines together; beyond ten minutes go test wants -timeout 0
//	AIOFS_SEED=1   what all is chosen by, as far as it is not by chance; left out, another number each time, which the log tells
package soak
