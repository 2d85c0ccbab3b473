/**
 * @module
 * Decoders put together from functions, for environments that forbid generated code.
 */
import type { Decoder } from './decode.ts';
import { integerOf, reader } from './integers.ts';
import { enumerators, setOwn, shiftOf } from './shape.ts';
import { bytesOf, readComm, readString } from './strings.ts';
import type { Access, ArrayOf, Fields, Layout, Struct } from './types.ts';

/** A decoder of `layout` that calls `short` for records below `least` bytes. */
export const closures = (
  layout: Layout,
  least: number,
  short: (length: number) => never,
): Decoder<unknown> => {
  const read = readerOf(layout);
  return (view, offset, end) => {
    if (end - offset < least) short(end - offset);
    return read(view, offset, end);
  };
};

function readerOf(layout: Layout, shift = 0): Decoder<unknown> {
  switch (layout.kind) {
    case 'scalar':
    case 'bitfield':
    case 'pointer':
      return reader(integerOf(layout, shift));
    case 'enum': {
      const read = reader(integerOf(layout));
      const name = enumerators(layout);
      return (view, offset) => name(read(view, offset) as number);
    }
    case 'chars': {
      const { size } = layout;
      return size === 16 ? readComm : (view, offset) => readString(view, offset, offset + size);
    }
    case 'text':
      return (view, offset, end) => readString(view, offset, Math.min(end, offset + layout.max));
    case 'bytes':
      return (view, offset) => bytesOf(view).slice(offset, offset + layout.size);
    case 'array':
      return elementsOf(layout);
    case 'struct':
      return fieldsOf(layout);
  }
}

function elementsOf({ element, length }: ArrayOf<Layout>): Decoder<unknown[]> {
  const { size } = element;
  const read = readerOf(element);
  return (view, offset, end) => {
    const values = new Array<unknown>(length);
    for (let i = 0; i < length; i++) values[i] = read(view, offset + i * size, end);
    return values;
  };
}

function fieldsOf({ members }: Struct<Fields, Access>): Decoder<object> {
  const fields = members.map((member) => ({
    name: member.name,
    offset: member.offset,
    read: readerOf(member.layout, shiftOf(member)),
  }));
  return (view, offset, end) => {
    const value = {};
    for (const field of fields) {
      setOwn(value, field.name, field.read(view, offset + field.offset, end));
    }
    return value;
  };
}
