/**
 * The owner of a file descriptor. What the kernel gives out here closes on exec; garbage collection never
 * closes it, only `close()` does.
 *
 *     using map = new FileDescriptor(mapCreate({ ... }), "map 'events'");
 *     mapLookup(map.fd, key, value);
 *     map.close();
 *     map.fd; // Error: map 'events' is closed
 * @module
 */

import { closeFd } from './files.ts';

let open = 0;

export class FileDescriptor implements Disposable {
  #fd: number;
  /** What it is, for the error of who uses it after `close()`. */
  readonly name: string;

  constructor(fd: number, name: string) {
    this.#fd = fd;
    this.name = name;
    open++;
  }

  /** The number; throws when it is closed. */
  get fd(): number {
    if (this.#fd < 0) throw new Error(`${this.name} is closed`);
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  /** Closes it; the second time does nothing. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    // Gone whatever close(2) says: the kernel frees the number first, and it may be someone else's next.
    this.#fd = -1;
    open--;
    closeFd(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** How many descriptors are owned and not closed, for tests that look for leaks. */
export function openDescriptors(): number {
  return open;
}
