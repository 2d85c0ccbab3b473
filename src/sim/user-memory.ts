/**
 * @module
 * The memory of the process that a program looks at: whole pages, between which nothing can be read.
 * @example
 * const path = user.put('/etc/passwd'); // 0x555500000000n
 */

const PAGE = 4096;
/** Where the first is; the upper half is no region's id. */
const FIRST = 0x5555_0000_0000;

export class UserMemory {
  readonly #areas: { readonly start: number; readonly bytes: Uint8Array }[] = [];
  #next = FIRST;

  /** The address of new pages that start with this; a string is ended by a NUL. */
  put(content: string | Uint8Array): bigint {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(`${content}\0`) : content;
    const room = Math.max(PAGE, Math.ceil(bytes.length / PAGE) * PAGE);
    const area = new Uint8Array(room);
    area.set(bytes);
    return this.#add(area);
  }

  /** As `put`, so that nothing behind the last byte can be read. */
  putAtEnd(content: string | Uint8Array): bigint {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(`${content}\0`) : content;
    const room = Math.max(PAGE, Math.ceil(bytes.length / PAGE) * PAGE);
    const area = new Uint8Array(room);
    area.set(bytes, room - bytes.length);
    return this.#add(area) + BigInt(room - bytes.length);
  }

  /** The bytes at an address, to be read or changed; undefined where they are not all there. */
  at(address: number, size: number): Uint8Array | undefined {
    for (const { start, bytes } of this.#areas) {
      const offset = address - start;
      if (offset >= 0 && offset + size <= bytes.length)
        return bytes.subarray(offset, offset + size);
    }
    return undefined;
  }

  /** The bytes from an address to the end of its area, at most `most`. */
  upTo(address: number, most: number): Uint8Array {
    for (const { start, bytes } of this.#areas) {
      const offset = address - start;
      if (offset >= 0 && offset < bytes.length)
        return bytes.subarray(offset, Math.min(bytes.length, offset + most));
    }
    return new Uint8Array(0);
  }

  #add(bytes: Uint8Array): bigint {
    const start = this.#next;
    this.#areas.push({ start, bytes });
    this.#next += bytes.length + PAGE;
    return BigInt(start);
  }
}
