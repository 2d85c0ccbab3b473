/**
 * @module
 * The dynamic linker's table of libraries, /etc/ld.so.cache (glibc's `struct cache_file_new`, sysdeps/generic/dl-cache.h).
 */
import { readFileSync } from 'node:fs';

const MAGIC = 'glibc-ld.so.cache1.1';
const HEADER_SIZE = 48;
const ENTRY_SIZE = 24;

/** What `flags` say of libraries for this machine: those of glibc 2, and their ABI. */
const FLAGS: Readonly<Record<string, number>> = { x64: 0x303, arm64: 0xa03 };

/** The paths of a library, the best first; none where the system has no such table (musl). */
export const findInLinkerCache = (name: string, file: string): string[] => {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return [];
  }
  // Some have the table of an older format before it.
  const start = bytes.indexOf(MAGIC, 0, 'latin1');
  if (start < 0 || start + HEADER_SIZE > bytes.length) return [];
  const table = bytes.subarray(start);
  const text = (offset: number): string => {
    const end = table.indexOf(0, offset);
    return offset < table.length ? table.toString('utf8', offset, end < 0 ? undefined : end) : '';
  };
  const room = Math.floor((table.length - HEADER_SIZE) / ENTRY_SIZE);
  const count = Math.min(table.readUInt32LE(MAGIC.length), room);
  const found: string[] = [];
  for (let index = 0; index < count; index++) {
    const at = HEADER_SIZE + index * ENTRY_SIZE;
    // Those with `hwcap` are for newer processors, and the linker decides which.
    const fits =
      table.readUInt32LE(at) === FLAGS[process.arch] && table.readBigUInt64LE(at + 16) === 0n;
    if (fits && text(table.readUInt32LE(at + 4)) === name)
      found.push(text(table.readUInt32LE(at + 8)));
  }
  return found;
};
