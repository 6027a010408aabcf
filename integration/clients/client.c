/* A C client of aiofs: struct iocb of linux/aio_abi.h in, struct io_event out.
 *
 * usage: client MOUNT FILE
 *
 * FILE holds 512 KiB. It says nothing and exits with 0, or says what was wrong. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IOCB_FLAG_FILE (1u << 30)
#define IOCB_FLAG_BUF (1u << 31)

enum { REQUESTS = 1000, SLOTS = 128, SIZE = 512 };

#define CHECK(what)                                                                    \
	do {                                                                           \
		if (!(what)) {                                                         \
			fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #what, \
				strerror(errno));                                      \
			exit(1);                                                       \
		}                                                                      \
	} while (0)

static char dir[4096];

static int open_in(const char *name, int flags)
{
	char path[8192];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, flags);
	CHECK(fd >= 0);
	return fd;
}

static void put(const char *name, const char *text)
{
	int fd = open_in(name, O_WRONLY);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static int make_context(const char *mount)
{
	char number[32] = "", path[4096];

	snprintf(path, sizeof(path), "%s/ctx/new", mount);
	int alive = open(path, O_RDONLY);
	CHECK(alive >= 0);
	CHECK(read(alive, number, sizeof(number) - 1) > 0);
	number[strcspn(number, "\n")] = 0;
	snprintf(dir, sizeof(dir), "%s/ctx/%s", mount, number);
	return alive;
}

static struct iocb iocbs[REQUESTS];
static int seen[REQUESTS];

static int reap(int raw)
{
	struct io_event events[SLOTS];
	ssize_t n = read(raw, events, sizeof(events));

	CHECK(n > 0 && n % sizeof(events[0]) == 0);
	n /= sizeof(events[0]);
	for (ssize_t i = 0; i < n; i++) {
		CHECK(events[i].data < REQUESTS && events[i].obj == events[i].data + 1);
		CHECK(events[i].res == SIZE && events[i].res2 == 0);
		CHECK(seen[events[i].data]++ == 0);
	}
	return n;
}

/* All requests go through a context of few slots: each write takes as many as are free. */
static void stream(void)
{
	int submit = open_in("submit", O_WRONLY | O_NONBLOCK), raw = open_in("events_raw", O_RDONLY);
	size_t sent = 0, reaped = 0;

	while (reaped < REQUESTS) {
		if (sent < REQUESTS) {
			size_t want = SLOTS - (sent - reaped);
			ssize_t n = write(submit, iocbs + sent, sizeof(iocbs) - sent * sizeof(iocbs[0]));

			if (want > REQUESTS - sent)
				want = REQUESTS - sent;
			CHECK(n == (ssize_t)(want * sizeof(iocbs[0])));
			sent += want;
		}
		reaped += reap(raw);
	}
	CHECK(close(submit) == 0);
	CHECK(read(raw, seen, sizeof(seen)) == 0);
	close(raw);
}

int main(int argc, char **argv)
{
	static char got[REQUESTS * SIZE], want[REQUESTS * SIZE], line[8192];

	CHECK(argc == 3);
	int alive = make_context(argv[1]);
	snprintf(line, sizeof(line), "open 0 open=rdonly %s\n", argv[2]);
	put("files", line);
	put("nr_events", "128\n");
	for (unsigned i = 0; i < REQUESTS; i++) {
		iocbs[i].aio_data = i;
		iocbs[i].aio_lio_opcode = IOCB_CMD_PREAD;
		iocbs[i].aio_flags = IOCB_FLAG_FILE | IOCB_FLAG_BUF;
		iocbs[i].aio_buf = iocbs[i].aio_offset = i * SIZE;
		iocbs[i].aio_nbytes = SIZE;
	}
	int buf = open_in("buf", O_RDONLY), file = open(argv[2], O_RDONLY);
	stream();
	CHECK(pread(buf, got, sizeof(got), 0) == sizeof(got));
	CHECK(pread(file, want, sizeof(want), 0) == sizeof(want));
	CHECK(memcmp(got, want, sizeof(got)) == 0);
	close(alive);
	return 0;
}
