/**
 * @module
 * Helpers that send to user space: ring buffers (kernel/bpf/ringbuf.c), perf buffers, the trace pipe, call stacks.
 */
import { type HelperFunction, hasOnly, mapIn, readable, writable } from '../helper.ts';
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
  if (!hasOnly(registers, 4, WAKEUPS)) return -EINVAL;
  return ring.output(machine.memory.bytes.subarray(from, from + size));
};

const ringbuf_reserve: HelperFunction = (machine, registers) => {
  const ring = mapIn(machine, 1, SimulatedRing);
  if (registers.number(3) !== 0) return 0;
  return ring.reserve(registers.word(2), machine.place);
};

/** Hands a record over, or drops it, at the pointer to its start. */
export const endRecord = (machine: Machine, pointer: bigint, keep: boolean): void => {
  const region = machine.memory.region(Number(BigInt.asIntN(32, pointer >> 32n)));
  const rings = region?.kind === 'record' ? machine.mapsOf(SimulatedRing) : [];
  if (!region || !rings.some((ring) => ring.submit(region, keep)))
    throw machine.fault(
      `r1 does not point to a record that is reserved: it ${machine.describe(pointer)}`,
    );
};

const end =
  (keep: boolean): HelperFunction =>
  (machine, registers) => {
    endRecord(machine, registers.get(1), keep);
    return 0;
  };
const ringbuf_submit: HelperFunction = end(true);
const ringbuf_discard: HelperFunction = end(false);

const ringbuf_query: HelperFunction = (machine, registers) =>
  mapIn(machine, 1, SimulatedRing).query(registers.number(2));

const CURRENT_CPU = 0xffff_ffff;

/** The lower half of the flags is the index; the upper may ask for bytes of the packet behind the data. */
const send = (machine: Machine, registers: Registers, hasPacket: boolean): number => {
  const perf = mapIn(machine, 2, SimulatedPerf);
  const size = registers.word(5);
  const from = readable(machine, 4, size);
  const index = registers.word(3);
  const more = registers.high[3]! & 0xfffff;
  if (registers.high[3]! >>> (hasPacket ? 20 : 0) !== 0) return -EINVAL;
  const data = machine.memory.bytes.subarray(from, from + size);
  const packet = more === 0 ? undefined : machine.packetBytes(0, more);
  if (more !== 0 && !packet) return -EFAULT;
  const bytes = packet ? Uint8Array.of(...data, ...packet) : data;
  return perf.output(index === CURRENT_CPU ? machine.cpu : index, bytes);
};
const perf_event_output: HelperFunction = (machine, registers) =>
  send(machine, registers, machine.context?.packet !== undefined);
const skb_output: HelperFunction = (machine, registers) => send(machine, registers, true);
const xdp_output: HelperFunction = skb_output;

/** The format with its conversions filled in; lines are in `machine.printed`. */
const trace_printk: HelperFunction = (machine, registers) =>
  print(
    machine,
    registers,
    [3, 4, 5].map((index) => registers.get(index)),
  );

const trace_vprintk: HelperFunction = (machine, registers) =>
  print(machine, registers, argumentsAt(machine, registers, 3));

/** MAX_BPRINTF_BUF without the NUL: the trace pipe gets no more of a line. */
const LONGEST_LINE = 1023;

/** The format is of a number of bytes, of which one is a NUL. Returns the length that all of the line would have. */
const print = (
  machine: Machine,
  registers: Registers,
  args: readonly bigint[] | undefined,
): number => {
  const size = registers.word(2);
  const from = readable(machine, 1, size);
  const pattern = machine.copy(from, size);
  const end = pattern.indexOf(0);
  if (!args || end < 0) return -EINVAL;
  const line = format(machine, pattern.subarray(0, end), args);
  if (typeof line === 'number') return line;
  const shown = line.subarray(0, LONGEST_LINE);
  machine.printed.push(new TextDecoder().decode(shown).replace(/\n$/, ''));
  return line.length;
};

/** Writes into memory, cut to fit; the length that all would take, NUL included. */
const snprintf: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  const to = writable(machine, 1, size);
  const pattern = machine.stringAt(registers.get(3));
  const args = argumentsAt(machine, registers, 4);
  if (!pattern || !args) return -EINVAL;
  const text = format(machine, pattern, args, size);
  if (typeof text === 'number') return text;
  if (size > 0) {
    machine.memory.bytes.set(text.subarray(0, size - 1), to);
    machine.memory.bytes[to + Math.min(text.length, size - 1)] = 0;
  }
  return text.length + 1;
};

/** MAX_BPRINTF_VARARGS. */
const MOST_ARGUMENTS = 12;

/** An array of u64 and its size in bytes, in two registers; undefined for one that the kernel does not take. */
const argumentsAt = (
  machine: Machine,
  registers: Registers,
  register: number,
): bigint[] | undefined => {
  const size = registers.word(register + 1);
  const from = readable(machine, register, size);
  if (size % 8 !== 0 || size > 8 * MOST_ARGUMENTS) return undefined;
  return Array.from({ length: size / 8 }, (_, index) =>
    machine.memory.view.getBigUint64(from + 8 * index, true),
  );
};

/** BPF_F_SKIP_FIELD_MASK and BPF_F_USER_STACK. */
const SKIP = 0xff;
const USER = 1 << 8;
/** With BPF_F_FAST_STACK_CMP and BPF_F_REUSE_STACKID. */
const STACK_FLAGS = SKIP | USER | (1 << 9) | (1 << 10);

const get_stackid: HelperFunction = (machine, registers) => {
  const stacks = mapIn(machine, 2, SimulatedStacks);
  if (!hasOnly(registers, 3, STACK_FLAGS)) return -EINVAL;
  const flags = registers.word(3);
  const { kernel, user } = machine.world.stack ?? {};
  return stacks.keep((flags & USER) !== 0 ? user : kernel, flags);
};

/** BPF_F_USER_BUILD_ID: places in files for addresses, of the process's stack only. */
const BUILD_ID = 1 << 11;
/** `struct bpf_stack_build_id`, and the status of a frame that is an address all the same: BPF_STACK_BUILD_ID_IP. */
const PLACE = { size: 32, status: 2, address: 24 } as const;

/** Fills memory with the addresses of a call stack: how many bytes, or an error, and zeros. */
const get_stack: HelperFunction = (machine, registers) => {
  const size = registers.word(3);
  const to = writable(machine, 2, size);
  const flags = registers.number(4);
  const { view, bytes } = machine.memory;
  bytes.fill(0, to, to + size);
  const places = (flags & BUILD_ID) !== 0;
  const known = hasOnly(registers, 4, SKIP | USER | BUILD_ID);
  const step = places ? PLACE.size : 8;
  if (!known || (places && (flags & USER) === 0) || size % step !== 0) return -EINVAL;
  const { kernel, user } = machine.world.stack ?? {};
  const frames = (flags & USER) !== 0 ? user : kernel;
  if (!frames || frames.length < (flags & SKIP)) return -EFAULT;
  const kept = frames.slice(flags & SKIP, (flags & SKIP) + size / step);
  kept.forEach((address, index) => {
    const at = to + step * index;
    if (places) view.setInt32(at, PLACE.status, true);
    view.setBigUint64(places ? at + PLACE.address : at, address, true);
  });
  return step * kept.length;
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
