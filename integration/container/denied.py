#!/usr/bin/env python3
"""Succeeds where a filter denies every system call of io_setup(2) and of io_uring; says which ones it does not deny."""
import ctypes, errno, platform, sys

numbers = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427} | {
    "x86_64": {"io_setup": 206, "io_destroy": 207, "io_getevents": 208, "io_submit": 209, "io_cancel": 210, "io_pgetevents": 333},
    "aarch64": {"io_setup": 0, "io_destroy": 1, "io_submit": 2, "io_cancel": 3, "io_getevents": 4, "io_pgetevents": 292},
}[platform.machine()]

libc = ctypes.CDLL(None, use_errno=True)
# With these arguments each of them fails with EINVAL, EFAULT or EBADF where it is let through.
allowed = [name for name, n in numbers.items() if libc.syscall(n, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM]
if allowed:
    sys.exit("not denied: " + " ".join(sorted(allowed)))
