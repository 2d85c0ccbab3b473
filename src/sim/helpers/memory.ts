/**
 * @module
 * Helpers that read memory which may not be there (kernel/trace/bpf_trace.c): the kernel's and user space's. Where it
 * is not, they fail, and what they were to fill is zeros.
 */
import { type HelperFunction, readable, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EFAULT, EINVAL, ERANGE } from '../maps/errors.ts';
import type { Memory } from '../memory.ts';

/** Where the addresses of processes end, and those of the kernel begin, on x86-64. */
const PROCESS_END = 0x7fff_ffff_f000n;
const KERNEL_START = 0xffff_8000_0000_0000n;

/** Bytes at the address in a register, or a negative error number. */
type Bytes = (machine: Machine, register: number, size: number) => Uint8Array | number;

/** Bytes of the kernel at an address, or a negative error number. */
export const kernelBytes = (
  { memory }: Machine,
  address: bigint,
  size: number,
): Uint8Array | number => {
  const [high, low] = [address >> 32n, address].map((half) => Number(BigInt.asIntN(32, half)));
  const at = memory.find(high!, low!, size);
  return at < 0 ? kernelError(memory, address) : memory.bytes.subarray(at, at + size);
};

/** Addresses of processes, and of nobody, are out of range (copy_from_kernel_nofault_allowed). */
const kernelError = (memory: Memory, address: bigint): number =>
  memory.region(Number(BigInt.asIntN(32, address >> 32n))) || address >= KERNEL_START
    ? -EFAULT
    : -ERANGE;

const userBytes: Bytes = ({ user, registers }, register, size) => {
  if (size === 0 && registers.get(register) <= PROCESS_END) return NOTHING;
  return user.at(registers.number(register), size) ?? -EFAULT;
};
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

/** As old kernels tell addresses apart, but that ours of the kernel look like a process's. */
const isOfProcess = ({ memory, registers }: Machine, register: number): boolean =>
  !memory.region(registers.high[register]!) && registers.get(register) < PROCESS_END;

const read =
  (bytesOf: Bytes): HelperFunction =>
  (machine, registers) => {
    const size = registers.word(2);
    const to = writable(machine, 1, size);
    const bytes = bytesOf(machine, 3, size);
    if (typeof bytes === 'number') {
      machine.memory.bytes.fill(0, to, to + size);
      return bytes;
    }
    machine.memory.bytes.set(bytes, to);
    return 0;
  };

const probe_read_kernel: HelperFunction = read((machine, register, size) =>
  kernelBytes(machine, machine.registers.get(register), size),
);
const probe_read_user: HelperFunction = read(userBytes);
const probe_read: HelperFunction = (machine, registers) =>
  (isOfProcess(machine, 3) ? probe_read_user : probe_read_kernel)(machine, registers);
/** It may wait for memory, and where there is nothing to read it does not look at the address. */
const copy_from_user: HelperFunction = read((machine, register, size) =>
  size === 0 ? NOTHING : userBytes(machine, register, size),
);
const copy_from_user_task: HelperFunction = (machine, registers) =>
  registers.get(5) === 0n ? copy_from_user(machine, registers) : -EINVAL;

const kernelUpTo: Bytes = (machine, register, most) => {
  const { memory, registers } = machine;
  const [high, low] = [registers.high[register]!, registers.low[register]!];
  const at = memory.find(high, low, 0);
  const region = memory.region(high);
  if (at < 0 || !region) return kernelError(memory, registers.get(register));
  return memory.bytes.subarray(at, Math.min(region.base + region.size, at + most));
};

const userUpTo: Bytes = ({ user, registers }, register, most) =>
  user.upTo(registers.number(register), most);

/**
 * Copies a string with its NUL, which it gets where it is cut. The length with the NUL, or an error. Strings of a process
 * are copied in words of eight bytes while there is room for one, and in the last of them all behind the NUL is zeros.
 */
const readString =
  (upTo: Bytes, word: 1 | 8): HelperFunction =>
  (machine, registers) => {
    const size = registers.word(2);
    const to = writable(machine, 1, size);
    if (size === 0) return 0;
    const found = upTo(machine, 3, size);
    const { bytes } = machine.memory;
    const end = typeof found === 'number' ? -1 : found.indexOf(0);
    if (typeof found === 'number' || (end < 0 && found.length < size)) {
      bytes.fill(0, to, to + size);
      return typeof found === 'number' ? found : -EFAULT;
    }
    const length = end < 0 ? size : end + 1;
    bytes.set(found.subarray(0, length), to);
    bytes[to + length - 1] = 0;
    const whole = Math.ceil(length / word) * word;
    if (whole <= found.length) bytes.fill(0, to + length, to + whole);
    return length;
  };

const probe_read_kernel_str: HelperFunction = readString(kernelUpTo, 1);
const probe_read_user_str: HelperFunction = readString(userUpTo, 8);
const probe_read_str: HelperFunction = (machine, registers) =>
  (isOfProcess(machine, 3) ? probe_read_user_str : probe_read_kernel_str)(machine, registers);

const probe_write_user: HelperFunction = (machine, registers) => {
  const size = registers.word(3);
  const from = readable(machine, 2, size);
  const bytes = machine.user.at(registers.number(1), size);
  if (!bytes) return -EFAULT;
  bytes.set(machine.memory.bytes.subarray(from, from + size));
  return 0;
};

/** Compares a string with a constant one, as strncmp(3) does. */
const strncmp: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  const first = readable(machine, 1, size);
  const constant = kernelUpTo(machine, 3, size);
  if (typeof constant === 'number')
    throw machine.fault(`r3 points to no string: it ${machine.describe(registers.get(3))}`);
  for (let index = 0; index < size; index++) {
    const [a, b] = [machine.memory.bytes[first + index]!, constant[index] ?? 0];
    if (a !== b) return a < b ? -1 : 1;
    if (a === 0) return 0;
  }
  return 0;
};

export const memoryHelpers = {
  probe_read_kernel,
  probe_read_user,
  probe_read,
  copy_from_user,
  copy_from_user_task,
  probe_read_kernel_str,
  probe_read_user_str,
  probe_read_str,
  probe_write_user,
  strncmp,
};
