/**
 * @module
 * What a process has in its memory (/proc/PID/maps, proc_pid_maps(5)).
 */
import { readFileSync, statSync } from 'node:fs';

/** A piece of memory that holds code. */
export interface CodeMapping {
  readonly start: bigint;
  /** The first byte after it. */
  readonly end: bigint;
  /** Where it begins in the file, in bytes. */
  readonly offset: bigint;
  /** `fd:01`; not always the device that stat(2) tells. */
  readonly device: string;
  /** 0 where there is no file behind it. */
  readonly inode: bigint;
  /** The path as the process sees it, a name such as `[vdso]`, or ''. */
  readonly path: string;
}

/** The executable mappings of a process, in the order of their addresses. Throws the errors of the file system. */
export const codeMappings = (pid: number): readonly CodeMapping[] =>
  parseMappings(readFileSync(`/proc/${pid}/maps`, 'utf8'));

/** The executable ones of `7f1c2a000000-7f1c2a028000 r-xp 00026000 fd:01 1573    /usr/lib/libc.so.6`. */
export const parseMappings = (text: string): readonly CodeMapping[] => {
  const pattern = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) (\S+) (\d+) *(.*)$/gm;
  return Array.from(text.matchAll(pattern), ([, start, end, offset, device, inode, path]) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    offset: BigInt(`0x${offset}`),
    device: device!,
    inode: BigInt(inode!),
    // The kernel writes a line feed in a path so.
    path: path!.replaceAll('\\012', '\n'),
  }));
};

/** Where a process has a byte of a file as code: once for each mapping of it. */
export const addressesOf = (pid: number, path: string, offset: number): readonly bigint[] => {
  const { ino } = statSync(path, { bigint: true });
  return codeMappings(pid)
    .filter(({ inode }) => inode === ino)
    .map((mapping) => ({ ...mapping, at: mapping.start + BigInt(offset) - mapping.offset }))
    .filter(({ start, end, at }) => at >= start && at < end)
    .map(({ at }) => at);
};
