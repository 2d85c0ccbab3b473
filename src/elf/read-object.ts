/**
 * From an object file, as clang, bpftool or this library wrote it, to an ObjectSpec: what `loadObject`, the simulator
 * and the printer take. Pure: the same bytes give the same spec on every machine.
 *
 * @example
 * using loaded = loadObject(readObject(readFileSync('prog.o'), { name: 'prog' }));
 *
 * @module
 */
import type { ObjectSpec } from '../object/index.ts';
import { EM, ET } from './constants.ts';
import { ElfError } from './error.ts';
import { ElfFile } from './file.ts';
import { readAnnotations } from './read-functions.ts';
import { readMaps } from './read-maps.ts';
import { readPrograms } from './read-programs.ts';
import { readTypes } from './read-types.ts';
import { decodeText } from './strings.ts';

export interface ReadObjectOptions {
  /** What messages call it: a file's name. */
  readonly label?: string | undefined;
}

/** The object in a file. Throws ElfError or BtfError for what is no BPF object, or damaged. */
export const readObject = (bytes: Uint8Array, options: ReadObjectOptions = {}): ObjectSpec => {
  const file = new ElfFile(bytes, options);
  if (file.machine !== EM.BPF && file.machine !== 0)
    throw new ElfError(
      `${file.label} is made for machine ${file.machine}, not for BPF (${EM.BPF})`,
    );
  if (file.type !== ET.REL)
    throw new ElfError(`${file.label} is no object file (ET_REL), but of type ${file.type}`);
  const types = readTypes(file);
  const annotations = readAnnotations(types);
  const maps = readMaps(file, types);
  return Object.freeze({
    kind: 'object',
    license: licenseOf(file),
    maps: maps.byName,
    programs: readPrograms(file, types, annotations, maps),
    hidden: {},
    types: types?.btf,
    relocations: annotations.relocations,
    config: types?.externs.config,
    bigEndian: !file.littleEndian,
  });
};

const licenseOf = (file: ElfFile): string => {
  const data = file.section('license')?.data ?? new Uint8Array();
  const end = data.indexOf(0);
  return decodeText(end < 0 ? data : data.subarray(0, end));
};
