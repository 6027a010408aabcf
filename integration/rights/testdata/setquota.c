// setquota DIR UID KIB: bounds what a user may have on the file system that DIR is on.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
	if (argc != 4)
		errx(2, "usage: setquota DIR UID KIB");
	int dir = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		err(1, "%s", argv[1]);
	struct dqblk quota = {.dqb_bhardlimit = strtoul(argv[3], NULL, 10), .dqb_valid = QIF_BLIMITS};
	if (syscall(SYS_quotactl_fd, dir, QCMD(Q_SETQUOTA, USRQUOTA), atoi(argv[2]), &quota))
		err(1, "quotactl_fd");
	return 0;
}
