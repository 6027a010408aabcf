#!/usr/bin/env python3
# usage: client.py MOUNT FILE PIPE
# Nothing ever comes out of PIPE.
import os, random, select, struct, sys

IOCB = struct.Struct("=QIiHhIQQqQII")  # data key rw_flags opcode reqprio fildes buf nbytes offset reserved2 flags resfd
EVENT = struct.Struct("=QQqq")         # data obj res res2
PREAD, PWRITE, FSYNC = 0, 1, 2
FILE, BUF = 1 << 30, 1 << 31           # fildes is a slot of `files`, buf an offset into `buf`
READS, DEPTH, SIZE = 1000, 32, 4096

mount, path, pipe = sys.argv[1:]
new = open(mount + "/ctx/new")         # the context lives as long as this is open
c = mount + "/ctx/" + new.readline().strip()
for name, text in ("nr_events", f"{DEPTH}\n"), ("files", f"open 0 open=rdwr {path}\nopen 1 open=rdwr {pipe}\n"):
    with open(f"{c}/{name}", "w") as f:
        f.write(text)
submit = os.open(c + "/submit", os.O_WRONLY)
events = os.open(c + "/events_raw", os.O_RDONLY | os.O_NONBLOCK)
ready = os.open(c + "/ready", os.O_RDONLY | os.O_NONBLOCK)
buf = os.open(c + "/buf", os.O_RDWR)

def start(*requests):
    assert os.write(submit, b"".join(requests)) == len(requests) * IOCB.size

def request(tag, op, at=0, nbytes=0, offset=0, slot=0):
    return IOCB.pack(tag, 0, 0, op, 0, slot, at, nbytes, offset, 0, FILE | BUF, 0)

def wait():
    """The events that are there, one at least. `ready` is for any loop of select, poll or epoll."""
    while True:
        try:
            return list(EVENT.iter_unpack(os.read(events, DEPTH * EVENT.size)))
        except BlockingIOError:
            select.select([ready], [], [])
            os.read(ready, 64)

# Random reads, each into its own place in buf, which is used again when what came has been looked at.
content = open(path, "rb").read()
block = [0] * DEPTH

def read(place):
    block[place] = random.randrange(len(content) // SIZE) * SIZE
    return request(place, PREAD, place * SIZE, SIZE, block[place])

start(*map(read, range(DEPTH)))
begun, verified = DEPTH, 0
while verified < READS:
    done = wait()
    for place, _, res, _ in done:
        assert res == SIZE, os.strerror(-res)
        assert os.pread(buf, SIZE, place * SIZE) == content[block[place]:block[place] + SIZE]
    verified += len(done)
    again = done[:READS - begun]
    begun += len(again)
    if again:
        start(*(read(place) for place, *_ in again))

def one(*args):
    start(request(7, *args))
    (_, _, res, _), = wait()
    return res

os.pwrite(buf, b"written\n", 0)
assert one(PWRITE, 0, 8, len(content)) == 8
assert one(FSYNC) == 0
start(request(7, PREAD, 0, 1, 0, 1))
with open(c + "/cancel", "w") as f:
    f.write("tag=7\n")
assert wait()[0][2] == -125            # -ECANCELED
