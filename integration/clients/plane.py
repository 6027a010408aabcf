#!/usr/bin/env python3
"""A Python client of a context's shared memory: mmap of sq, ring and buf, doorbell and ready.

usage: plane.py MOUNT FILE

FILE holds 512 KiB, and is written to. It says nothing and exits with 0, or with an AssertionError; 77: memory is not shared here.

Python has no barriers. So it writes a byte to `doorbell` whatever flags say, and relies on the processor, as x86 does, to show its
stores in their order: the iocb before tail, the reading of an event before head.
"""

import mmap
import os
import select
import struct
import sys

IOCB = struct.Struct("=QIIHhIQQqQII")  # linux/aio_abi.h, little endian in the order of key and rw_flags
EVENT = struct.Struct("=QQqq")
PREAD, PWRITE, FSYNC = 0, 1, 2
FILE, BUF = 1 << 30, 1 << 31
NR, HEAD, TAIL, MAGIC, FLAGS, INCOMPAT, HEADER_LENGTH = 1, 2, 3, 4, 5, 6, 7  # words of the header
DEAD = 2
EAGAIN, EPIPE, ENODEV = 11, 32, 19


class Plane:
    def __init__(self, path):
        self.dir = path
        self.sq, self.ring, self.buf = (self.map(name) for name in ("sq", "ring", "buf"))
        self.sq_header, self.header = (memoryview(m)[:32].cast("I") for m in (self.sq, self.ring))
        assert self.sq_header[MAGIC] == 0xA10A51A1 and self.header[MAGIC] == 0xA10A10A1
        self.doorbell = os.open(path + "/doorbell", os.O_WRONLY | os.O_NONBLOCK)
        self.ready = os.open(path + "/ready", os.O_RDONLY | os.O_NONBLOCK)

    def map(self, name):
        fd = os.open(self.dir + "/" + name, os.O_RDWR)
        try:
            return mmap.mmap(fd, os.fstat(fd).st_size, mmap.MAP_SHARED)
        finally:
            os.close(fd)

    def push(self, tag, op, buf=0, nbytes=0, offset=0, slot=0):
        """False: sq is full."""
        h, tail = self.sq_header, self.sq_header[TAIL]
        if (tail - h[HEAD]) % 2**32 >= h[NR]:
            return False
        place = h[HEADER_LENGTH] + tail % h[NR] * IOCB.size
        IOCB.pack_into(self.sq, place, tag, 0, 0, op, 0, slot, buf, nbytes, offset, 0, FILE | BUF, 0)
        h[TAIL] = (tail + 1) % 2**32
        return True

    def knock(self):
        try:
            os.write(self.doorbell, b"x")
        except BlockingIOError:
            pass  # full: it will be heard

    def reap(self):
        """The events that are there."""
        h = self.header
        head, tail = h[HEAD] % h[NR], h[TAIL] % h[NR]
        got = []
        while head != tail:
            got.append(EVENT.unpack_from(self.ring, h[HEADER_LENGTH] + head * EVENT.size))
            head = (head + 1) % h[NR]
        h[HEAD] = head
        return got

    def wait(self):
        """The events that are there, one at least. The byte is read before the ring is looked at."""
        while not (got := self.reap()):
            select.select([self.ready], [], [])
            assert os.read(self.ready, 64), "killed"
        return got

    def one(self, *request):
        assert self.push(*request)
        self.knock()
        ((tag, _, res, _),) = self.wait()
        assert tag == request[0]
        return res


def reads(p, content):
    """32 in flight; tag T goes to place T % 32 in buf, once nobody is there."""
    size, depth, n = 512, 32, 1000
    busy, seen, sent = set(), set(), 0
    while len(seen) < n:
        while sent < n and sent % depth not in busy:
            busy.add(sent % depth)
            assert p.push(sent, PREAD, sent % depth * size, size, sent * size)
            sent += 1
        p.knock()
        for tag, _, res, res2 in p.wait():
            assert tag < sent and tag not in seen and (res, res2) == (size, 0), (tag, res)
            at = tag % depth * size
            assert p.buf[at : at + size] == content[tag * size : (tag + 1) * size]
            seen.add(tag)
            busy.remove(tag % depth)


def killed(p):
    assert not p.sq_header[FLAGS] & DEAD and p.header[INCOMPAT] == 0
    os.rmdir(p.dir)
    poll = select.poll()
    poll.register(p.ready, select.POLLIN)
    while not poll.poll()[0][1] & select.POLLHUP:
        os.read(p.ready, 64)
    assert p.sq_header[FLAGS] & DEAD and p.header[INCOMPAT] == 1
    while True:
        try:
            p.knock()
        except BrokenPipeError:
            return
        os.sched_yield()


def main():
    mount, path = sys.argv[1:]
    c = mount + "/ctx/4000000000"
    os.mkdir(c)
    for name, text in ("files", b"open 0 open=rdwr " + os.fsencode(path)), ("nr_events", b"32"):
        with open(c + "/" + name, "wb", buffering=0) as f:
            f.write(text + b"\n")
    try:
        p = Plane(c)
    except OSError as e:
        assert e.errno == ENODEV, e
        os.rmdir(c)
        sys.exit(77)
    with open(path, "rb") as f:
        reads(p, f.read())
        p.buf[5000:5013] = b"shared memory"
        assert p.one(7, PWRITE, 5000, 13, 1000) == 13
        assert p.one(8, FSYNC) == 0
        assert os.pread(f.fileno(), 13, 1000) == b"shared memory"
    assert p.one(9, 99) == -22  # a refusal is an event
    killed(p)


main()
