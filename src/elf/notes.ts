/**
 * Notes (Elf32_Nhdr, Elf64_Nhdr): small records with a name and a type, for build ids and USDT probes.
 *
 * @module
 */
import type { ElfBytes } from './bytes.ts';
import { decodeText } from './strings.ts';

export interface ElfNote {
  /** Whose note it is: 'GNU', 'stapsdt'. */
  readonly name: string;
  /** One of NT, within the name. */
  readonly type: number;
  /** A view of the file. */
  readonly description: Uint8Array;
  /** Where the note is in the file, in bytes. */
  readonly offset: number;
}

/** Three words of 4 bytes in both classes: the lengths of name and description, the type. */
const HEADER_LENGTH = 12;

/** Where notes are: a section, or a segment. */
interface Place {
  readonly offset: number;
  readonly align: number;
  readonly data: Uint8Array;
}

/** Reads the notes of a section or segment, `what` by name. */
export const readNotes = (file: ElfBytes, place: Place, what: string): ElfNote[] => {
  // Everything is padded to 4 bytes, except in .note.gnu.property of 64 bits.
  const unit = place.align === 8 ? 8 : 4;
  const pad = (length: number) => Math.ceil(length / unit) * unit;
  const end = place.offset + place.data.length;
  const result: ElfNote[] = [];
  for (let at = place.offset; at < end; ) {
    const fail = (message: string) => file.error(`note ${result.length} of ${what} ${message}`, at);
    if (at + HEADER_LENGTH > end) throw fail(`is cut off: ${end - at} bytes are left`);
    const nameLength = file.u32(at);
    const descriptionLength = file.u32(at + 4);
    const description = at + pad(HEADER_LENGTH + nameLength);
    const after = description + descriptionLength;
    if (after > end) {
      throw fail(
        `has ${nameLength} and ${descriptionLength} bytes, of which ${end - at} are there`,
      );
    }
    const name = file.bytes.subarray(at + HEADER_LENGTH, at + HEADER_LENGTH + nameLength);
    const nul = name.indexOf(0);
    if (nameLength > 0 && nul === -1) throw fail('has a name without an end');
    result.push({
      name: decodeText(name.subarray(0, Math.max(nul, 0))),
      type: file.u32(at + 8),
      description: file.bytes.subarray(description, after),
      offset: at,
    });
    at = description + pad(descriptionLength);
  }
  return result;
};
