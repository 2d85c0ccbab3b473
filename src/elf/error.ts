/**
 * The error of this room: an ELF file that is malformed, or that this reader does not know.
 *
 * @module
 */

/**
 * An ELF file that cannot be read or written.
 *
 * @example
 * try { new ElfFile(bytes, { label: 'prog.o' }).symbols; } catch (error) { if (error instanceof ElfError) console.error(error.offset); }
 */
export class ElfError extends Error {
  override readonly name = 'ElfError';
  /** Where in the file, in bytes; undefined when no byte is to blame. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number, label = 'the ELF file') {
    super(offset === undefined ? message : `${message} (at byte ${offset} of ${label})`);
    this.offset = offset;
  }
}
