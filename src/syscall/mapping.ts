/**
 * Memory that is shared with the kernel: ring buffers, perf buffers, mmapable arrays, BTF.
 *
 * Reading such memory after munmap(2) would kill the process, not throw. So a Mapping hands out its memory
 * through accessors that throw once it is closed, and makes the arrays that someone kept harmless: where
 * ArrayBuffers can be detached (Node 22) they get length 0; on Node 20 the addresses stay reserved, filled
 * with zeros, until the last array over them is collected.
 *
 *     using page = mmap({ fd: ring, length: pageSize(), writable: true, name: 'consumer page' });
 *     Atomics.load(new BigUint64Array(page.buffer), 0);
 * @module
 */

import { fstatSync, readFileSync } from 'node:fs';
import { SystemCallError } from './errors.ts';
import { closeFd, openFile } from './files.ts';
import { systemCall, viewOf } from './libc.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x1;
const MAP_PRIVATE = 0x2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;

/** Node 20 aborts, without an exception, on a longer ArrayBuffer. */
const MAX_LENGTH = 0xffff_ffff;

export class Mapping implements Disposable {
  readonly length: number;
  readonly name: string;
  /** 0 when the memory is an ordinary copy. */
  readonly #address: number;
  #buffer: ArrayBuffer | undefined;
  #bytes: Uint8Array | undefined;

  /** Owns `length` bytes at `address`; for an ordinary copy, the address is 0. */
  constructor(name: string, address: number, buffer: ArrayBuffer) {
    this.name = name;
    this.#address = address;
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
    this.length = buffer.byteLength;
  }

  /**
   * The memory, always the same ArrayBuffer; throws when it is closed. Writing into a mapping that is not
   * `writable` kills the process.
   */
  get buffer(): ArrayBuffer {
    if (this.#buffer === undefined) throw new Error(`${this.name} is closed`);
    return this.#buffer;
  }

  /** The memory as bytes, always the same array; throws when it is closed. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) throw new Error(`${this.name} is closed`);
    return this.#bytes;
  }

  get closed(): boolean {
    return this.#buffer === undefined;
  }

  /** Unmaps the memory; the second time does nothing. */
  close(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#buffer = undefined;
    this.#bytes = undefined;
    if (this.#address === 0) return;
    if (detach(buffer)) unmap(this.#address, this.length);
    else retire(buffer, this.#address, this.length);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export interface MmapOptions {
  readonly fd: number;
  readonly length: number;
  readonly offset?: number | undefined;
  /** Where it shall be, if there is room; 0 for anywhere. */
  readonly address?: number | undefined;
  readonly writable?: boolean | undefined;
  /** A private copy-on-write mapping; otherwise what is written is seen by the kernel. */
  readonly isPrivate?: boolean | undefined;
  /** What it is, for errors. */
  readonly name?: string | undefined;
}

/** mmap(2): memory of a BPF map, a perf event or a file. */
export function mmap(options: MmapOptions): Mapping {
  const { fd, length, offset = 0, writable = false, isPrivate = false } = options;
  const { name = 'mapping', address: wanted = 0 } = options;
  if (!(length > 0 && length <= MAX_LENGTH)) {
    throw new RangeError(`map ${name}: expected 1 to ${MAX_LENGTH} bytes, got ${length}`);
  }
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const sharing = isPrivate ? MAP_PRIVATE : MAP_SHARED;
  const address = systemCall('mmap', wanted, length, protection, sharing, fd, offset);
  if (address < 0) {
    const attempt = `map ${name} (${length} bytes)`;
    throw new SystemCallError({ call: 'mmap', attempt, errno: -address });
  }
  return new Mapping(name, address, viewOf(address, length));
}

/** A whole file, read only: mapped, or read where the kernel does not map it (sysfs before Linux 6.16). */
export function mapFile(path: string): Mapping {
  const fd = openFile(path);
  try {
    return mmap({ fd, length: fstatSync(fd).size, isPrivate: true, name: path });
  } catch {
    const { buffer, byteOffset, byteLength } = readFileSync(path);
    return new Mapping(path, 0, buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  } finally {
    closeFd(fd);
  }
}

/** Makes an ArrayBuffer let go of its memory, where this Node can. */
function detach(buffer: ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }): boolean {
  if (!buffer.transfer) return false;
  buffer.transfer(0);
  return buffer.byteLength === 0;
}

function unmap(address: number, length: number): void {
  const result = systemCall('munmap', address, length);
  if (result >= 0) return;
  throw new SystemCallError({ call: 'munmap', attempt: 'unmap memory', errno: -result });
}

/** Puts zeros in place of the memory, which lets go of the kernel's, until nothing can read them any more. */
function retire(buffer: ArrayBuffer, address: number, length: number): void {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  const result = systemCall('mmap', address, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (result < 0) {
    throw new SystemCallError({ call: 'mmap', attempt: 'retire memory', errno: -result });
  }
  retired ??= new FinalizationRegistry((memory) => unmap(memory.address, memory.length));
  retired.register(buffer, { address, length });
}

let retired: FinalizationRegistry<{ address: number; length: number }> | undefined;
