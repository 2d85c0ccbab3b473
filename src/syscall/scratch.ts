/**
 * The scratch memory that attributes, keys and values travel in: 64 KiB whose address is known, so that a
 * call on a map allocates nothing. A look-up takes 980 ns, of which 880 are the bare call through koffi
 * (C: 720; bundled, Node 20.20, 2026-11-21); fresh buffers for each would cost 1000 more.
 *
 * Every system call of this room is synchronous and leaves nothing behind that is still needed, so one
 * arena is enough. Each worker thread has its own copy of this module, and so its own arena.
 * @module
 */

import { addressOf } from './libc.ts';

/** Where the attribute of the call is; the longest one that is passed takes 152 bytes. */
const ATTR_SIZE = 256;
/** From here on: the key, the value, the info structs. */
export const DATA_OFFSET = ATTR_SIZE;
const SCRATCH_SIZE = 65536;

interface Scratch {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly longs: BigUint64Array;
}

let arena: Scratch | undefined;
const owners: object[] = [];
const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder();

export const scratch = (): Scratch => (arena ??= allocate());

function allocate(): Scratch {
  const buffer = new ArrayBuffer(SCRATCH_SIZE);
  return {
    address: addressOf(buffer),
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    longs: new BigUint64Array(buffer),
  };
}

// ----------
// The attribute, at offset 0
// ----------

/** Zeroes the attribute: the kernel refuses a call whose unused bytes are not zero. */
export function clearAttr(size: number): void {
  scratch().bytes.fill(0, 0, size);
}

export function putU32(offset: number, value: number): void {
  scratch().words[offset >>> 2] = value;
}

/** A number must be a safe integer; negative ones are stored in two's complement. */
export function putU64(offset: number, value: number | bigint): void {
  if (typeof value === 'bigint') {
    scratch().longs[offset >>> 3] = value;
    return;
  }
  const { words } = scratch();
  words[offset >>> 2] = value;
  words[(offset >>> 2) + 1] = Math.floor(value / 0x1_0000_0000);
}

/**
 * Four 64-bit numbers, none of them negative, at offset 0: an element's attribute. One call on a map is as
 * many stores as this, so they are written out; four times putU64 cost 200 ns more.
 */
export function putFour(a: number, b: number, c: number, d: number): void {
  const { words } = scratch();
  words[0] = a;
  words[1] = a / 0x1_0000_0000; // a store into a Uint32Array drops the fraction
  words[2] = b;
  words[3] = b / 0x1_0000_0000;
  words[4] = c;
  words[5] = c / 0x1_0000_0000;
  words[6] = d;
  words[7] = d / 0x1_0000_0000;
}

/** The address of a buffer, which is kept alive until the call is over. */
export function putPointer(offset: number, buffer: ArrayBufferView | undefined): void {
  if (buffer === undefined) return;
  putU64(offset, keepAlive(buffer));
}

/** The address of a text as a C string, which is kept alive until the call is over. */
export function putText(offset: number, text: string | undefined): void {
  if (text === undefined) return;
  if (text.includes('\0'))
    throw new RangeError(`a C string has no NUL inside, got ${JSON.stringify(text)}`);
  putPointer(offset, encoder.encode(`${text}\0`));
}

/** The most bytes that the name of a kernel object has: BPF_OBJ_NAME_LEN without the terminator. */
export const MAX_NAME_LENGTH = 15;

/** The name of a kernel object, in place. */
export function putName(offset: number, name: string | undefined): void {
  if (name === undefined) return;
  if (!/^[\w.]*$/.test(name) || name.length > MAX_NAME_LENGTH) {
    const wanted = `up to ${MAX_NAME_LENGTH} letters, digits, '_' and '.'`;
    throw new RangeError(`the name of a kernel object: expected ${wanted}, got '${name}'`);
  }
  encoder.encodeInto(name, scratch().bytes.subarray(offset));
}

/** A name that the kernel takes, from any name: other characters become '_', what is too long is cut. */
export function objectName(name: string): string {
  return name.replace(/[^\w.]/g, '_').slice(0, MAX_NAME_LENGTH);
}

// ----------
// Anywhere in the arena
// ----------

export const u32At = (offset: number): number => scratch().words[offset >>> 2]!;
export const u64At = (offset: number): bigint => scratch().longs[offset >>> 3]!;
export const i32At = (offset: number): number => u32At(offset) | 0;

/** The C string at an offset, of at most `size` bytes. */
export function textAt(offset: number, size: number): string {
  return cString(scratch().bytes.subarray(offset, offset + size));
}

/** The text up to the first NUL. */
export function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

// ----------
// What the kernel reads through pointers
// ----------

/** The address of a buffer, which stays alive until {@link release}. */
export function keepAlive(buffer: ArrayBufferView): number {
  owners.push(buffer);
  return addressOf(buffer);
}

/** Called after each system call: lets go of what it pointed to. */
export function release(): void {
  if (owners.length > 0) owners.length = 0;
}

/**
 * Copies small bytes into the arena and returns their address; large ones are passed where they are.
 * The kernel reads or writes as many bytes as the map says: the caller must have that many.
 */
export function placeBytes(offset: number, bytes: Uint8Array): number {
  const { length } = bytes;
  if (length > MAX_PLACED) return keepAlive(bytes);
  const arena = scratch();
  if (length > MAX_LOOPED) arena.bytes.set(bytes, offset);
  else for (let i = 0; i < length; i++) arena.bytes[offset + i] = bytes[i]!;
  return length === 0 ? 0 : arena.address + offset;
}

/** The address at which the kernel shall write: in the arena if it is small. */
export function placeOutput(offset: number, bytes: Uint8Array): number {
  const { length } = bytes;
  if (length > MAX_PLACED) return keepAlive(bytes);
  return length === 0 ? 0 : scratch().address + offset;
}

/** Copies out what the kernel wrote where {@link placeOutput} told it to. */
export function takeBytes(offset: number, bytes: Uint8Array): void {
  const { length } = bytes;
  if (length > MAX_PLACED) return;
  const from = scratch().bytes;
  if (length > MAX_LOOPED) bytes.set(from.subarray(offset, offset + length));
  else for (let i = 0; i < length; i++) bytes[i] = from[offset + i]!;
}

/** Up to here a copy is cheaper than asking for an address (33 ns, and 1 us for a young small array). */
export const MAX_PLACED = 16384;
/** Up to here a loop is cheaper than set() with its subarray (100 ns). */
const MAX_LOOPED = 32;
