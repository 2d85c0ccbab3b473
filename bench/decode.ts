/**
 * What it costs to make an object of an event: 304 bytes, eight fields, two of them strings.
 * @module
 */
import { chars, decoder, encode, i64, struct, u32, u64 } from '../src/layout/index.ts';
import { milliseconds, rounds, row } from './report.ts';

const fields = {
  pid: u32,
  tid: u32,
  uid: u32,
  flags: u32,
  ret: i64.number,
  comm: chars(16),
  path: chars(256),
};
const WithNumber = struct('event', { ts: u64.number, ...fields });
const WithBigint = struct('event', { ts: u64, ...fields });
const value = {
  pid: 4711,
  tid: 4712,
  uid: 0,
  flags: 0o102,
  ret: 3,
  comm: 'node',
  path: '/usr/lib/x86_64-linux-gnu/libc.so.6',
};
const COUNT = 1024;
const REPEAT = rounds(200);

const measure = (layout: typeof WithNumber | typeof WithBigint, ts: number | bigint): number => {
  const record = encode(layout as typeof WithBigint, { ts: ts as bigint, ...value });
  const bytes = new Uint8Array(record.length * COUNT);
  for (let i = 0; i < COUNT; i++) bytes.set(record, i * record.length);
  const view = new DataView(bytes.buffer);
  const decode = decoder(layout as typeof WithBigint);
  const kept: unknown[] = new Array(COUNT);
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < REPEAT; turn++) {
    const ms = milliseconds(() => {
      for (let i = 0; i < COUNT; i++)
        kept[i] = decode(view, i * record.length, (i + 1) * record.length);
    });
    best = Math.min(best, (ms * 1e6) / COUNT);
  }
  return best;
};

row('decode, u64 as number', measure(WithNumber, 123456789), 'ns');
row('decode, u64 as bigint', measure(WithBigint, 123456789n), 'ns', { goal: '57 to 105 ns' });
