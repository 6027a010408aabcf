#!/usr/bin/env python3
"""A Python client of aiofs: struct iocb in, struct io_event out.

usage: client.py MOUNT FILE

FILE holds 512 KiB. It says nothing and exits with 0, or with an AssertionError.
"""

import mmap
import os
import struct
import sys
import threading
import time

IOCB = struct.Struct("=QIIHhIQQqQII")  # linux/aio_abi.h, little endian in the order of key and rw_flags
EVENT = struct.Struct("=QQqq")
PREAD, NOOP = 0, 6
FLAG_FILE, FLAG_BUF = 1 << 30, 1 << 31


def iocb(tag, op=NOOP, slot=0, buf=0, nbytes=0, offset=0, flags=None):
    if flags is None:
        flags = FLAG_FILE | FLAG_BUF if op != NOOP else 0
    return IOCB.pack(tag, 0, 0, op, 0, slot, buf, nbytes, offset, 0, flags, 0)


class Context:
    """A context that lives as long as its descriptor on ctx/new."""

    def __init__(self, mount, nr_events):
        self.alive = os.open(mount + "/ctx/new", os.O_RDONLY)
        self.dir = mount + "/ctx/" + os.read(self.alive, 32).decode().strip()
        self.put("nr_events", b"%d\n" % nr_events)

    def open(self, name, flags):
        return os.open(self.dir + "/" + name, flags)

    def put(self, name, text):
        fd = self.open(name, os.O_WRONLY)
        assert os.write(fd, text) == len(text)
        os.close(fd)

    def close(self):
        os.close(self.alive)


def events(data):
    assert len(data) % EVENT.size == 0
    return list(EVENT.iter_unpack(data))


def refused(errno, call, *args):
    try:
        got = call(*args)
    except OSError as e:
        assert e.errno == errno, e
    else:
        raise AssertionError(f"accepted: {got!r}")


def split_writes(mount, path):
    """The kernel cuts a large write where pages end, which is in the midst of an iocb where the memory is not aligned."""
    size, piece = 512 << 10, 64
    n = size // piece
    c = Context(mount, n)
    c.put("files", b"open 0 open=rdonly " + os.fsencode(path) + b"\n")
    batch = b"".join(iocb(i, PREAD, 0, i * piece, piece, i * piece) for i in range(n))
    memory = mmap.mmap(-1, len(batch) + 17)
    memory[17:] = batch
    rest = memoryview(memory)[17:]
    submit, counts = c.open("submit", os.O_WRONLY), []
    while rest:
        counts.append(os.write(submit, rest))
        rest = rest[counts[-1] :]
    assert len(counts) > 1, "the write was not split, so this has shown nothing"
    assert all(count % IOCB.size == 0 for count in counts), counts
    raw, got = c.open("events_raw", os.O_RDONLY), []
    while len(got) < n:
        got += events(os.read(raw, 1 << 20))
    assert sorted(e[0] for e in got) == list(range(n))
    assert sorted(e[1] for e in got) == list(range(1, n + 1))
    assert all(e[2:] == (piece, 0) for e in got)
    with open(c.dir + "/buf", "rb") as buf, open(path, "rb") as file:
        assert buf.read(size) == file.read()
    for fd in submit, raw:
        os.close(fd)
    c.close()


def partial_accept(mount):
    """The count says exactly what was taken: up to the first iocb without a slot, or the first that is refused."""
    c = Context(mount, 4)
    submit = c.open("submit", os.O_WRONLY | os.O_NONBLOCK)
    raw = c.open("events_raw", os.O_RDONLY | os.O_NONBLOCK)
    batch = [iocb(i) for i in range(10)]
    taken = os.write(submit, b"".join(batch))
    assert taken == 4 * 64, taken
    refused(11, os.write, submit, batch[4])  # EAGAIN
    assert [e[0] for e in events(os.read(raw, 4096))] == [0, 1, 2, 3]
    refused(11, os.read, raw, 4096)
    refused(22, os.read, raw, 31)  # EINVAL: no event fits

    bad = iocb(99, flags=1 << 20)
    assert os.write(submit, batch[4] + batch[5] + bad + batch[6]) == 2 * 64
    refused(22, os.write, submit, bad + batch[6])
    assert os.write(submit, batch[6] + batch[7][:40]) == 64
    refused(22, os.write, submit, batch[7][:40])
    assert [e[0] for e in events(os.read(raw, 4096))] == [4, 5, 6]
    os.close(submit)
    while True:
        try:
            assert os.read(raw, 4096) == b"", "no end of file"
            break
        except BlockingIOError:
            pass  # the last close comes to the daemon some time after it
    os.close(raw)
    c.close()


def getevents(mount):
    """min= and timeout= make a read io_getevents. Only lower bounds of time can be relied on."""
    c = Context(mount, 16)
    submit, raw = c.open("submit", os.O_WRONLY), c.open("events_raw", os.O_RDWR)
    os.write(raw, b"min=4 timeout=100ms")

    def timed(want):
        begun = time.monotonic()
        tags = [e[0] for e in events(os.read(raw, 4096))]
        assert tags == want, tags
        return time.monotonic() - begun

    assert timed([]) >= 0.1
    os.write(submit, iocb(1) + iocb(2))
    assert timed([1, 2]) >= 0.1
    os.write(submit, b"".join(iocb(i) for i in range(6)))
    timed([0, 1, 2, 3, 4, 5])

    refused(22, os.read, raw, 3 * 32)  # EINVAL: four do not fit
    os.write(raw, b"min=0")
    timed([])
    os.write(raw, b"min=4 timeout=inf")
    os.write(submit, iocb(1) + iocb(2))
    more = threading.Thread(target=lambda: [os.write(submit, iocb(i)) for i in (3, 4)])
    more.start()
    timed([1, 2, 3, 4])
    more.join()
    for fd in submit, raw:
        os.close(fd)
    c.close()


def text(mount, path):
    c = Context(mount, 16)
    c.put("submit", b"pread tag=7 off=8 len=8 %b\npread tag=8 /no/such/file\n" % os.fsencode(path))
    with open(c.dir + "/events") as f:
        lines = sorted(line.split()[:3] for line in f)
    assert lines == [["7", "8", "-"], ["8", "-2", "ENOENT"]], lines
    with open(c.dir + "/out/7", "rb") as f, open(path, "rb") as file:
        assert f.read() == file.read()[8:16]
    c.close()


def kill(mount):
    """What was open before the kill gets EINVAL after it, also when the number is another context's."""
    c = mount + "/ctx/4000000000"
    os.mkdir(c)
    refused(17, os.mkdir, c)  # EEXIST
    refused(22, os.mkdir, mount + "/ctx/007")
    submit, raw = os.open(c + "/submit", os.O_WRONLY), os.open(c + "/events_raw", os.O_RDONLY)
    waiter = threading.Thread(target=refused, args=(22, os.read, raw, 32))
    waiter.start()
    os.rmdir(c)
    waiter.join()
    os.mkdir(c)
    refused(22, os.write, submit, iocb(1))
    refused(22, os.read, raw, 32)
    os.rmdir(c)
    refused(2, os.rmdir, c)  # ENOENT


def main():
    mount, path = sys.argv[1:]
    split_writes(mount, path)
    partial_accept(mount)
    getevents(mount)
    text(mount, path)
    kill(mount)


main()
