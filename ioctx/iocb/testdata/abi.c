// Prints what linux/aio_abi.h, linux/fs.h and poll.h say, one NAME VALUE a line.
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>

#define V(x) printf("%s %llu\n", #x, (unsigned long long)(x))
#define F(f) printf("%s %zu %zu\n", #f, offsetof(struct iocb, f), sizeof(((struct iocb *)0)->f))

int main(void)
{
	printf("sizeof %zu\n", sizeof(struct iocb));
	F(aio_data); F(aio_key); F(aio_rw_flags); F(aio_lio_opcode); F(aio_reqprio); F(aio_fildes); F(aio_buf);
	F(aio_nbytes); F(aio_offset); F(aio_reserved2); F(aio_flags); F(aio_resfd);
	V(IOCB_CMD_PREAD); V(IOCB_CMD_PWRITE); V(IOCB_CMD_FSYNC); V(IOCB_CMD_FDSYNC); V(IOCB_CMD_POLL);
	V(IOCB_CMD_NOOP); V(IOCB_CMD_PREADV); V(IOCB_CMD_PWRITEV);
	V(IOCB_FLAG_RESFD); V(IOCB_FLAG_IOPRIO);
	V(RWF_HIPRI); V(RWF_DSYNC); V(RWF_SYNC); V(RWF_NOWAIT); V(RWF_APPEND);
	// Younger than some headers.
#ifdef RWF_NOAPPEND
	V(RWF_NOAPPEND);
#endif
#ifdef RWF_ATOMIC
	V(RWF_ATOMIC);
#endif
#ifdef RWF_DONTCACHE
	V(RWF_DONTCACHE);
#endif
#ifdef RWF_NOSIGNAL
	V(RWF_NOSIGNAL);
#endif
	V(POLLRDNORM); V(POLLRDBAND); V(POLLWRNORM); V(POLLWRBAND); V(POLLMSG);
	return 0;
}
