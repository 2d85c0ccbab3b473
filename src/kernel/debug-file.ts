/**
 * @module
 * Where the symbols of a stripped file are: the files that distributions put below /usr/lib/debug, and that
 * `.gnu_debuglink` names (GDB manual, "Debugging Information in Separate Files").
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { buildId, type ElfFile } from '../elf/index.ts';

const DEBUG = '/usr/lib/debug';

/** The file with the symbols of another, which is at `path` in the file system of the process `pid`; undefined if none is there. */
export const debugFile = (file: ElfFile, path: string, pid: number): string | undefined => {
  const roots = [`/proc/${pid}/root`, ''];
  const id = buildId(file);
  if (id !== undefined) {
    const name = join(DEBUG, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`);
    const found = roots.map((root) => root + name).find(isFile);
    if (found) return found;
  }
  const link = debugLink(file);
  if (!link) return undefined;
  const directory = dirname(path);
  const places = [directory, join(directory, '.debug'), join(DEBUG, directory)];
  return places
    .flatMap((place) => roots.map((root) => root + join(place, link.name)))
    .find((candidate) => isFile(candidate) && crc32(readFileSync(candidate)) === link.checksum);
};

/** A name, zeros up to a multiple of 4 bytes, and the CRC-32 of the file that bears the name. */
const debugLink = (file: ElfFile): { name: string; checksum: number } | undefined => {
  const section = file.section('.gnu_debuglink');
  if (!section || section.data.length < 8) return undefined;
  const { data } = section;
  const name = new TextDecoder().decode(data.subarray(0, Math.max(0, data.indexOf(0))));
  // A path would lead anywhere.
  if (name === '' || name !== basename(name)) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return { name, checksum: view.getUint32(data.length - 4, file.littleEndian) };
};

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true;
