/**
 * @module
 * Strings in memory: UTF-8 up to a NUL or the end of their room.
 *
 * Most strings that a kernel hands out are ASCII, so they are scanned four bytes at a time and then taken as latin1,
 * which is the fastest way to a JavaScript string in Node. Measured for one 40-byte path (Node 20): 48 ns; TextDecoder
 * 87, String.fromCharCode.apply 160. Elsewhere TextDecoder does the work.
 */

type Slice = (this: Uint8Array, start: number, end: number) => string;

const latin1Slice = (globalThis as { Buffer?: { prototype: { latin1Slice?: Slice } } }).Buffer
  ?.prototype.latin1Slice;

let decoder: InstanceType<typeof TextDecoder> | undefined;

// The view that was read last: a reader hands in the same one for every record.
let lastView: DataView | undefined;
let lastBytes = /* @__PURE__ */ new Uint8Array(0);

/** The bytes under `view`. */
export const bytesOf = (view: DataView): Uint8Array => {
  if (view !== lastView) {
    lastView = view;
    lastBytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
  }
  return lastBytes;
};

/** The string from `start` to a NUL, or to `end`. Bytes that are not UTF-8 read as U+FFFD. */
export const readString = (view: DataView, start: number, end: number): string => {
  let at = start;
  while (at <= end - 4) {
    const word = view.getInt32(at, true);
    // A byte of the word is zero, or above 0x7f.
    if ((((word - 0x01010101) & ~word) | word) & 0x80808080) break;
    at += 4;
  }
  const bytes = bytesOf(view);
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === 0) break;
    if (byte > 0x7f) return decodeUtf8(bytes, start, nulFrom(bytes, at, end));
  }
  if (at <= start) return '';
  return latin1Slice === undefined
    ? decodeUtf8(bytes, start, at)
    : latin1Slice.call(bytes, start, at);
};

const nulFrom = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  while (at < end && bytes[at] !== 0) at++;
  return at;
};

const decodeUtf8 = (bytes: Uint8Array, start: number, end: number): string => {
  decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
  // Browsers do not decode shared memory, so that is copied.
  const shared = !(bytes.buffer instanceof ArrayBuffer) && latin1Slice === undefined;
  return decoder.decode(shared ? bytes.slice(start, end) : bytes.subarray(start, end));
};

const SLOTS = 1024;
let keys: Int32Array | undefined;
let names: string[];

/** A `char[16]`, the room of a task's name. The same few come over and over: 5 ns where readString takes 41. */
export const readComm = (view: DataView, at: number): string => {
  if (keys === undefined) {
    keys = new Int32Array(4 * SLOTS);
    names = new Array<string>(SLOTS).fill('');
  }
  const a = view.getInt32(at, true);
  const b = view.getInt32(at + 4, true);
  const c = view.getInt32(at + 8, true);
  const d = view.getInt32(at + 12, true);
  const mixed = a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ Math.imul(d, 0xc2b2ae35);
  const slot = Math.imul(mixed, 0x9e3779b1) >>> 22;
  const key = slot * 4;
  if (keys[key] === a && keys[key + 1] === b && keys[key + 2] === c && keys[key + 3] === d) {
    return names[slot]!;
  }
  const name = readString(view, at, at + 16);
  keys[key] = a;
  keys[key + 1] = b;
  keys[key + 2] = c;
  keys[key + 3] = d;
  names[slot] = name;
  return name;
};
