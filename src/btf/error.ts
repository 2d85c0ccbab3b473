/**
 * The error of this room: BTF that is malformed, or that BTF cannot express.
 *
 * @module
 */

/**
 * BTF that cannot be read, built or matched.
 *
 * @example
 * try { new Btf(bytes); } catch (error) { if (error instanceof BtfError) console.error(error.offset); }
 */
export class BtfError extends Error {
  override readonly name = 'BtfError';
  /** Where in the bytes that were given, counted from their start; undefined when no bytes are to blame. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number) {
    super(offset === undefined ? message : `${message} (at byte ${offset} of the BTF)`);
    this.offset = offset;
  }
}
