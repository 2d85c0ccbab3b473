/**
 * @module
 * Dynptrs: memory whose size is known when the program runs, behind 16 bytes of stack that only helpers look into
 * (struct bpf_dynptr_kern, kernel/bpf/helpers.c). Here those bytes are a pointer, the size with what kind of memory it is,
 * and how much of its front has been left out. All zeros are no memory.
 */
import { type HelperFunction, mapIn, readable, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { E2BIG, EINVAL, ERANGE } from '../maps/errors.ts';
import { SimulatedRing } from '../maps/ring.ts';
import { pointerTo } from '../memory.ts';
import type { Registers } from '../registers.ts';
import { endRecord } from './output.ts';
import { takesFlags } from './packet.ts';

/** `struct bpf_dynptr`. */
const SIZE = 16;
/** DYNPTR_MAX_SIZE: what the size's bits hold beside the kind and the right to write. */
const MOST = 2 ** 24 - 1;
const PACKET = 1 << 28;
const READ_ONLY = 1 << 31;

interface Dynptr {
  /** Where its 16 bytes are in the heap. */
  readonly at: number;
  /** To the memory; 0 where there is none. */
  readonly pointer: bigint;
  readonly size: number;
  /** Bytes of the memory before the first. */
  readonly offset: number;
  readonly isPacket: boolean;
  readonly isReadOnly: boolean;
}

const dynptrIn = (machine: Machine, register: number): Dynptr => {
  const at = readable(machine, register, SIZE);
  const { view } = machine.memory;
  const word = view.getInt32(at + 8, true);
  return {
    at,
    pointer: view.getBigUint64(at, true),
    size: word & MOST,
    offset: view.getUint32(at + 12, true),
    isPacket: (word & PACKET) !== 0,
    isReadOnly: (word & READ_ONLY) !== 0,
  };
};

/** Fills a dynptr in; without a pointer it is null. */
const put = (machine: Machine, register: number, pointer = 0, size = 0, kind = 0): void => {
  const at = writable(machine, register, SIZE);
  const { view } = machine.memory;
  view.setBigUint64(at, BigInt(pointer), true);
  view.setInt32(at + 8, size | kind, true);
  view.setUint32(at + 12, 0, true);
};

/** Where `size` bytes from an offset on are in the heap; a negative error number where they are not all there. */
const bytesOf = (machine: Machine, dynptr: Dynptr, offset: number, size: number): number => {
  if (dynptr.pointer === 0n) return -EINVAL;
  if (size > dynptr.size || offset > dynptr.size - size) return -E2BIG;
  const from = dynptr.offset + offset;
  if (dynptr.isPacket) return machine.context?.packet?.place(from, size) ?? -EINVAL;
  const low = Number(BigInt.asIntN(32, dynptr.pointer)) + from;
  return machine.memory.find(Number(dynptr.pointer >> 32n), low, size);
};

// ----------
// Helpers
// ----------

const dynptr_from_mem: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  readable(machine, 1, size);
  put(machine, 4);
  if (size > MOST) return -E2BIG;
  if (registers.get(3) !== 0n) return -EINVAL;
  put(machine, 4, registers.number(1), size);
  return 0;
};

const ringbuf_reserve_dynptr: HelperFunction = (machine, registers) => {
  const ring = mapIn(machine, 1, SimulatedRing);
  const size = registers.word(2);
  put(machine, 4);
  if (registers.get(3) !== 0n) return -EINVAL;
  if (size > MOST) return -E2BIG;
  const pointer = ring.reserve(size, machine.place);
  if (pointer === 0) return -EINVAL;
  put(machine, 4, pointer, size);
  return 0;
};

const end =
  (keep: boolean): HelperFunction =>
  (machine) => {
    const { pointer } = dynptrIn(machine, 1);
    if (pointer !== 0n) endRecord(machine, pointer, keep);
    put(machine, 1);
    return 0;
  };
const ringbuf_submit_dynptr: HelperFunction = end(true);
const ringbuf_discard_dynptr: HelperFunction = end(false);

const dynptr_read: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  const to = writable(machine, 1, size);
  if (registers.get(5) !== 0n) return -EINVAL;
  const from = bytesOf(machine, dynptrIn(machine, 3), registers.word(4), size);
  if (from < 0) return from;
  machine.memory.bytes.copyWithin(to, from, from + size);
  return 0;
};

const dynptr_write: HelperFunction = (machine, registers) => {
  const dynptr = dynptrIn(machine, 1);
  const size = registers.word(4);
  const from = readable(machine, 3, size);
  if (dynptr.isReadOnly) return -EINVAL;
  const to = bytesOf(machine, dynptr, registers.word(2), size);
  if (to < 0) return to;
  const isSocketBuffer = dynptr.isPacket && !machine.context?.packet?.isXdp;
  if (isSocketBuffer ? !takesFlags(registers, 5) : registers.get(5) !== 0n) return -EINVAL;
  machine.memory.bytes.copyWithin(to, from, from + size);
  return 0;
};

/** A pointer to bytes of what is not a packet; 0 where they are not all there. */
const dynptr_data: HelperFunction = (machine, registers) => {
  const dynptr = dynptrIn(machine, 1);
  const [offset, size] = [registers.word(2), registers.word(3)];
  if (dynptr.isPacket || dynptr.isReadOnly || bytesOf(machine, dynptr, offset, size) < 0) return 0;
  return Number(dynptr.pointer) + dynptr.offset + offset;
};

export const dynptrHelpers = {
  dynptr_from_mem,
  ringbuf_reserve_dynptr,
  ringbuf_submit_dynptr,
  ringbuf_discard_dynptr,
  dynptr_read,
  dynptr_write,
  dynptr_data,
};

// ----------
// Functions of the kernel
// ----------

/** What a packet is, for programs that may change it and for those that may not. */
const fromPacket: HelperFunction = (machine, registers) => {
  const packet = machine.context?.packet;
  put(machine, 3);
  if (!packet || registers.get(2) !== 0n) return -EINVAL;
  const isWritten = machine.memory.writable[packet.region.id] !== 0;
  put(machine, 3, 1, packet.end - packet.start, isWritten ? PACKET : PACKET | READ_ONLY);
  return 0;
};

/** A pointer to bytes, also of a packet, which is in one piece; 0 where they are not all there. */
const slice =
  (isWritten: boolean): HelperFunction =>
  (machine, registers) => {
    const dynptr = dynptrIn(machine, 1);
    const [offset, size] = [registers.word(2), registers.word(4)];
    if (isWritten && dynptr.isReadOnly) return 0;
    if (bytesOf(machine, dynptr, offset, size) < 0) return 0;
    const from = dynptr.offset + offset;
    const packet = dynptr.isPacket ? machine.context?.packet : undefined;
    return packet ? pointerTo(packet.region, packet.start + from) : Number(dynptr.pointer) + from;
  };

/** Leaves out bytes in front and behind. */
const bpf_dynptr_adjust: HelperFunction = (machine, registers) => {
  const dynptr = dynptrIn(machine, 1);
  const [first, last] = [registers.word(2), registers.word(3)];
  if (dynptr.pointer === 0n || first > last) return -EINVAL;
  if (first > dynptr.size || last > dynptr.size) return -ERANGE;
  const { view } = machine.memory;
  const kind = view.getInt32(dynptr.at + 8, true) & ~MOST;
  view.setInt32(dynptr.at + 8, (last - first) | kind, true);
  view.setUint32(dynptr.at + 12, dynptr.offset + first, true);
  return 0;
};

const bpf_dynptr_is_null: HelperFunction = (machine) =>
  dynptrIn(machine, 1).pointer === 0n ? 1 : 0;
const bpf_dynptr_is_rdonly: HelperFunction = (machine) => (dynptrIn(machine, 1).isReadOnly ? 1 : 0);

const bpf_dynptr_size: HelperFunction = (machine) => {
  const { pointer, size } = dynptrIn(machine, 1);
  return pointer === 0n ? -EINVAL : size;
};

const bpf_dynptr_clone: HelperFunction = (machine) => {
  const { at, pointer } = dynptrIn(machine, 1);
  const to = writable(machine, 2, SIZE);
  machine.memory.bytes.copyWithin(to, at, at + SIZE);
  return pointer === 0n ? -EINVAL : 0;
};

const bpf_dynptr_copy: HelperFunction = (machine, registers: Registers) => {
  const size = registers.word(5);
  const target = dynptrIn(machine, 1);
  const to = bytesOf(machine, target, registers.word(2), size);
  const from = bytesOf(machine, dynptrIn(machine, 3), registers.word(4), size);
  if (to < 0 || from < 0) return Math.min(to, 0) || from;
  if (target.isReadOnly) return -EINVAL;
  machine.memory.bytes.copyWithin(to, from, from + size);
  return 0;
};

const bpf_dynptr_memset: HelperFunction = (machine, registers) => {
  const dynptr = dynptrIn(machine, 1);
  const size = registers.word(3);
  if (dynptr.isReadOnly) return -EINVAL;
  const at = bytesOf(machine, dynptr, registers.word(2), size);
  if (at < 0) return at;
  machine.memory.bytes.fill(registers.word(4), at, at + size);
  return 0;
};

export const dynptrFunctions = {
  bpf_dynptr_from_skb: fromPacket,
  bpf_dynptr_from_xdp: fromPacket,
  bpf_dynptr_slice: slice(false),
  bpf_dynptr_slice_rdwr: slice(true),
  bpf_dynptr_adjust,
  bpf_dynptr_is_null,
  bpf_dynptr_is_rdonly,
  bpf_dynptr_size,
  bpf_dynptr_clone,
  bpf_dynptr_copy,
  bpf_dynptr_memset,
};
