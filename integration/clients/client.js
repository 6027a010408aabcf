// A Node client of aiofs: struct iocb in, struct io_event out.
//
// usage: node client.js MOUNT FILE
//
// FILE holds 512 KiB. It says nothing and exits with 0, or with an AssertionError.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');

const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = fs.constants;
const IOCB = 64;
const EVENT = 32;
const PREAD = 0;
const NOOP = 6;
const FLAG_FILE = 2 ** 30;
const FLAG_BUF = 2 ** 31;

// iocb packs a struct iocb of linux/aio_abi.h, on a little-endian machine.
function iocb(tag, op = NOOP, fields = {}) {
  const b = Buffer.alloc(IOCB);
  b.writeBigUInt64LE(BigInt(tag), 0);
  b.writeUInt16LE(op, 16);
  b.writeUInt32LE(fields.slot ?? 0, 20);
  b.writeBigUInt64LE(BigInt(fields.buf ?? 0), 24);
  b.writeBigUInt64LE(BigInt(fields.nbytes ?? 0), 32);
  b.writeBigInt64LE(BigInt(fields.offset ?? 0), 40);
  b.writeUInt32LE(fields.flags ?? (op === NOOP ? 0 : FLAG_FILE + FLAG_BUF), 56);
  return b;
}

function context(mount, nrEvents) {
  const alive = fs.openSync(path.join(mount, 'ctx/new'), O_RDONLY);
  const number = Buffer.alloc(32);
  const n = fs.readSync(alive, number);
  const dir = path.join(mount, 'ctx', number.toString('latin1', 0, n).trim());
  const c = {
    dir,
    open: (name, flags) => fs.openSync(path.join(dir, name), flags),
    put: (name, text) => {
      const fd = c.open(name, O_WRONLY);
      assert.strictEqual(fs.writeSync(fd, text), Buffer.byteLength(text));
      fs.closeSync(fd);
    },
    close: () => fs.closeSync(alive),
  };
  c.put('nr_events', `${nrEvents}\n`);
  return c;
}

function unpack(b) {
  assert.strictEqual(b.length % EVENT, 0);
  const events = [];
  for (let i = 0; i < b.length; i += EVENT) {
    events.push({
      data: Number(b.readBigUInt64LE(i)),
      obj: Number(b.readBigUInt64LE(i + 8)),
      res: Number(b.readBigInt64LE(i + 16)),
      res2: Number(b.readBigInt64LE(i + 24)),
    });
  }
  return events;
}

function readEvents(fd, size) {
  const b = Buffer.alloc(size);
  return unpack(b.subarray(0, fs.readSync(fd, b)));
}

const tags = (events) => events.map((e) => e.data);

// The kernel cuts a large write where pages end, which is in the midst of an iocb where the memory is not aligned. Node writes the
// rest after a short count by itself.
function splitWrites(mount, file) {
  const size = 512 << 10;
  const piece = 64;
  const n = size / piece;
  const c = context(mount, n);
  c.put('files', `open 0 open=rdonly ${file}\n`);
  const memory = Buffer.alloc(n * IOCB + 17);
  for (let i = 0; i < n; i++) {
    iocb(i, PREAD, { slot: 0, buf: i * piece, nbytes: piece, offset: i * piece }).copy(memory, 17 + i * IOCB);
  }
  const submit = c.open('submit', O_WRONLY);
  assert.strictEqual(fs.writeSync(submit, memory, 17), n * IOCB);
  const raw = c.open('events_raw', O_RDONLY);
  const got = [];
  while (got.length < n) {
    got.push(...readEvents(raw, 1 << 20));
  }
  const all = Array.from({ length: n }, (_, i) => i);
  assert.deepStrictEqual(tags(got).sort((a, b) => a - b), all);
  assert(got.every((e) => e.res === piece && e.res2 === 0));
  const buf = Buffer.alloc(size);
  const fd = c.open('buf', O_RDONLY);
  assert.strictEqual(fs.readSync(fd, buf, 0, size, 0), size);
  assert(buf.equals(fs.readFileSync(file)));
  [fd, raw, submit].forEach((f) => fs.closeSync(f));
  c.close();
}

// The count says exactly what was taken: up to the first iocb without a slot, or the first that is refused.
function partialAccept(mount) {
  const c = context(mount, 4);
  const submit = c.open('submit', O_WRONLY | O_NONBLOCK);
  const raw = c.open('events_raw', O_RDONLY | O_NONBLOCK);
  const batch = Array.from({ length: 10 }, (_, i) => iocb(i));
  assert.strictEqual(fs.writeSync(submit, Buffer.concat(batch)), 4 * IOCB);
  assert.throws(() => fs.writeSync(submit, batch[4]), { code: 'EAGAIN' });
  assert.deepStrictEqual(tags(readEvents(raw, 4096)), [0, 1, 2, 3]);
  assert.throws(() => readEvents(raw, 4096), { code: 'EAGAIN' });
  const bad = iocb(99, NOOP, { flags: 1 << 20 });
  assert.strictEqual(fs.writeSync(submit, Buffer.concat([batch[4], batch[5], bad, batch[6]])), 2 * IOCB);
  assert.throws(() => fs.writeSync(submit, bad), { code: 'EINVAL' });
  assert.deepStrictEqual(tags(readEvents(raw, 4096)), [4, 5]);
  [raw, submit].forEach((f) => fs.closeSync(f));
  c.close();
}

// min= and timeout= make a read io_getevents. Only lower bounds of time can be relied on.
async function getevents(mount) {
  const c = context(mount, 16);
  const submit = c.open('submit', O_WRONLY);
  const raw = c.open('events_raw', O_RDWR);
  fs.writeSync(raw, 'min=4 timeout=100ms');
  const timed = (want) => {
    const begun = process.hrtime.bigint();
    assert.deepStrictEqual(tags(readEvents(raw, 4096)), want);
    return process.hrtime.bigint() - begun;
  };
  const wait = 100_000_000n;
  assert(timed([]) >= wait);
  fs.writeSync(submit, Buffer.concat([iocb(1), iocb(2)]));
  assert(timed([1, 2]) >= wait);
  fs.writeSync(submit, Buffer.concat([1, 2, 3, 4, 5].map((i) => iocb(i))));
  timed([1, 2, 3, 4, 5]);

  fs.writeSync(raw, 'min=4 timeout=inf');
  const b = Buffer.alloc(4096);
  const four = new Promise((resolve, reject) => {
    fs.read(raw, b, (err, n) => (err ? reject(err) : resolve(unpack(b.subarray(0, n)))));
  });
  [1, 2, 3, 4].forEach((i) => fs.writeSync(submit, iocb(i)));
  assert.deepStrictEqual(tags(await four), [1, 2, 3, 4]);
  [raw, submit].forEach((f) => fs.closeSync(f));
  c.close();
}

// readFile reads events to their end, as it would a FIFO.
async function text(mount, file) {
  const c = context(mount, 16);
  c.put('submit', `pread tag=7 off=8 len=8 ${file}\npread tag=8 /no/such/file\n`);
  const lines = (await fs.promises.readFile(path.join(c.dir, 'events'), 'latin1')).trim().split('\n').sort();
  assert.match(lines[0], /^7 8 - seq=1 op=pread usec=\d+ \//);
  assert.match(lines[1], /^8 -2 ENOENT seq=2 op=pread usec=\d+ \/no\/such\/file$/);
  assert(fs.readFileSync(path.join(c.dir, 'out/7')).equals(fs.readFileSync(file).subarray(8, 16)));
  c.close();
}

async function main([mount, file]) {
  splitWrites(mount, file);
  partialAccept(mount);
  await getevents(mount);
  await text(mount, file);
}

main(process.argv.slice(2));
