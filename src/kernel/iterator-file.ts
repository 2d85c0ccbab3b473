/**
 * @module
 * What an iterator program writes with `seq_printf` and `seq_write`: one run over all that it iterates (tasks, maps,
 * sockets), read like a file (Documentation/bpf/bpf_iterators.rst).
 */
import { decoder, type Layout, type Value } from '../layout/index.ts';
import { FileDescriptor, readFd } from '../syscall/index.ts';

/** The kernel fills at most a page at a time, or eight for what a program writes at once. */
const CHUNK = 32 * 1024;

/** One run of an iterator. */
export class IteratorFile implements Disposable {
  readonly #descriptor: FileDescriptor;

  /** Owns the descriptor. */
  constructor(fd: number, name: string) {
    this.#descriptor = new FileDescriptor(fd, name);
  }

  /** The next bytes; undefined at the end. The program runs while they are read. */
  read(): Uint8Array | undefined {
    const bytes = new Uint8Array(CHUNK);
    for (;;) {
      const length = readFd(this.#descriptor.fd, bytes);
      // EAGAIN: the kernel has looked at very many things of which the program wrote nothing, and goes on.
      if (length !== undefined) return length === 0 ? undefined : bytes.subarray(0, length);
    }
  }

  /** All that is left. */
  bytes(): Uint8Array {
    const chunks: Uint8Array[] = [];
    for (let chunk = this.read(); chunk; chunk = this.read()) chunks.push(chunk);
    const all = new Uint8Array(chunks.reduce((size, { length }) => size + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /**
   * What is left as records of one layout, as `seq_write` wrote them. Throws a RangeError when the last one is cut off: the
   * program writes something else.
   */
  *records<L extends Layout>(layout: L): Generator<Value<L>, void> {
    const { size } = layout;
    const decode = decoder(layout);
    let rest = new Uint8Array();
    for (let chunk = this.read(); chunk; chunk = this.read()) {
      const bytes = new Uint8Array(rest.length + chunk.length);
      bytes.set(rest);
      bytes.set(chunk, rest.length);
      const view = new DataView(bytes.buffer);
      let at = 0;
      for (; at + size <= bytes.length; at += size) yield decode(view, at, at + size) as Value<L>;
      rest = bytes.slice(at);
    }
    if (rest.length > 0)
      throw new RangeError(`${rest.length} bytes are left, and a record has ${size}`);
  }

  /** All that is left, as text. */
  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
