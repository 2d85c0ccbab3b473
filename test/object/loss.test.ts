import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/asm/index.ts';
import {
  array,
  bitfield,
  bytes,
  call,
  chars,
  clear,
  clearPadding,
  eventBuffer,
  exit,
  hash,
  helper,
  type Layout,
  label,
  mov,
  output,
  perfEventArray,
  perfOutput,
  r0,
  r1,
  r6,
  r7,
  reserve,
  ringbuf,
  ringOutput,
  socketFilter,
  stack,
  store,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
  update,
} from '../../src/index.ts';
import { holesOf } from '../../src/object/index.ts';
import { linkedText, messageOf, withoutLine, world } from './support.ts';

const refusal = (run: () => unknown) => withoutLine(messageOf(run));
const done = [mov(r0, 0), exit()];
const listed = (code: Code, maps = {}, into = world()) =>
  `\n${linkedText(socketFilter([mov(r6, r1), code, done]), into, maps)}\n`;

describe('the holes of a layout', () => {
  const Inner = struct('inner', { a: u32, b: u8 });
  const cases: [string, Layout, [number, number][]][] = [
    ['are none in a scalar', u64, []],
    ['are none where fields fill it', struct('s', { a: u32, b: u32 }), []],
    [
      'lie between fields and at the end',
      struct('s', { a: u8, b: u32, c: u16 }),
      [
        [1, 4],
        [10, 12],
      ],
    ],
    ['lie inside nested structs', struct('s', { a: Inner, b: u64 }), [[5, 8]]],
    [
      'lie in every element of an array',
      struct('s', { a: array(Inner, 2) }),
      [
        [5, 8],
        [13, 16],
      ],
    ],
    [
      'run through from one field to the next',
      struct('s', { a: Inner, b: u64, c: Inner }),
      [
        [5, 8],
        [21, 24],
      ],
    ],
    ['are what not every view of a union fills', union('v', { a: u64, b: u32, c: u16 }), [[2, 8]]],
    [
      'are those of a union inside a struct',
      struct('s', { a: u32, v: union('v', { a: u64, b: u8 }) }),
      [
        [4, 8],
        [9, 16],
      ],
    ],
    [
      'are the bytes behind bitfields',
      struct('s', { a: bitfield(u32, 7), b: bitfield(u32, 9) }),
      [[2, 4]],
    ],
    ['are none in chars and bytes', struct('s', { a: chars(3), b: bytes(5) }), []],
    [
      'end where a text starts',
      struct('s', { a: u64, b: u8, c: u32, d: u8, t: text(9) }),
      [[9, 12]],
    ],
  ];
  it.each(cases)('%s', (_title, layout, holes) => {
    expect(holesOf(layout, 0)).toEqual(holes);
    expect(holesOf(layout, 100)).toEqual(holes.map(([from, to]) => [from + 100, to + 100]));
  });
});

describe('the macros that count', () => {
  const Event = struct('event', { pid: u32, flag: u8, at: u64 });

  it('reserve a record, zero its padding, and count what a full ring refuses', () => {
    const events = ringbuf(Event, { maxEntries: 4096 });
    const full = label('full');
    const code = [reserve(r7, events, full), call(helper.ringbuf_discard, r7, 0), full];
    expect(listed(code, { events })).toMatchInlineSnapshot(`
      "
         0: (bf) r6 = r1
         1: (18) r1 = map[ringbuf]
         3: (b7) r2 = 16
         4: (b7) r3 = 0
         5: (85) call bpf_ringbuf_reserve#131
         6: (55) if r0 != 0x0 goto reserved
         7: (18) r1 = map[array][0]+0
         9: (b7) r2 = 1
        10: (db) lock *(u64 *)(r1 +0) += r2
        11: (05) goto full
       reserved:
        12: (bf) r7 = r0
        13: (72) *(u8 *)(r7 +5) = 0
        14: (6a) *(u16 *)(r7 +6) = 0
        15: (bf) r1 = r7
        16: (b7) r2 = 0
        17: (85) call bpf_ringbuf_discard#133
       full:
        18: (b7) r0 = 0
        19: (95) exit
      "
    `);
  });

  it('output to a ring', () => {
    const events = ringbuf(Event);
    const event = stack(Event);
    expect(listed([clear(event), ringOutput(events, event)], { events })).toMatchInlineSnapshot(`
      "
         0: (bf) r6 = r1
         1: (7a) *(u64 *)(r10 -16) = 0
         2: (7a) *(u64 *)(r10 -8) = 0
         3: (18) r1 = map[ringbuf]
         5: (bf) r2 = r10
         6: (07) r2 += -16
         7: (b7) r3 = 16
         8: (b7) r4 = 0
         9: (85) call bpf_ringbuf_output#130
        10: (76) if w0 s>= 0x0 goto accepted
        11: (18) r1 = map[array][0]+0
        13: (b7) r2 = 1
        14: (db) lock *(u64 *)(r1 +0) += r2
       accepted:
        15: (b7) r0 = 0
        16: (95) exit
      "
    `);
  });

  it('output to a perf buffer', () => {
    const events = perfEventArray(Event);
    const event = stack(Event);
    expect(
      listed([clear(event), perfOutput(r6, events, event)], { events }),
    ).toMatchInlineSnapshot(`
      "
         0: (bf) r6 = r1
         1: (7a) *(u64 *)(r10 -16) = 0
         2: (7a) *(u64 *)(r10 -8) = 0
         3: (bf) r1 = r6
         4: (18) r2 = map[perf_event_array]
         6: (b4) w3 = -1
         7: (bf) r4 = r10
         8: (07) r4 += -16
         9: (b7) r5 = 16
        10: (85) call bpf_perf_event_output#25
        11: (76) if w0 s>= 0x0 goto accepted
        12: (18) r1 = map[array][0]+0
        14: (b7) r2 = 1
        15: (db) lock *(u64 *)(r1 +0) += r2
       accepted:
        16: (b7) r0 = 0
        17: (95) exit
      "
    `);
  });

  it('output to the buffer that the kernel has', () => {
    const events = eventBuffer(Event);
    const event = stack(Event);
    const code = [clear(event), output(r6, events, event, 16)];
    const calls = (into = world()) => listed(code, { events }, into).match(/call bpf_\w+#\d+/g);
    expect(calls()).toEqual(['call bpf_ringbuf_output#130']);
    expect(calls(world({ hasMap: () => false }))).toEqual(['call bpf_perf_event_output#25']);
  });

  it('update a map, and count only what it refused for want of room', () => {
    const starts = hash(u32, u64);
    const key = stack(u32);
    const value = stack(u64);
    const set = (flags: 0 | 1 | 2) => [
      store(key, 1),
      store(value, 2),
      update(starts, key, value, flags),
    ];
    expect(listed(set(0), { starts })).toMatchInlineSnapshot(`
      "
         0: (bf) r6 = r1
         1: (62) *(u32 *)(r10 -8) = 1
         2: (7a) *(u64 *)(r10 -16) = 2
         3: (18) r1 = map[hash]
         5: (bf) r2 = r10
         6: (07) r2 += -8
         7: (bf) r3 = r10
         8: (07) r3 += -16
         9: (b7) r4 = 0
        10: (85) call bpf_map_update_elem#2
        11: (76) if w0 s>= 0x0 goto accepted
        12: (18) r1 = map[array][0]+0
        14: (b7) r2 = 1
        15: (db) lock *(u64 *)(r1 +0) += r2
       accepted:
        16: (b7) r0 = 0
        17: (95) exit
      "
    `);
    expect(listed(set(1), { starts }).match(/if .*/g)).toEqual([
      'if w0 s>= 0x0 goto accepted',
      'if w0 == 0xffffffef goto accepted',
    ]);
    expect(listed(set(2), { starts }).match(/if .*/g)).toEqual([
      'if w0 s>= 0x0 goto accepted',
      'if w0 == 0xfffffffe goto accepted',
    ]);
  });

  it('zero with the widest stores that are aligned', () => {
    const Holey = struct('holey', { a: u8, b: u64, c: u16, d: u8 });
    expect(listed(clearPadding(Holey, r6))).toMatchInlineSnapshot(`
      "
         0: (bf) r6 = r1
         1: (72) *(u8 *)(r6 +1) = 0
         2: (6a) *(u16 *)(r6 +2) = 0
         3: (62) *(u32 *)(r6 +4) = 0
         4: (72) *(u8 *)(r6 +19) = 0
         5: (62) *(u32 *)(r6 +20) = 0
         6: (b7) r0 = 0
         7: (95) exit
      "
    `);
  });
});

describe('a macro is refused with the line that calls it, when', () => {
  const Named = struct('named', { id: u32, name: text(16) });
  const Event = struct('event', { pid: u32 });
  const full = label('full');

  it.each([
    [
      'a record is reserved whose size is not known',
      () => reserve(r6, ringbuf(Named), full),
      'reserve: the size of a record that ends in text is not known; use ringOutput (loss.test.ts)',
    ],
    [
      'a record is reserved in what is no ring',
      () => reserve(r6, perfEventArray(Event) as never, full),
      'reserve: a ringbuf, got a perf_event_array (loss.test.ts)',
    ],
    [
      'a record is reserved in what may be no ring',
      () => reserve(r6, eventBuffer(Event), full),
      'reserve: an eventBuffer may be a perf buffer, which reserves nothing; use output (loss.test.ts)',
    ],
    [
      'a register has no size',
      () => ringOutput(ringbuf(Event), r6),
      'ringOutput: give the size of what the register points to (loss.test.ts)',
    ],
    [
      'a text has no size',
      () => perfOutput(r6, perfEventArray(Named), Named.at(r7)),
      'perfOutput: give the size of a record that ends in text (loss.test.ts)',
    ],
    [
      'only one buffer is there to send to',
      () => output(r6, ringbuf(Event), r7, 4),
      'output: an eventBuffer, got a ringbuf (loss.test.ts)',
    ],
  ])('%s', (_title, run, message) => {
    expect(refusal(run)).toBe(message);
  });

  it('it stands in a program twice', () => {
    const starts = hash(u32, u64);
    const key = stack(u32);
    const set = [store(key, 1), update(starts, key, key)];
    expect(refusal(() => socketFilter([set, set, done]))).toBe(
      'socket: label accepted is placed twice (loss.test.ts)',
    );
  });
});
