/* A user of aiofs.h.
 *
 * usage: plane MOUNT FILE
 *
 * FILE holds 512 KiB at least, and is written to. It says nothing and exits with 0, or says what was wrong. */
#include "aiofs.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>

enum { READS = 2000, DEPTH = 32, SIZE = 512, PLACES = 1024 };

#define CHECK(what)                                                                    \
	do {                                                                           \
		if (!(what)) {                                                         \
			fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #what, \
				strerror(errno));                                      \
			exit(1);                                                       \
		}                                                                      \
	} while (0)

static void put(const char *dir, const char *name, const char *text)
{
	int fd = aiofs_open_file(dir, name, O_WRONLY);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void request(struct aiofs *c, int op, uint64_t tag, uint64_t buf, uint64_t nbytes, int64_t offset)
{
	struct iocb *io = aiofs_iocb(c);

	CHECK(io);
	io->aio_data = tag;
	io->aio_lio_opcode = op;
	io->aio_flags = AIOFS_FILE | AIOFS_BUF;
	io->aio_buf = buf;
	io->aio_nbytes = nbytes;
	io->aio_offset = offset;
}

static unsigned some(struct aiofs *c, struct io_event *events, unsigned max)
{
	unsigned n;

	while (!(n = aiofs_reap(c, events, max)))
		CHECK(aiofs_wait(c, -1) == 1);
	return n;
}

/* Reads with DEPTH in flight: that of tag T is of place T % PLACES in the file, and goes to place T % DEPTH in buf once nobody is there. */
static void reads(struct aiofs *c, const unsigned char *file)
{
	static int seen[READS], busy[DEPTH];
	struct io_event events[DEPTH];
	uint64_t sent = 0, done = 0;

	while (done < READS) {
		while (sent < READS && !busy[sent % DEPTH]) {
			busy[sent % DEPTH] = 1;
			request(c, IOCB_CMD_PREAD, sent, sent % DEPTH * SIZE, SIZE, sent % PLACES * SIZE);
			sent++;
		}
		CHECK(aiofs_publish(c) == 0);
		unsigned n = some(c, events, DEPTH);
		for (unsigned i = 0; i < n; i++) {
			uint64_t tag = events[i].data;

			CHECK(tag < sent && events[i].res == SIZE && events[i].res2 == 0);
			CHECK(seen[tag]++ == 0);
			CHECK(memcmp(c->buf + tag % DEPTH * SIZE, file + tag % PLACES * SIZE, SIZE) == 0);
			busy[tag % DEPTH] = 0;
		}
		done += n;
	}
}

static void one(struct aiofs *c, int64_t res)
{
	struct io_event event;

	CHECK(aiofs_publish(c) == 0);
	CHECK(some(c, &event, 1) == 1);
	CHECK(event.data == 7 && event.res == res);
}

static void writes(struct aiofs *c, int fd)
{
	char got[16];

	memcpy(c->buf + 4096, "shared memory", 13);
	request(c, IOCB_CMD_PWRITE, 7, 4096, 13, 1000);
	one(c, 13);
	request(c, IOCB_CMD_FSYNC, 7, 0, 0, 0);
	one(c, 0);
	CHECK(pread(fd, got, 13, 1000) == 13 && memcmp(got, "shared memory", 13) == 0);

	struct iocb *io = aiofs_iocb(c); /* a refusal is an event */
	io->aio_data = 7;
	io->aio_lio_opcode = 99;
	io->aio_flags = AIOFS_FILE | AIOFS_BUF;
	one(c, -EINVAL);
}

static void killed(struct aiofs *c, const char *dir)
{
	int n;

	CHECK(!aiofs_dead(c) && !atomic_load(&c->ring->incompat_features));
	CHECK(rmdir(dir) == 0);
	while ((n = aiofs_wait(c, -1)) == 1)
		; /* a byte that nobody had read */
	CHECK(n == -EPIPE);
	CHECK(aiofs_dead(c) && atomic_load(&c->ring->incompat_features) == 1);
	CHECK(aiofs_iocb(c) && aiofs_publish(c) == -EPIPE);
	while ((n = aiofs_ring(c)) == 0) /* the daemon closes its end of this one soon after */
		sched_yield();
	CHECK(n == -EPIPE);
	struct pollfd p = {.fd = c->ready, .events = POLLIN};
	CHECK(poll(&p, 1, -1) == 1 && p.revents & POLLHUP);
}

int main(int argc, char **argv)
{
	static unsigned char file[PLACES * SIZE];
	static char dir[2048], line[4096];
	struct aiofs c;

	CHECK(argc == 3);
	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof(dir), "%s/ctx/4000000000", argv[1]);
	CHECK(mkdir(dir, 0700) == 0);
	snprintf(line, sizeof(line), "open 0 open=rdwr %s\n", argv[2]);
	put(dir, "files", line);
	put(dir, "nr_events", "32\n");
	int fd = open(argv[2], O_RDONLY);
	CHECK(read(fd, file, sizeof(file)) == sizeof(file));
	int err = aiofs_open(&c, dir);
	if (err == -ENODEV) {
		rmdir(dir);
		return 77; /* no shared memory here */
	}
	CHECK(err == 0);
	reads(&c, file);
	writes(&c, fd);
	killed(&c, dir);
	aiofs_close(&c);
	close(fd);
	return 0;
}
