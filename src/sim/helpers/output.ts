/**
 * @module
 * Helpers that send to user space: ring buffers (kernel/bpf/ringbuf.c), perf buffers, the trace pipe, call stacks.
 */
import { type HelperFunction, mapIn, readable, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EFAULT, EINVAL } from '../maps/errors.ts';
import { SimulatedPerf, SimulatedRing } from '../maps/ring.ts';
import { SimulatedStacks } from '../maps/stack-trace.ts';
import { format } from '../printf.ts';
import type { Registers } from '../registers.ts';

/** BPF_RB_NO_WAKEUP and BPF_RB_FORCE_WAKEUP. */
const WAKEUPS = 3;

const ringbuf_output: HelperFunction = (machine, registers) => {
  const ring = mapIn(machine, 1, SimulatedRing);
  const size = registers.word(3);
  const from = readable(machine, 2, size);
  if ((registers.number(4) & ~WAKEUPS) !== 0) return -EINVAL;
  return ring.output(machine.memory.bytes.subarray(from, from + size));
};

const ringbuf_reserve: HelperFunction = (machine, registers) => {
  const ring = mapIn(machine, 1, SimulatedRing);
  if (registers.number(3) !== 0) return 0;
  return ring.reserve(registers.word(2), machine.place);
};

const end =
  (keep: boolean): HelperFunction =>
  (machine, registers) => {
    const region = machine.memory.region(registers.high[1]!);
    const rings = region?.kind === 'record' ? machine.mapsOf(SimulatedRing) : [];
    if (!region || !rings.some((ring) => ring.submit(region, keep)))
      throw machine.fault(
        `r1 does not point to a record that is reserved: it ${machine.describe(registers.get(1))}`,
      );
    return 0;
  };
const ringbuf_submit: HelperFunction = end(true);
const ringbuf_discard: HelperFunction = end(false);

const ringbuf_query: HelperFunction = (machine, registers) =>
  mapIn(machine, 1, SimulatedRing).query(registers.number(2));

const CURRENT_CPU = 0xffff_ffff;

/** The lower half of the flags is the index; the upper may ask for bytes of the packet behind the data. */
const perf_event_output: HelperFunction = (machine, registers) => {
  const perf = mapIn(machine, 2, SimulatedPerf);
  const size = registers.word(5);
  const from = readable(machine, 4, size);
  const index = registers.word(3);
  const more = registers.high[3]! & 0xfffff;
  if (registers.high[3]! >>> 20 !== 0) return -EINVAL;
  const data = machine.memory.bytes.subarray(from, from + size);
  const packet = more === 0 ? undefined : machine.packetBytes(0, more);
  if (more !== 0 && !packet) return -EFAULT;
  const bytes = packet ? Uint8Array.of(...data, ...packet) : data;
  return perf.output(index === CURRENT_CPU ? machine.cpu : index, bytes);
};
const skb_output: HelperFunction = perf_event_output;
const xdp_output: HelperFunction = perf_event_output;

/** The format with its conversions filled in; lines are in `machine.printed`. */
const trace_printk: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  const from = readable(machine, 1, size);
  const args = [3, 4, 5].map((index) => registers.get(index));
  return print(machine, textAt(machine, from, size), args);
};

const trace_vprintk: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  const from = readable(machine, 1, size);
  return print(machine, textAt(machine, from, size), argumentsAt(machine, registers, 3));
};

const print = (machine: Machine, text: string, args: readonly bigint[]): number => {
  const line = format(machine, text, args);
  if (line === undefined) return -EINVAL;
  machine.printed.push(line.replace(/\n$/, ''));
  return new TextEncoder().encode(line).length;
};

/** Writes into memory, cut to fit; the length that all would take, NUL included. */
const snprintf: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  const to = writable(machine, 1, size);
  const pattern = machine.stringAt(registers.get(3));
  if (pattern === undefined) return -EINVAL;
  const text = format(machine, pattern, argumentsAt(machine, registers, 4));
  if (text === undefined) return -EINVAL;
  const bytes = new TextEncoder().encode(text);
  if (size > 0) {
    machine.memory.bytes.set(bytes.subarray(0, size - 1), to);
    machine.memory.bytes[to + Math.min(bytes.length, size - 1)] = 0;
  }
  return bytes.length + 1;
};

/** An array of u64 and its size in bytes, in two registers. */
const argumentsAt = (machine: Machine, registers: Registers, register: number): bigint[] => {
  const size = registers.word(register + 1);
  const from = readable(machine, register, size);
  return Array.from({ length: size / 8 }, (_, index) =>
    machine.memory.view.getBigUint64(from + 8 * index, true),
  );
};

const textAt = ({ memory }: Machine, at: number, size: number): string => {
  const bytes = memory.bytes.slice(at, at + size);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};

/** BPF_F_USER_STACK. */
const USER = 1 << 8;

const get_stackid: HelperFunction = (machine, registers) => {
  const stacks = mapIn(machine, 2, SimulatedStacks);
  const flags = registers.number(3);
  const { kernel, user } = machine.world.stack ?? {};
  return stacks.keep((flags & USER) !== 0 ? user : kernel, flags);
};

/** Fills memory with addresses: how many bytes. */
const get_stack: HelperFunction = (machine, registers) => {
  const size = registers.word(3);
  const to = writable(machine, 2, size);
  const flags = registers.number(4);
  const { kernel, user } = machine.world.stack ?? {};
  const frames = (flags & USER) !== 0 ? user : kernel;
  machine.memory.bytes.fill(0, to, to + size);
  if (!frames || size % 8 !== 0) return frames ? -EINVAL : -EFAULT;
  const kept = frames.slice(flags & 0xff, (flags & 0xff) + size / 8);
  kept.forEach((address, index) => {
    machine.memory.view.setBigUint64(to + 8 * index, address, true);
  });
  return 8 * kept.length;
};

export const outputHelpers = {
  ringbuf_output,
  ringbuf_reserve,
  ringbuf_submit,
  ringbuf_discard,
  ringbuf_query,
  perf_event_output,
  skb_output,
  xdp_output,
  trace_printk,
  trace_vprintk,
  snprintf,
  get_stackid,
  get_stack,
};
