/* usage: client MOUNT FILE PIPE
 *
 * Nothing ever comes out of PIPE. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define IOCB_FLAG_FILE (1u << 30) /* aio_fildes is a slot of `files` */
#define IOCB_FLAG_BUF (1u << 31)  /* aio_buf is an offset into `buf` */

enum { READS = 1000, DEPTH = 32, SIZE = 4096 };

#define CHECK(what)                                                                                  \
	do {                                                                                         \
		if (!(what)) {                                                                       \
			fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #what, strerror(errno)); \
			exit(1);                                                                     \
		}                                                                                    \
	} while (0)

static char dir[1024];
static int submit, events, ready, buf;

static int open_in(const char *name, int flags)
{
	char path[2048];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, flags | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static void put(const char *name, const char *text)
{
	int fd = open_in(name, O_WRONLY);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static struct iocb request(uint64_t tag, int op, uint64_t at, uint64_t nbytes, int64_t offset, int slot)
{
	return (struct iocb){.aio_data = tag, .aio_lio_opcode = op, .aio_fildes = slot, .aio_flags = IOCB_FLAG_FILE | IOCB_FLAG_BUF,
			     .aio_buf = at, .aio_nbytes = nbytes, .aio_offset = offset};
}

static void start(const struct iocb *iocbs, size_t n)
{
	CHECK(write(submit, iocbs, n * sizeof(*iocbs)) == (ssize_t)(n * sizeof(*iocbs)));
}

/* The events that are there, one at least. */
static int reap(struct io_event *done)
{
	struct pollfd p = {.fd = ready, .events = POLLIN};
	char bytes[64];
	ssize_t n;

	while ((n = read(events, done, DEPTH * sizeof(*done))) < 0) {
		CHECK(errno == EAGAIN && poll(&p, 1, -1) == 1 && read(ready, bytes, sizeof(bytes)) > 0);
	}
	return n / sizeof(*done);
}

static off_t block[DEPTH];

static struct iocb random_read(int place, size_t size)
{
	block[place] = random() % (size / SIZE) * SIZE;
	return request(place, IOCB_CMD_PREAD, place * SIZE, SIZE, block[place], 0);
}

/* Random reads, each into its own place in buf, which is used again when what came has been looked at. */
static void random_reads(const char *content, size_t size)
{
	struct iocb batch[DEPTH];
	struct io_event done[DEPTH];
	char got[SIZE];
	int begun, verified = 0, n;

	for (begun = 0; begun < DEPTH; begun++)
		batch[begun] = random_read(begun, size);
	start(batch, begun);
	while (verified < READS) {
		int again = 0;

		n = reap(done);
		for (int i = 0; i < n; i++) {
			int place = done[i].data;

			CHECK(done[i].res == SIZE && pread(buf, got, SIZE, place * SIZE) == SIZE);
			CHECK(memcmp(got, content + block[place], SIZE) == 0);
			if (begun < READS) {
				batch[again++] = random_read(place, size);
				begun++;
			}
		}
		verified += n;
		if (again)
			start(batch, again);
	}
}

static void one(struct iocb io, int64_t res)
{
	struct io_event event[DEPTH];

	start(&io, 1);
	if (res == -ECANCELED)
		put("cancel", "tag=7\n");
	CHECK(reap(event) == 1 && event[0].data == 7 && event[0].res == res);
}

int main(int argc, char **argv)
{
	char text[4096], number[16];
	struct stat st;

	CHECK(argc == 4);
	snprintf(dir, sizeof(dir), "%s/ctx", argv[1]);
	int new = open_in("new", O_RDONLY); /* the context lives as long as this is open */
	ssize_t n = read(new, number, sizeof(number));
	CHECK(n > 1);
	snprintf(dir, sizeof(dir), "%s/ctx/%.*s", argv[1], (int)n - 1, number);
	put("nr_events", "32\n");
	snprintf(text, sizeof(text), "open 0 open=rdwr %s\nopen 1 open=rdwr %s\n", argv[2], argv[3]);
	put("files", text);
	submit = open_in("submit", O_WRONLY);
	events = open_in("events_raw", O_RDONLY | O_NONBLOCK);
	ready = open_in("ready", O_RDONLY | O_NONBLOCK);
	buf = open_in("buf", O_RDWR);

	int file = open(argv[2], O_RDONLY);
	CHECK(file >= 0 && fstat(file, &st) == 0);
	const char *content = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, file, 0);
	CHECK(content != MAP_FAILED);
	random_reads(content, st.st_size);

	CHECK(pwrite(buf, "written\n", 8, 0) == 8);
	one(request(7, IOCB_CMD_PWRITE, 0, 8, st.st_size, 0), 8);
	one(request(7, IOCB_CMD_FSYNC, 0, 0, 0, 0), 0);
	one(request(7, IOCB_CMD_PREAD, 0, 1, 0, 1), -ECANCELED);
	return 0;
}
