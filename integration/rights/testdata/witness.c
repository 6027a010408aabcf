/*
 * Finds out whether a read that was in flight when its process ended lands in another.
 *
 *	witness read CONTEXT FD end    submits a read of FD into a page at a fixed address, and ends: by exit,
 *	                               or by executing the next
 *	witness watch                  fills the page at the same address, says so, waits for a line, and says
 *	                               whether the page is as it was
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 4096 };

static unsigned char *page(int fill)
{
	unsigned char *p = mmap((void *)0x200000000000, SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	memset(p, fill, SIZE);
	return p;
}

static int watch(void)
{
	unsigned char *p = page(0x55);
	int i;

	puts("watching");
	fflush(stdout);
	getchar();
	for (i = 0; i < SIZE; i++)
		if (p[i] != 0x55) {
			printf("byte %d is %#x\n", i, p[i]);
			return 1;
		}
	puts("clean");
	return 0;
}

int main(int argc, char **argv)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_nbytes = SIZE };
	char path[4096];
	int fd;

	if (argc == 2)
		return watch();
	cb.aio_buf = (uintptr_t)page(0);
	cb.aio_fildes = atoi(argv[3]);
	snprintf(path, sizeof(path), "%s/submit", argv[2]);
	fd = open(path, O_WRONLY);
	if (write(fd, &cb, sizeof(cb)) != sizeof(cb)) {
		perror("submit");
		return 1;
	}
	close(fd);
	if (!strcmp(argv[4], "exec"))
		execl(argv[0], argv[0], "watch", (char *)NULL);
	return 0;
}
