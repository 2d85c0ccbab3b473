/**
 * @module
 * Values to bytes. What does not fit is refused by the name of its field: nothing wraps, nothing is cut.
 */
import { Misfit } from './misfit.ts';
import { nameOf, trailingText } from './shape.ts';
import type { Input, Layout } from './types.ts';
import { type Writer, writerOf } from './write.ts';

const writers = /* @__PURE__ */ new WeakMap<Layout, Writer>();

/** The bytes that the longest value of `layout` needs: its size, and room for a trailing `text`. */
export const maxSize = (layout: Layout): number => {
  if (layout.kind === 'text') return layout.max;
  const end = trailingText(layout);
  return end?.layout.kind === 'text'
    ? Math.max(layout.size, end.offset + end.layout.max)
    : layout.size;
};

/**
 * `value` as bytes, with zeros for padding. A trailing `text` makes it longer than the layout's size.
 *
 * Throws a TypeError for a value of another type and for a missing or unknown field, and a RangeError for one that
 * does not fit: `event.pid: expected a u32 (0 to 4294967295), got -1`.
 * @example
 * encode(struct('key', { pid: u32, kind: u8 }), { pid: 1, kind: 2 }); // Uint8Array [1, 0, 0, 0, 2, 0, 0, 0]
 */
export const encode = <L extends Layout>(layout: L, value: Input<L>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(maxSize(layout));
  const written = write(layout, value, new DataView(bytes.buffer), 0);
  return written === bytes.length ? bytes : bytes.slice(0, written);
};

/**
 * Writes `value` to `view` from `offset` on, and returns how many bytes it took. Throws as {@link encode} does; the
 * bytes may then hold a part of the value.
 * @example
 * encodeInto(u32, 1, view, 8); // 4
 */
export const encodeInto = <L extends Layout>(
  layout: L,
  value: Input<L>,
  view: DataView,
  offset = 0,
): number => {
  if (!Number.isInteger(offset) || offset < 0 || offset + layout.size > view.byteLength) {
    throw new RangeError(
      `${nameOf(layout)}: expected room for ${layout.size} bytes at ${offset}, got a view of ${view.byteLength}`,
    );
  }
  zero(view, offset, layout.size);
  return write(layout, value, view, offset);
};

/** Keys are short, and a view of one's own costs 80 ns. */
const zero = (view: DataView, offset: number, size: number): void => {
  if (size > 64) new Uint8Array(view.buffer, view.byteOffset + offset, size).fill(0);
  else for (let i = 0; i < size; i++) view.setUint8(offset + i, 0);
};

/** Writes to zeroed memory. */
const write = (layout: Layout, value: unknown, view: DataView, offset: number): number => {
  let writer = writers.get(layout);
  if (writer === undefined) {
    writer = writerOf(layout);
    writers.set(layout, writer);
  }
  try {
    return writer(view, offset, value) - offset;
  } catch (thrown) {
    throw thrown instanceof Misfit ? thrown.toError(nameOf(layout)) : thrown;
  }
};
