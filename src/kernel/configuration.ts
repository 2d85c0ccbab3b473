/**
 * @module
 * The configuration that the kernel was built with: /proc/config.gz or /boot/config-RELEASE, and the lines that libbpf
 * adds to it (`LINUX_KERNEL_VERSION` and its kin).
 */
import { readFileSync } from 'node:fs';
import { isAtLeast, kernelVersion } from '../syscall/index.ts';
import { symbolAddress } from './kallsyms.ts';

let lines: ReadonlyMap<string, string> | undefined;
let file: string | undefined;

/** The file that the configuration is read from; undefined where this kernel shows none. */
export const configurationFile = (): string | undefined => {
  lines ??= readLines();
  return file;
};

/** What stands behind `NAME=`: `y`, `250`, `"text"`. undefined for what is not set. */
export const configuration = (name: string): string | undefined => {
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return String(kernelVersion().code);
    case 'LINUX_HAS_BPF_COOKIE':
      return isAtLeast('5.15') ? '1' : '0';
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      return hasSyscallWrapper() ? '1' : '0';
    default:
      lines ??= readLines();
      return lines.get(name);
  }
};

/** Whether system calls are functions of their saved registers: `__x64_sys_openat`. */
const hasSyscallWrapper = (): boolean =>
  ['__x64_sys_bpf', '__arm64_sys_bpf', '__s390x_sys_bpf', '__riscv_sys_bpf'].some(
    (name) => symbolAddress(name) !== undefined,
  );

const readLines = (): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const line of readText().split('\n')) {
    const equals = line.indexOf('=');
    const name = line.slice(0, equals);
    if (equals > 0 && name.startsWith('CONFIG_') && !found.has(name))
      found.set(name, line.slice(equals + 1));
  }
  return found;
};

/** node:zlib takes 2 ms to load, and programs that ask for the configuration are few. */
const gunzip = (bytes: Uint8Array): Uint8Array =>
  process.getBuiltinModule('node:zlib').gunzipSync(bytes);

const readText = (): string => {
  for (const path of [`/boot/config-${kernelVersion().release}`, '/proc/config.gz']) {
    try {
      const bytes = readFileSync(path);
      file = path;
      return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzip(bytes) : bytes).toString();
    } catch {
      // Then the other.
    }
  }
  return '';
};
