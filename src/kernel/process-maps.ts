/**
 * @module
 * What of a file a process has in its memory (/proc/PID/maps).
 */
import { readFileSync, statSync } from 'node:fs';

/** Where a process has a byte of a file as code: once for each mapping of it. */
export const addressesOf = (pid: number, path: string, offset: number): readonly bigint[] => {
  const { ino } = statSync(path, { bigint: true });
  // `7f1c2a000000-7f1c2a028000 r-xp 00026000 fd:01 1573 /usr/lib/libc.so.6`; the device is not always stat's.
  const pattern = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ (\d+)/gm;
  const found: bigint[] = [];
  const text = readFileSync(`/proc/${pid}/maps`, 'latin1');
  for (const [, start, end, from, inode] of text.matchAll(pattern)) {
    if (BigInt(inode!) !== ino) continue;
    const [first, last] = [BigInt(`0x${start}`), BigInt(`0x${end}`)];
    const at = first + BigInt(offset) - BigInt(`0x${from}`);
    if (at >= first && at < last) found.push(at);
  }
  return found;
};
