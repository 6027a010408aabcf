/*
 * A program written for the system call, whose only change is where its iocbs go: io_submit is a write to submit, io_getevents
 * a read of events_raw. It prints "ok" if all went as the kernel's AIO would have it.
 *
 *	dropin CONTEXT FILE
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static int submit_fd, events_fd;

static int io_submit(long nr, struct iocb *iocbs)
{
	ssize_t n = write(submit_fd, iocbs, nr * sizeof(*iocbs));
	return n < 0 ? -errno : (int)(n / sizeof(*iocbs));
}

static int io_getevents(long nr, struct io_event *events)
{
	ssize_t n = read(events_fd, events, nr * sizeof(*events));
	return n < 0 ? -errno : (int)(n / sizeof(*events));
}

static void check(int ok, const char *what, long long got)
{
	if (ok)
		return;
	printf("%s: %lld\n", what, got);
	exit(1);
}

/* one does one request and returns its result. */
static long long one(struct iocb cb)
{
	struct io_event ev;
	int n;

	cb.aio_data = 42;
	n = io_submit(1, &cb);
	if (n != 1)
		return n;
	n = io_getevents(1, &ev);
	check(n == 1, "io_getevents", n);
	check(ev.data == 42 && ev.res2 == 0, "data", ev.data);
	return ev.res;
}

static struct iocb rw(int op, int fd, void *buf, size_t n, long long off)
{
	struct iocb cb = { .aio_lio_opcode = op, .aio_fildes = fd, .aio_buf = (uintptr_t)buf, .aio_nbytes = n, .aio_offset = off };
	return cb;
}

static void files(int fd)
{
	char a[8] = "", b[8] = "", unreadable[4096];
	struct iovec out[2] = { { "12345", 5 }, { "678", 3 } }, in[2] = { { a, 3 }, { b, 5 } };
	long page = sysconf(_SC_PAGESIZE);
	char *hole = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long long r;

	munmap(hole, page);
	r = one(rw(IOCB_CMD_PWRITE, fd, "abcdefgh", 8, 0));
	check(r == 8, "pwrite", r);
	r = one(rw(IOCB_CMD_PREAD, fd, a, 4, 2));
	check(r == 4 && !memcmp(a, "cdef", 4), "pread", r);
	r = one(rw(IOCB_CMD_PWRITEV, fd, out, 2, 8));
	check(r == 8, "pwritev", r);
	r = one(rw(IOCB_CMD_PREADV, fd, in, 2, 8));
	check(r == 8 && !memcmp(a, "123", 3) && !memcmp(b, "45678", 5), "preadv", r);
	r = one(rw(IOCB_CMD_FSYNC, fd, NULL, 0, 0));
	check(r == 0, "fsync", r);
	r = one(rw(IOCB_CMD_PREAD, fd, unreadable, sizeof(unreadable), 16));
	check(r == 0, "pread at the end", r);
	r = one(rw(IOCB_CMD_PREAD, fd, hole, 8, 0));
	check(r == -EFAULT, "pread into a hole", r);
	r = one(rw(IOCB_CMD_PWRITE, fd, hole, 8, 0));
	check(r == -EFAULT, "pwrite from a hole", r);
	r = one(rw(IOCB_CMD_PREADV, fd, hole, 1, 0));
	check(r == -EFAULT, "preadv of a hole", r);
	in[1].iov_len = -1;
	r = one(rw(IOCB_CMD_PREADV, fd, in, 2, 0));
	check(r == -EINVAL, "preadv of a negative length", r);
	r = one(rw(IOCB_CMD_PREAD, 777, a, 1, 0));
	check(r == -EBADF, "pread of a closed descriptor", r);
	r = one(rw(IOCB_CMD_PREAD, open("/", O_PATH), a, 1, 0));
	check(r == -EBADF, "pread of an O_PATH descriptor", r);
}

static void streams(void)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN };
	char buf[4] = "";
	int p[2];
	long long r;

	check(pipe(p) == 0, "pipe", errno);
	cb.aio_fildes = p[0];
	check(write(p[1], "xyz", 3) == 3, "write", errno);
	r = one(cb);
	check(r & POLLIN, "poll", r);
	r = one(rw(IOCB_CMD_PREAD, p[0], buf, 4, 4096));
	check(r == 3 && !memcmp(buf, "xyz", 3), "pread of a pipe", r);
	check(!(fcntl(p[0], F_GETFL) & O_NONBLOCK), "flags", fcntl(p[0], F_GETFL));
}

/* signalled: an event is visible when its eventfd is signalled, once for each; both kinds of descriptors. */
static void signalled(int fd)
{
	char a[8], b[8];
	struct iocb cbs[2] = { rw(IOCB_CMD_PREAD, fd, a, 8, 0), rw(IOCB_CMD_PREAD, fd, b, 8, 8) };
	struct io_event ev[2];
	int efd = eventfd(0, 0), seen = 0;
	eventfd_t count, sum = 0;
	long long r;

	cbs[0].aio_flags = cbs[1].aio_flags = IOCB_FLAG_RESFD;
	cbs[0].aio_resfd = cbs[1].aio_resfd = efd;
	check(io_submit(2, cbs) == 2, "submit with an eventfd", errno);
	while (sum < 2) {
		check(eventfd_read(efd, &count) == 0, "eventfd_read", errno);
		sum += count;
		while (seen < (int)sum) {
			int n = io_getevents(2, ev);
			check(n > 0, "io_getevents", n);
			seen += n;
		}
	}
	check(sum == 2, "eventfd", sum);
	check(!memcmp(a, "abcdefgh", 8) && !memcmp(b, "12345678", 8), "data", 0);
	cbs[0].aio_resfd = 777;
	r = one(cbs[0]);
	check(r == -EBADF, "a closed eventfd", r);
	cbs[0].aio_resfd = fd;
	r = one(cbs[0]);
	check(r == -EINVAL, "a file as eventfd", r);
	/* A counter that is full is no reason to wait. */
	check(eventfd_write(efd, 0xfffffffffffffffe) == 0, "eventfd_write", errno);
	cbs[0].aio_resfd = efd;
	r = one(cbs[0]);
	check(r == 8, "pread with a full eventfd", r);
}

static void *all(void *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	check(fd >= 0, "open", errno);
	files(fd);
	streams();
	signalled(fd);
	return NULL;
}

static int at(const char *dir, const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags);
	check(fd >= 0, path, errno);
	return fd;
}

int main(int argc, char **argv)
{
	pthread_t other;

	submit_fd = at(argv[1], "submit", O_WRONLY);
	events_fd = at(argv[1], "events_raw", O_RDONLY);
	all(argv[2]);
	check(pthread_create(&other, NULL, all, argv[2]) == 0, "pthread_create", 0);
	pthread_join(other, NULL);
	puts("ok");
	return argc != 3;
}
