/* The client's side of a context's shared memory, in C11: `sq` in, `ring` and `buf` out, `doorbell` and `ready` to wake the other side.
 *
 *	struct aiofs c;
 *	aiofs_open(&c, "/run/aiofs/ctx/1");
 *	struct iocb *io = aiofs_iocb(&c);        // zeroed, with a place in sq; NULL: sq is full
 *	io->aio_lio_opcode = IOCB_CMD_PREAD;
 *	io->aio_fildes = 0;                      // a slot of `files`
 *	io->aio_flags = AIOFS_FILE | AIOFS_BUF;  // which sq requires
 *	io->aio_buf = 0;                         // an offset into c.buf
 *	io->aio_nbytes = 4096;
 *	aiofs_publish(&c);
 *	struct io_event event;
 *	while (!aiofs_reap(&c, &event, 1))       // event.res: bytes, or -errno
 *		if (aiofs_wait(&c, -1) < 0)
 *			break;                   // the context was killed
 *	aiofs_close(&c);
 *
 * One thread at a time calls aiofs_iocb and aiofs_publish, and one aiofs_reap. What fails returns -errno. The program ignores SIGPIPE:
 * that is what a write to `doorbell` raises when its reader has gone. */
#ifndef AIOFS_H
#define AIOFS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define AIOFS_FILE (1u << 30) /* IOCB_FLAG_FILE: aio_fildes is a slot of `files` */
#define AIOFS_BUF (1u << 31)  /* IOCB_FLAG_BUF: aio_buf is an offset into `buf` */

#define AIOFS_RING_MAGIC 0xa10a10a1u
#define AIOFS_SQ_MAGIC 0xa10a51a1u
#define AIOFS_SQ_NEED_WAKEUP (1u << 0)
#define AIOFS_SQ_DEAD (1u << 1)

/* struct aio_ring of fs/aio.c. In `ring` head and tail are indices below nr; in `sq` they run freely and are taken modulo nr. */
struct aiofs_header {
	uint32_t id, nr;
	_Atomic uint32_t head, tail;
	uint32_t magic;
	_Atomic uint32_t flags; /* compat_features in `ring` */
	_Atomic uint32_t incompat_features;
	uint32_t header_length;
};

_Static_assert(sizeof(struct aiofs_header) == 32, "struct aio_ring");
_Static_assert(sizeof(struct iocb) == 64, "struct iocb");
_Static_assert(sizeof(struct io_event) == 32, "struct io_event");

struct aiofs {
	struct aiofs_header *sq, *ring;
	struct iocb *iocbs;
	struct io_event *events;
	unsigned char *buf;
	size_t sq_size, ring_size, buf_size; /* bytes */
	uint32_t sq_nr, ring_nr, tail;       /* tail: of what aiofs_iocb gave out; sq's own: of what was published */
	int doorbell, ready;                 /* ready is for poll, select and epoll beside other descriptors */
};

static inline int aiofs_open_file(const char *dir, const char *name, int flags)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The mapping outlives the descriptor. -ENODEV where the mount shares no memory. */
static inline int aiofs_map(const char *dir, const char *name, void **memory, size_t *size)
{
	struct stat st;
	int err = 0, fd = aiofs_open_file(dir, name, O_RDWR);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		err = -errno;
	} else {
		*size = st.st_size;
		*memory = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (*memory == MAP_FAILED) {
			err = -errno;
			*memory = NULL;
		}
	}
	close(fd);
	return err;
}

static inline int aiofs_check(struct aiofs_header *h, size_t size, uint32_t magic, size_t element)
{
	uint32_t nr = h->nr;

	return h->magic == magic && nr != 0 && h->header_length + nr * (uint64_t)element <= size ? 0 : -EPROTO;
}

static inline void aiofs_close(struct aiofs *c)
{
	if (c->sq)
		munmap(c->sq, c->sq_size);
	if (c->ring)
		munmap(c->ring, c->ring_size);
	if (c->buf)
		munmap(c->buf, c->buf_size);
	if (c->doorbell >= 0)
		close(c->doorbell);
	if (c->ready >= 0)
		close(c->ready);
}

static inline int aiofs_open_all(struct aiofs *c, const char *dir)
{
	void *memory[3] = {0};
	int err = aiofs_map(dir, "sq", &memory[0], &c->sq_size);

	if (!err)
		err = aiofs_map(dir, "ring", &memory[1], &c->ring_size);
	if (!err)
		err = aiofs_map(dir, "buf", &memory[2], &c->buf_size);
	c->sq = memory[0];
	c->ring = memory[1];
	c->buf = memory[2];
	if (!err)
		err = aiofs_check(c->sq, c->sq_size, AIOFS_SQ_MAGIC, sizeof(struct iocb));
	if (!err)
		err = aiofs_check(c->ring, c->ring_size, AIOFS_RING_MAGIC, sizeof(struct io_event));
	if (err)
		return err;
	c->doorbell = aiofs_open_file(dir, "doorbell", O_WRONLY | O_NONBLOCK);
	if (c->doorbell < 0)
		return c->doorbell;
	c->ready = aiofs_open_file(dir, "ready", O_RDONLY | O_NONBLOCK);
	return c->ready < 0 ? c->ready : 0;
}

/* aiofs_open maps the context with the directory dir. Whatever it needs of nr_events and the size of buf is set before. */
static inline int aiofs_open(struct aiofs *c, const char *dir)
{
	*c = (struct aiofs){.doorbell = -1, .ready = -1};
	int err = aiofs_open_all(c, dir);
	if (err) {
		aiofs_close(c);
		return err;
	}
	c->sq_nr = c->sq->nr;
	c->ring_nr = c->ring->nr;
	c->iocbs = (struct iocb *)((char *)c->sq + c->sq->header_length);
	c->events = (struct io_event *)((char *)c->ring + c->ring->header_length);
	c->tail = atomic_load_explicit(&c->sq->tail, memory_order_relaxed);
	return 0;
}

/* aiofs_iocb gives out the next place in sq, zeroed; NULL where there is none until the daemon has taken some. */
static inline struct iocb *aiofs_iocb(struct aiofs *c)
{
	/* acquire: the daemon has copied what lay there before it moved head */
	if (c->tail - atomic_load_explicit(&c->sq->head, memory_order_acquire) >= c->sq_nr)
		return NULL;
	struct iocb *io = &c->iocbs[c->tail++ & (c->sq_nr - 1)];
	memset(io, 0, sizeof(*io));
	return io;
}

/* aiofs_ring wakes the daemon. A doorbell that is full will be heard. */
static inline int aiofs_ring(struct aiofs *c)
{
	while (write(c->doorbell, "", 1) < 0) {
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* aiofs_dead says whether the context was killed: nothing is taken or completed any more, what is in ring stays there. */
static inline int aiofs_dead(struct aiofs *c)
{
	return (atomic_load_explicit(&c->sq->flags, memory_order_acquire) & AIOFS_SQ_DEAD) != 0;
}

/* aiofs_publish shows the daemon all that aiofs_iocb gave out, and wakes it where it sleeps. -EPIPE after the kill. */
static inline int aiofs_publish(struct aiofs *c)
{
	atomic_store_explicit(&c->sq->tail, c->tail, memory_order_release); /* behind the iocbs */
	/* Without this the load could overtake the store: the daemon, before it sleeps, sets the bit and then looks at tail. */
	atomic_thread_fence(memory_order_seq_cst);
	uint32_t flags = atomic_load_explicit(&c->sq->flags, memory_order_relaxed);
	if (flags & AIOFS_SQ_DEAD)
		return -EPIPE;
	return flags & AIOFS_SQ_NEED_WAKEUP ? aiofs_ring(c) : 0;
}

/* aiofs_reap takes what is there, max events at most, and returns how many. It does not wait. */
static inline unsigned aiofs_reap(struct aiofs *c, struct io_event *events, unsigned max)
{
	uint32_t head = atomic_load_explicit(&c->ring->head, memory_order_relaxed) % c->ring_nr;
	uint32_t tail = atomic_load_explicit(&c->ring->tail, memory_order_acquire) % c->ring_nr; /* before the events */
	unsigned n = 0;

	for (; head != tail && n < max; head = (head + 1) % c->ring_nr)
		events[n++] = c->events[head];
	if (n > 0)
		atomic_store_explicit(&c->ring->head, head, memory_order_release); /* behind the reading of them */
	return n;
}

/* aiofs_wait waits for events, timeout milliseconds at most, -1: without end. 1: look at the ring, where there may be some. 0: none came.
 * -EPIPE after the kill, -EINTR. The byte is read before the ring is looked at, so that one that comes later is not missed. */
static inline int aiofs_wait(struct aiofs *c, int timeout)
{
	char bytes[64];
	struct pollfd p = {.fd = c->ready, .events = POLLIN};
	int n = poll(&p, 1, timeout);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	if (p.revents & POLLIN)
		return read(c->ready, bytes, sizeof(bytes)) > 0 ? 1 : -EPIPE;
	return -EPIPE;
}

#endif
