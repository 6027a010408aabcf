// usage: node client.js MOUNT FILE PIPE
// Nothing ever comes out of PIPE.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');

const [IOCB, EVENT] = [64, 32]; // bytes of struct iocb and struct io_event, linux/aio_abi.h
const [PREAD, PWRITE, FSYNC] = [0, 1, 2];
const FILE_BUF = 2 ** 30 + 2 ** 31; // fildes is a slot of `files`, buf an offset into `buf`
const [READS, DEPTH, SIZE] = [1000, 32, 4096];

const [mount, path, pipe] = process.argv.slice(2);
const alive = fs.openSync(`${mount}/ctx/new`); // the context lives as long as this is open
const c = `${mount}/ctx/${fs.readFileSync(alive, 'latin1').trim()}`;
fs.writeFileSync(`${c}/nr_events`, `${DEPTH}\n`);
fs.writeFileSync(`${c}/files`, `open 0 open=rdwr ${path}\nopen 1 open=rdwr ${pipe}\n`);
const submit = fs.openSync(`${c}/submit`, fs.constants.O_WRONLY);
const events = fs.openSync(`${c}/events_raw`);
const buf = fs.openSync(`${c}/buf`, 'r+');

function request(tag, op, at = 0, nbytes = 0, offset = 0, slot = 0) {
  const b = Buffer.alloc(IOCB);
  b.writeBigUInt64LE(BigInt(tag), 0);
  b.writeUInt16LE(op, 16);
  b.writeUInt32LE(slot, 20);
  b.writeBigUInt64LE(BigInt(at), 24);
  b.writeBigUInt64LE(BigInt(nbytes), 32);
  b.writeBigInt64LE(BigInt(offset), 40);
  b.writeUInt32LE(FILE_BUF, 56);
  return b;
}

function start(requests) {
  assert.strictEqual(fs.writeSync(submit, Buffer.concat(requests)), requests.length * IOCB);
}

// The events that are there; it waits for the first.
function wait() {
  const b = Buffer.alloc(DEPTH * EVENT);
  const n = fs.readSync(events, b) / EVENT;
  return Array.from({ length: n }, (_, i) => ({
    tag: Number(b.readBigUInt64LE(i * EVENT)),
    res: Number(b.readBigInt64LE(i * EVENT + 16)),
  }));
}

// Random reads, each into its own place in buf, which is used again when what came has been looked at.
const content = fs.readFileSync(path);
const block = new Array(DEPTH);
function randomRead(place) {
  block[place] = SIZE * Math.floor(Math.random() * content.length / SIZE);
  return request(place, PREAD, place * SIZE, SIZE, block[place]);
}

start(Array.from({ length: DEPTH }, (_, place) => randomRead(place)));
for (let begun = DEPTH, verified = 0; verified < READS;) {
  const done = wait();
  for (const { tag: place, res } of done) {
    const got = Buffer.alloc(SIZE);
    fs.readSync(buf, got, 0, SIZE, place * SIZE);
    assert.strictEqual(res, SIZE);
    assert(got.equals(content.subarray(block[place], block[place] + SIZE)));
  }
  verified += done.length;
  const again = done.slice(0, READS - begun);
  begun += again.length;
  if (again.length > 0) start(again.map(({ tag }) => randomRead(tag)));
}

function one(...args) {
  start([request(7, ...args)]);
  return wait()[0].res;
}

fs.writeSync(buf, 'written\n', 0);
assert.strictEqual(one(PWRITE, 0, 8, content.length), 8);
assert.strictEqual(one(FSYNC), 0);
start([request(7, PREAD, 0, 1, 0, 1)]);
fs.writeFileSync(`${c}/cancel`, 'tag=7\n');
assert.strictEqual(wait()[0].res, -125); // -ECANCELED
