/*
 * Makes chosen system calls of a program fail.
 *
 *	inject SOCKET PROGRAM [ARGUMENT...]
 *
 * It connects to SOCKET and becomes PROGRAM. There it takes lines "CALL N ERRNO": from then on the N-th CALL fails with that errno,
 * where N is 0 all of them, and answers each with how many there have been since the line before. CALL is a name below; none: "-".
 * seccomp(2), seccomp_unotify(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef FUSE_DEV_IOC_BACKING_OPEN /* of linux/fuse.h, Linux 6.9 */
#define FUSE_DEV_IOC_BACKING_OPEN _IOW(229, 1, struct { int32_t fd; uint32_t flags; uint64_t padding; })
#endif

/* The calls that can fail: by number, and by the bits that tell one use of a call from others. */
static const struct call {
	const char *name;
	int nr;
	int arg; /* -1: whatever its arguments are */
	unsigned mask, value;
} calls[] = {
	{"memfd_create", SYS_memfd_create, -1, 0, 0},
	{"ftruncate", SYS_ftruncate, -1, 0, 0},
	{"mmap_shared", SYS_mmap, 3, MAP_SHARED, MAP_SHARED},
	{"fcntl_dup", SYS_fcntl, 1, -1, F_DUPFD_CLOEXEC},
	{"fcntl_seals", SYS_fcntl, 1, -1, F_ADD_SEALS},
	{"io_uring_setup", SYS_io_uring_setup, -1, 0, 0},
	{"io_uring_register", SYS_io_uring_register, -1, 0, 0},
	{"eventfd2", SYS_eventfd2, -1, 0, 0},
	{"epoll_create1", SYS_epoll_create1, -1, 0, 0},
	{"epoll_add", SYS_epoll_ctl, 1, -1, EPOLL_CTL_ADD},
	{"openat", SYS_openat, -1, 0, 0},
	{"openat2", SYS_openat2, -1, 0, 0},
	{"readlinkat", SYS_readlinkat, -1, 0, 0},
	{"fstat", SYS_fstat, -1, 0, 0},
	{"fstatfs", SYS_fstatfs, -1, 0, 0},
	{"statx", SYS_statx, -1, 0, 0},
	{"unshare", SYS_unshare, -1, 0, 0},
	{"pidfd_open", SYS_pidfd_open, -1, 0, 0},
	{"pidfd_getfd", SYS_pidfd_getfd, -1, 0, 0},
	{"backing_open", SYS_ioctl, 1, -1, FUSE_DEV_IOC_BACKING_OPEN},
};
enum { CALLS = sizeof calls / sizeof *calls };

static void need(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* filter has the kernel ask about each of these numbers, and returns the descriptor on which it does. */
static int filter(void)
{
	struct sock_filter code[2 * CALLS + 2];
	int n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < CALLS; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].nr, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = {n, code};
	int fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	need(fd >= 0, "seccomp");
	return fd;
}

static void send_fd(int to, int fd)
{
	char data = 0, control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec iov = {&data, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	need(sendmsg(to, &m, 0) == 1, "sendmsg");
}

static int receive_fd(int from)
{
	int fd;
	char data, control[CMSG_SPACE(sizeof fd)];
	struct iovec iov = {&data, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	need(recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m), "recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

/* What was asked for last. */
static struct {
	const struct call *call;
	unsigned long nth, seen;
	int error;
} order;

static void take_order(int control)
{
	char line[100], name[32], answer[32];
	ssize_t n = read(control, line, sizeof line - 1);
	if (n <= 0)
		exit(0); /* who gives orders is gone, and the program goes with him */
	line[n] = 0;
	int len = snprintf(answer, sizeof answer, "%lu\n", order.seen);
	need(sscanf(line, "%31s %lu %d", name, &order.nth, &order.error) == 3, "order");
	order.call = NULL;
	order.seen = 0;
	for (int i = 0; i < CALLS; i++)
		if (!strcmp(name, calls[i].name))
			order.call = &calls[i];
	need(order.call || !strcmp(name, "-"), name);
	need(write(control, answer, len) == len, "answer");
}

static int matches(const struct seccomp_data *d)
{
	const struct call *c = order.call;
	return c && d->nr == c->nr && (c->arg < 0 || ((unsigned)d->args[c->arg] & c->mask) == c->value);
}

static void answer(int listener)
{
	struct seccomp_notif ask;
	struct seccomp_notif_resp reply;
	memset(&ask, 0, sizeof ask);
	memset(&reply, 0, sizeof reply);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &ask))
		return; /* the call was interrupted: it comes again */
	reply.id = ask.id;
	reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	int one = matches(&ask.data);
	if (one && (order.nth == 0 || order.nth == order.seen + 1)) {
		reply.flags = 0;
		reply.error = -order.error;
	}
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply) == 0)
		order.seen += one;
}

/* supervise answers the kernel until the program has ended. */
static void supervise(int listener, int control)
{
	for (;;) {
		struct pollfd p[] = {{listener, POLLIN, 0}, {control, POLLIN, 0}};
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents & POLLIN)
			answer(listener);
		else if (p[0].revents)
			exit(0);
		else if (p[1].revents)
			take_order(control);
	}
}

int main(int argc, char **argv)
{
	int pair[2], control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (argc < 3)
		return 2;
	strncpy(a.sun_path, argv[1], sizeof a.sun_path - 1);
	need(!connect(control, (struct sockaddr *)&a, sizeof a), argv[1]);
	need(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	pid_t child = fork();
	if (!child) {
		if (fork()) /* the program is to have no child */
			_exit(0);
		setpgid(0, 0); /* nor this one its signals */
		close(pair[0]);
		supervise(receive_fd(pair[1]), control);
	}
	need(child > 0 && waitpid(child, NULL, 0) == child, "fork");
	send_fd(pair[0], filter());
	execv(argv[2], argv + 2);
	need(0, argv[2]);
}
