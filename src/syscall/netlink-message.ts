/**
 * Messages of netlink, in both directions: a header, a struct of the family, and attributes that can nest. Follows
 * include/uapi/linux/netlink.h (Linux 6.18) and netlink(7); numbers are in the order of the host.
 *
 *     const bytes = encodeMessage({ type: 18, flags: 5, header: new Uint8Array(16), attributes: [textAttribute(3, 'lo')] });
 *     decodeMessages(bytes); // [{ type: 18, flags: 5, sequence: 1, payload }]
 * @module
 */

/** struct nlmsghdr */
const HEADER = { len: 0, type: 4, flags: 6, seq: 8, pid: 12, size: 16 } as const;
/** struct nlattr; the two highest bits of its type are flags. */
const ATTRIBUTE = { len: 0, type: 2, size: 4 } as const;
const ATTRIBUTE_TYPE = 0x3fff;
const NLA_F_NESTED = 0x8000;

/** The one question of a socket that asks one. */
export const SEQUENCE = 1;

export interface Attribute {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  /** The struct of the family, such as ifinfomsg. */
  readonly header: Uint8Array;
  readonly attributes: readonly Attribute[];
}

export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows the header: the struct of the family and the attributes. */
  readonly payload: Uint8Array;
}

export function u32Attribute(type: number, value: number): Attribute {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return { type, bytes };
}

/** A text with its terminator. */
export const textAttribute = (type: number, text: string): Attribute => ({
  type,
  bytes: new TextEncoder().encode(`${text}\0`),
});

export const nestedAttribute = (type: number, ...attributes: readonly Attribute[]): Attribute => ({
  type: type | NLA_F_NESTED,
  bytes: joined(attributes.map(encodeAttribute)),
});

/** A message with its header. */
export function encodeMessage({ type, flags, header, attributes }: Message): Uint8Array {
  const body = joined([padded(header), ...attributes.map(encodeAttribute)]);
  const bytes = new Uint8Array(HEADER.size + body.length);
  const view = viewOf(bytes);
  view.setUint32(HEADER.len, bytes.length, true);
  view.setUint16(HEADER.type, type, true);
  view.setUint16(HEADER.flags, flags, true);
  view.setUint32(HEADER.seq, SEQUENCE, true);
  bytes.set(body, HEADER.size);
  return bytes;
}

function encodeAttribute({ type, bytes }: Attribute): Uint8Array {
  const encoded = new Uint8Array(align(ATTRIBUTE.size + bytes.length));
  const view = viewOf(encoded);
  view.setUint16(ATTRIBUTE.len, ATTRIBUTE.size + bytes.length, true);
  view.setUint16(ATTRIBUTE.type, type, true);
  encoded.set(bytes, ATTRIBUTE.size);
  return encoded;
}

/** The messages of one datagram. Throws a RangeError for a message that is longer than what is there. */
export function decodeMessages(bytes: Uint8Array): ReceivedMessage[] {
  const view = viewOf(bytes);
  const messages: ReceivedMessage[] = [];
  for (let at = 0; at + HEADER.size <= bytes.length; ) {
    const length = view.getUint32(at + HEADER.len, true);
    checkLength('message', at, length, HEADER.size, bytes.length);
    messages.push({
      type: view.getUint16(at + HEADER.type, true),
      flags: view.getUint16(at + HEADER.flags, true),
      sequence: view.getUint32(at + HEADER.seq, true),
      payload: bytes.subarray(at + HEADER.size, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** The attributes from an offset on, by their types; of several of one type the last. */
export function decodeAttributes(bytes: Uint8Array, offset = 0): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  for (let at = align(offset); at + ATTRIBUTE.size <= bytes.length; ) {
    const length = view.getUint16(at + ATTRIBUTE.len, true);
    checkLength('attribute', at, length, ATTRIBUTE.size, bytes.length);
    const type = view.getUint16(at + ATTRIBUTE.type, true) & ATTRIBUTE_TYPE;
    attributes.set(type, bytes.subarray(at + ATTRIBUTE.size, at + length));
    at += align(length);
  }
  return attributes;
}

function checkLength(what: string, at: number, length: number, least: number, end: number): void {
  if (length >= least && at + length <= end) return;
  throw new RangeError(
    `netlink ${what} at byte ${at}: a length from ${least} to ${end - at}, got ${length}`,
  );
}

/** A number in an attribute; undefined where the attribute is missing or shorter. */
export const u32Of = (bytes: Uint8Array | undefined): number | undefined =>
  bytes && bytes.length >= 4 ? viewOf(bytes).getUint32(0, true) : undefined;

export const textOf = (bytes: Uint8Array | undefined): string | undefined => {
  if (!bytes) return undefined;
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};

const align = (length: number): number => (length + 3) & ~3;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function padded(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(align(bytes.length));
  all.set(bytes);
  return all;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
