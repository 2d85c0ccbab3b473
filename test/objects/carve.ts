/**
 * BPF objects within other files: the tools of libbpf-tools hold theirs as constant data. An object starts with the
 * header of a 64-bit ELF file for BPF and ends with its last section or its section headers.
 *
 * @example
 * for (const { tool, bytes } of installedObjects()) readElf(bytes, { label: tool });
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MAGIC = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1);
const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
const EM_BPF = 247;
const SHT_NOBITS = 8;

/** The size of the object that starts here, or undefined if none does. */
const objectSize = (file: Buffer, start: number): number | undefined => {
  const end = file.length - start;
  if (end < HEADER_SIZE || file.readUInt16LE(start + 18) !== EM_BPF) return undefined;
  const headers = Number(file.readBigUInt64LE(start + 40));
  const count = file.readUInt16LE(start + 60);
  let size = headers + count * SECTION_HEADER_SIZE;
  if (file.readUInt16LE(start + 58) !== SECTION_HEADER_SIZE || size > end) return undefined;
  for (let i = 0; i < count; i++) {
    const header = start + headers + i * SECTION_HEADER_SIZE;
    if (file.readUInt32LE(header + 4) === SHT_NOBITS) continue;
    const offset = Number(file.readBigUInt64LE(header + 24));
    size = Math.max(size, offset + Number(file.readBigUInt64LE(header + 32)));
  }
  return size > end ? undefined : size;
};

/** The BPF objects in a file, in order: copies of their bytes. */
export const carve = (file: Buffer): Uint8Array[] => {
  const objects: Uint8Array[] = [];
  for (let at = file.indexOf(MAGIC); at !== -1; at = file.indexOf(MAGIC, at + 1)) {
    const size = objectSize(file, at);
    if (size === undefined) continue;
    objects.push(Uint8Array.from(file.subarray(at, at + size)));
    at += size - 1;
  }
  return objects;
};

/** An object of an installed tool. */
export interface CarvedObject {
  /** The name of the tool; `tool-2` for its second object. */
  readonly tool: string;
  readonly bytes: Uint8Array;
}

/** Where libbpf-tools and bpftool install their binaries. */
const FOLDERS = ['/usr/sbin'];

/** The objects in the tools that are installed; links to the same binary are left out. */
export const installedObjects = (): CarvedObject[] =>
  FOLDERS.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap(({ name }) =>
        carve(readFileSync(join(folder, name))).map((bytes, i) => ({
          tool: i === 0 ? name : `${name}-${i + 1}`,
          bytes,
        })),
      ),
  );
