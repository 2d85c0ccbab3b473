/**
 * @module
 * Helpers that read memory which may not be there (kernel/trace/bpf_trace.c): the kernel's and user space's. Where it
 * is not, they fail, and what they were to fill is zeros.
 */
import { type HelperFunction, readable, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EFAULT, EINVAL, EPERM } from '../maps/errors.ts';
import type { Registers } from '../registers.ts';

/** Bytes of the kernel at an address in a register; undefined where they are not. */
const kernelBytes = ({ memory, registers }: Machine, register: number, size: number) => {
  const at = memory.find(registers.high[register]!, registers.low[register]!, size);
  return at < 0 ? undefined : memory.bytes.subarray(at, at + size);
};

const userBytes = ({ user, registers }: Machine, register: number, size: number) =>
  user.at(registers.number(register), size);

type Bytes = (machine: Machine, register: number, size: number) => Uint8Array | undefined;

const read =
  (bytesOf: Bytes, from = 3): HelperFunction =>
  (machine, registers) => {
    const size = sizeIn(registers, 2);
    const to = writable(machine, 1, size);
    const bytes = bytesOf(machine, from, size);
    if (!bytes) {
      machine.memory.bytes.fill(0, to, to + size);
      return -EFAULT;
    }
    machine.memory.bytes.set(bytes, to);
    return 0;
  };

const sizeIn = (registers: Registers, register: number): number => registers.word(register);

const probe_read_kernel: HelperFunction = read(kernelBytes);
const probe_read_user: HelperFunction = read(userBytes);
const probe_read: HelperFunction = read(
  (machine, register, size) =>
    kernelBytes(machine, register, size) ?? userBytes(machine, register, size),
);
const copy_from_user: HelperFunction = read(userBytes);
const copy_from_user_task: HelperFunction = (machine, registers) =>
  registers.get(5) === 0n ? read(userBytes)(machine, registers) : -EINVAL;

/** All that can be read from an address on, up to `most`. */
type UpTo = (machine: Machine, register: number, most: number) => Uint8Array;

const kernelUpTo: UpTo = ({ memory, registers }, register, most) => {
  const [high, low] = [registers.high[register]!, registers.low[register]!];
  const at = memory.find(high, low, 0);
  const region = memory.region(high);
  if (at < 0 || !region) return new Uint8Array(0);
  return memory.bytes.subarray(at, Math.min(region.base + region.size, at + most));
};

const userUpTo: UpTo = ({ user, registers }, register, most) =>
  user.upTo(registers.number(register), most);

/** Copies a string with its NUL, which it gets where it is cut. The length with the NUL, or -EFAULT. */
const readString =
  (upTo: UpTo): HelperFunction =>
  (machine, registers) => {
    const size = sizeIn(registers, 2);
    const to = writable(machine, 1, size);
    if (size === 0) return 0;
    const found = upTo(machine, 3, size);
    const end = found.indexOf(0);
    const { bytes } = machine.memory;
    if (end < 0 && found.length < size) {
      bytes.fill(0, to, to + size);
      return -EFAULT;
    }
    const length = end < 0 ? size : end + 1;
    bytes.set(found.subarray(0, length), to);
    bytes[to + length - 1] = 0;
    return length;
  };

const probe_read_kernel_str: HelperFunction = readString(kernelUpTo);
const probe_read_user_str: HelperFunction = readString(userUpTo);
const probe_read_str: HelperFunction = readString((machine, register, most) => {
  const kernel = kernelUpTo(machine, register, most);
  return kernel.length > 0 ? kernel : userUpTo(machine, register, most);
});

const probe_write_user: HelperFunction = (machine, registers) => {
  const size = sizeIn(registers, 3);
  const from = readable(machine, 2, size);
  const bytes = machine.user.at(registers.number(1), size);
  if (!bytes) return -EPERM;
  bytes.set(machine.memory.bytes.subarray(from, from + size));
  return 0;
};

/** Compares a string with a constant one, as strncmp(3) does. */
const strncmp: HelperFunction = (machine, registers) => {
  const size = sizeIn(registers, 2);
  const first = readable(machine, 1, size);
  const constant = kernelUpTo(machine, 3, size);
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
