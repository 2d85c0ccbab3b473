/** The macros that count, run by the kernel: what was taken and what was refused is what was sent. */
import { describe, expect, it } from 'vitest';
import {
  type Code,
  call,
  clear,
  eventBuffer,
  exit,
  fetchAdd,
  globals,
  hash,
  helper,
  KiB,
  type Label,
  label,
  lea,
  load,
  mov,
  object,
  output,
  perfEventArray,
  perfOutput,
  r0,
  r1,
  r6,
  r7,
  r8,
  reserve,
  ringbuf,
  ringOutput,
  stack,
  store,
  struct,
  tc,
  u8,
  u32,
  u64,
  update,
  w7,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const Counter = struct('counter', { sent: u64.number });
const Event = struct('event', { number: u64.number, flag: u8 });
const PACKET = new Uint8Array(64);
const SENT = 1000;

/** A program that takes the next number into r7, sends it, and returns what `send` leaves in r0; 0 behind `full`. */
const sender = (send: Code, full?: Label) => {
  const counter = globals(Counter);
  const body = [
    mov(r6, r1),
    lea(r1, counter),
    mov(r7, 1),
    fetchAdd(Counter.at(r1).sent, r7),
    send,
    full && [full, mov(r0, 0)],
    exit(),
  ];
  return { counter, program: tc(body) };
};

const fill = (event: ReturnType<typeof Event.at>): Code => [
  store(event.number, r7),
  store(event.flag, 1),
];

describe.skipIf(noBpf)(kernel('the macros that count'), () => {
  it('reserve: a full ring refuses the newest, and each is counted', () => {
    const events = ringbuf(Event, { maxEntries: 4 * KiB });
    const full = label('full');
    const { counter, program } = sender(
      [reserve(r8, events, full), fill(Event.at(r8)), call(helper.ringbuf_submit, r8, 0)],
      full,
    );
    using tool = loadObject(
      object({ license: 'GPL', maps: { events, counter }, programs: { program } }),
    );
    tool.programs.program.testRun({ dataIn: PACKET, repeat: SENT });
    const received: number[] = [];
    tool.maps.events.drain(({ number }) => received.push(number));
    // 16 bytes with a header of 8; one of 4096 / 24 stays free.
    expect(received).toEqual(Array.from({ length: 170 }, (_, number) => number));
    expect(tool.maps.counter.get('sent')).toBe(SENT);
    expect(tool.maps.events.lost).toBe(SENT - 170);
    expect(tool.losses()).toEqual({
      refused: { events: SENT - 170 },
      missed: { program: 0 },
      total: SENT - 170,
    });
    // With room again, nothing more is lost.
    tool.programs.program.testRun({ dataIn: PACKET, repeat: 10 });
    expect(tool.losses().total).toBe(SENT - 170);
  });

  it('reserve: the padding of a record is zero, whatever was there before', () => {
    const events = ringbuf(Event, { maxEntries: 4 * KiB });
    const full = label('full');
    const raw = struct('raw', { number: u64, rest: u64 });
    const dirty = label('dirty');
    const { counter, program } = sender(
      [
        // A record without holes leaves ones behind, the next one takes its place.
        reserve(r8, events, full),
        mov(r1, -1),
        store(raw.at(r8).number, r1),
        store(raw.at(r8).rest, r1),
        call(helper.ringbuf_discard, r8, 0),
        dirty,
        reserve(r8, events, full),
        fill(Event.at(r8)),
        load(r7, raw.at(r8).rest),
        call(helper.ringbuf_discard, r8, 0),
        mov(r0, r7),
        exit(),
      ],
      full,
    );
    using tool = loadObject(
      object({ license: 'GPL', maps: { events, counter }, programs: { program } }),
    );
    // Around the ring several times: 24 bytes each, twice a run.
    for (let run = 0; run < 500; run++) {
      expect(tool.programs.program.testRun({ dataIn: PACKET }).returnValue).toBe(1);
      tool.maps.events.drain(() => {});
    }
  });

  it.each(['ringbuf', 'perf'] as const)('output to a %s: taken and refused make all', (kind) => {
    const ring = ringbuf(Event, { maxEntries: 4 * KiB });
    const perf = perfEventArray(Event, { bufferSize: 4 * KiB });
    const event = stack(Event);
    const events = kind === 'ringbuf' ? ring : perf;
    const send = kind === 'ringbuf' ? ringOutput(ring, event) : perfOutput(r6, perf, event);
    const { counter, program } = sender([clear(event), fill(event), send]);
    using tool = loadObject(
      object({ license: 'GPL', maps: { events, counter }, programs: { program } }),
    );
    tool.programs.program.testRun({ dataIn: PACKET, repeat: SENT });
    let received = 0;
    tool.maps.events.drain(({ number }) => {
      expect(number).toBe(received++);
    });
    expect(received).toBeGreaterThan(50);
    expect(tool.maps.events.lost).toBe(SENT - received);
    expect(tool.maps.counter.get('sent')).toBe(SENT);
  });

  it.each([[], ['ringbuf']] as const)('output to an event buffer, without %j', (...without) => {
    const events = eventBuffer(Event, { size: 4 * KiB });
    const event = stack(Event);
    const { counter, program } = sender([clear(event), fill(event), output(r6, events, event, 16)]);
    const spec = object({ license: 'GPL', maps: { events, counter }, programs: { program } });
    using tool = loadObject(spec, { without });
    tool.programs.program.testRun({ dataIn: PACKET, repeat: SENT });
    let received = 0;
    tool.maps.events.drain(() => received++);
    expect(received).toBeGreaterThan(50);
    expect(tool.losses().refused).toEqual({ events: SENT - received });
  });

  it('update: a full map counts each refusal, and r0 has the error', () => {
    const starts = hash(u32, u64, { maxEntries: 16 });
    const key = stack(u32);
    const value = stack(u64);
    const { counter, program } = sender([
      store(key, w7),
      store(value, r7),
      update(starts, key, value),
    ]);
    using tool = loadObject(
      object({ license: 'GPL', maps: { starts, counter }, programs: { program } }),
    );
    const run = (repeat: number) =>
      tool.programs.program.testRun({ dataIn: PACKET, repeat }).returnValue | 0;
    expect(run(16)).toBe(0);
    expect(tool.losses().total).toBe(0);
    expect(run(SENT - 16)).toBe(-7);
    expect(tool.maps.starts.count()).toBe(16);
    expect(tool.losses().refused).toEqual({ starts: SENT - 16 });
  });

  it('update: that an entry is there, or not, is no loss when that was asked', () => {
    const starts = hash(u32, u64, { maxEntries: 4 });
    const key = stack(u32);
    const value = stack(u64);
    const { counter, program } = sender([
      store(key, 1),
      store(value, r7),
      update(starts, key, value, 2),
      mov(r8, r0),
      update(starts, key, value, 1),
      update(starts, key, value, 1),
      mov(r0, r8),
    ]);
    using tool = loadObject(
      object({ license: 'GPL', maps: { starts, counter }, programs: { program } }),
    );
    expect(tool.programs.program.testRun({ dataIn: PACKET }).returnValue | 0).toBe(-2);
    expect(tool.maps.starts.get(1)).toBe(0n);
    expect(tool.losses()).toMatchObject({ refused: { starts: 0 }, total: 0 });
  });
});
