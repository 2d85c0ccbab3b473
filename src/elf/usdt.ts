/**
 * Static probes of user programs (USDT, SystemTap's sdt.h): where they are, and how to turn them on. Each is a note of
 * .note.stapsdt (https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).
 *
 * @example
 * usdtProbes(new ElfFile(readFileSync('/usr/lib/x86_64-linux-gnu/libstdc++.so.6'))).map(({ name }) => name);
 *
 * @module
 */
import { NT, PF } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import { fileOffset } from './function-offset.ts';
import { decodeText } from './strings.ts';

/** One place of a probe: a probe can have several, also with different arguments. */
export interface UsdtProbe {
  readonly provider: string;
  readonly name: string;
  /** Where its arguments are, as `-4@%edi 8@-24(%rbp)`: parseUsdtArguments reads them. */
  readonly args: string;
  /** Its address in the file's memory. */
  readonly address: number;
  /** Bytes from the start of the file to its instruction. */
  readonly offset: number;
  /** Bytes from the start of the file to the u16 that says whether anyone listens; undefined without one. */
  readonly semaphore: number | undefined;
}

/** The static probes of an executable or library. Throws an ElfError when a note of them is damaged. */
export const usdtProbes = (file: ElfFile): readonly UsdtProbe[] => {
  const base = file.section('.stapsdt.base');
  const notes = file.section('.note.stapsdt');
  if (!notes) return [];
  return file.notes(notes).flatMap(({ name, type, description, offset }) => {
    if (name !== 'stapsdt' || type !== NT.STAPSDT) return [];
    return readProbe(file, description, offset, base?.address);
  });
};

const readProbe = (
  file: ElfFile,
  description: Uint8Array,
  at: number,
  base: number | undefined,
): UsdtProbe => {
  const word = file.bits / 8;
  const { buffer, byteOffset, byteLength } = description;
  if (byteLength < 3 * word)
    throw new ElfError(`a static probe has ${byteLength} bytes, too few`, at, file.label);
  const view = new DataView(buffer, byteOffset, byteLength);
  const [location, linkedBase, semaphore] = [0, 1, 2].map((index) =>
    word === 8
      ? Number(view.getBigUint64(index * 8, file.littleEndian))
      : view.getUint32(index * 4, file.littleEndian),
  ) as [number, number, number];
  const texts = decodeText(description.subarray(3 * word)).split('\0');
  if (texts.length < 4)
    throw new ElfError('a static probe has no name or no arguments', at, file.label);
  const [provider = '', name = '', args = ''] = texts;
  // The file may have been moved (prelinked) after its notes were written.
  const moved = base === undefined ? 0 : base - linkedBase;
  const address = location + moved;
  const offset = fileOffset(file, address, PF.X);
  if (offset === undefined)
    throw new ElfError(
      `the static probe ${provider}:${name} is at ${address}, where there is no code`,
      at,
      file.label,
    );
  const counter = semaphore === 0 ? undefined : fileOffset(file, semaphore + moved);
  if (semaphore !== 0 && counter === undefined)
    throw new ElfError(
      `the semaphore of the static probe ${provider}:${name} is at ${semaphore}, which is not in the file`,
      at,
      file.label,
    );
  return { provider, name, args, address, offset, semaphore: counter };
};
