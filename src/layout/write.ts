/**
 * @module
 * The writers behind `encode`: one function for each layout, put together from those of its parts.
 */
import { integerOf, limitsOf, writer } from './integers.ts';
import { expectation, Misfit, mistyped, outside, show, within } from './misfit.ts';
import { shiftOf } from './shape.ts';
import type {
  Access,
  ArrayOf,
  Bitfield,
  Bytes,
  Chars,
  Enum,
  Fields,
  Layout,
  Pointer,
  Scalar,
  Struct,
  Text,
  Width,
} from './types.ts';

/** Writes `value` to zeroed memory at `offset`, and returns where it ends. Throws a Misfit. */
export type Writer = (view: DataView, offset: number, value: unknown) => number;

/** The writer of `layout`; `shift` is for bitfields. */
export const writerOf = (layout: Layout, shift = 0): Writer => {
  switch (layout.kind) {
    case 'scalar':
    case 'bitfield':
    case 'pointer':
      return integerWriter(layout, shift);
    case 'enum':
      return enumWriter(layout);
    case 'chars':
    case 'text':
      return stringWriter(layout);
    case 'bytes':
      return bytesWriter(layout);
    case 'array':
      return arrayWriter(layout);
    case 'struct':
      return layout.union ? unionWriter(layout) : structWriter(layout);
  }
};

type Plain = Scalar<unknown, Width> | Bitfield<unknown, Width> | Pointer<unknown>;

function integerWriter(layout: Plain, shift: number): Writer {
  const integer = integerOf(layout, shift);
  const put = writer(integer);
  const { size } = layout;
  if (integer.repr === 'boolean') {
    return (view, offset, value) => {
      if (typeof value !== 'boolean') throw mistyped(layout, value);
      put(view, offset, value ? 1 : 0);
      return offset + size;
    };
  }
  const [least, most] = limitsOf(integer);
  return (view, offset, value) => {
    if (typeof value === 'bigint' ? size !== 8 : typeof value !== 'number') {
      throw mistyped(layout, value);
    }
    const number = value as number | bigint;
    const exact = typeof number === 'bigint' || Number.isSafeInteger(number);
    if (!exact || number < least || number > most) throw outside(layout, show(number));
    put(view, offset, number);
    return offset + size;
  };
}

function enumWriter(layout: Enum<string, Width>): Writer {
  const integer = integerOf(layout);
  const put = writer(integer);
  const [least, most] = limitsOf(integer);
  const values = new Map(Object.entries(layout.values));
  return (view, offset, value) => {
    const number = typeof value === 'string' ? values.get(value) : value;
    if (number === undefined && value !== undefined) throw outside(layout, show(value));
    if (typeof number !== 'number') throw mistyped(layout, value);
    if (!Number.isSafeInteger(number) || number < least || number > most) {
      throw outside(layout, show(value));
    }
    put(view, offset, number);
    return offset + layout.size;
  };
}

let encoder: InstanceType<typeof TextEncoder> | undefined;

/** A full `chars` has no NUL; a `text` always has. */
function stringWriter(layout: Chars | Text): Writer {
  return (view, offset, value) => {
    if (typeof value !== 'string') throw mistyped(layout, value);
    if (layout.kind === 'chars') {
      putString(layout, view, offset, value, layout.size);
      return offset + layout.size;
    }
    const room = view.byteLength - offset;
    if (room < 1) throw outside(layout, 'no room');
    const end = offset + putString(layout, view, offset, value, Math.min(layout.max, room) - 1);
    view.setUint8(end, 0);
    return end + 1;
  };
}

/** Writes at most `most` bytes, and returns how many. */
const putString = (
  layout: Chars | Text,
  view: DataView,
  offset: number,
  value: string,
  most: number,
): number => {
  // ASCII at once; ten times as fast as the careful way below.
  for (let i = 0; ; i++) {
    if (i === value.length) return i;
    const code = value.charCodeAt(i);
    if (i === most || code === 0 || code > 0x7f) break;
    view.setUint8(offset + i, code);
  }
  if (value.includes('\0')) throw outside(layout, `${show(value)}, which has a NUL in it`);
  if (/\p{Surrogate}/u.test(value)) {
    throw outside(layout, `${show(value)}, which has half a surrogate pair in it`);
  }
  encoder ??= new TextEncoder();
  const utf8 = encoder.encode(value);
  if (utf8.length > most) {
    const full = layout.kind === 'chars' ? layout.size : layout.max - 1;
    const why = utf8.length > full ? '' : `, and room for ${most}`;
    throw outside(layout, `${utf8.length}: ${show(value)}${why}`);
  }
  new Uint8Array(view.buffer, view.byteOffset + offset, utf8.length).set(utf8);
  return utf8.length;
};

function bytesWriter(layout: Bytes): Writer {
  return (view, offset, value) => {
    if (!(value instanceof Uint8Array)) throw mistyped(layout, value);
    if (value.length !== layout.size) throw outside(layout, `${value.length}`);
    new Uint8Array(view.buffer, view.byteOffset + offset, layout.size).set(value);
    return offset + layout.size;
  };
}

function arrayWriter(layout: ArrayOf<Layout>): Writer {
  const { element, length, size } = layout;
  const write = writerOf(element);
  return (view, offset, value) => {
    if (!Array.isArray(value)) throw mistyped(layout, value);
    if (value.length !== length) throw outside(layout, `${value.length}`);
    for (let i = 0; i < length; i++) {
      try {
        write(view, offset + i * element.size, value[i]);
      } catch (thrown) {
        throw within(`[${i}]`, thrown);
      }
    }
    return offset + size;
  };
}

type AnyStruct = Struct<Fields, Access>;

const fieldWriters = ({ members }: AnyStruct) =>
  members.map((member) => ({
    name: member.name,
    layout: member.layout,
    offset: member.offset,
    write: writerOf(member.layout, shiftOf(member)),
  }));

/** The own fields of `value`. */
const fieldsOf = (layout: AnyStruct, value: unknown): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw mistyped(layout, value);
  }
  return value as Record<string, unknown>;
};

const refuseUnknown = (layout: AnyStruct, names: readonly string[]): void => {
  const known = new Set(layout.members.map(({ name }) => name));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new Misfit(TypeError, expectation(layout), `one called ${JSON.stringify(unknown)}`);
  }
};

function structWriter(layout: AnyStruct): Writer {
  const fields = fieldWriters(layout);
  return (view, offset, value) => {
    const object = fieldsOf(layout, value);
    let end = offset + layout.size;
    for (const field of fields) {
      try {
        if (!Object.hasOwn(object, field.name)) {
          throw new Misfit(TypeError, expectation(field.layout), 'nothing');
        }
        end = Math.max(end, field.write(view, offset + field.offset, object[field.name]));
      } catch (thrown) {
        throw within(`.${field.name}`, thrown);
      }
    }
    const names = Object.keys(object);
    if (names.length !== fields.length) refuseUnknown(layout, names);
    return end;
  };
}

function unionWriter(layout: AnyStruct): Writer {
  const fields = fieldWriters(layout);
  return (view, offset, value) => {
    const object = fieldsOf(layout, value);
    const names = Object.keys(object).filter((name) => object[name] !== undefined);
    refuseUnknown(layout, names);
    const field = fields.find(({ name }) => name === names[0]);
    if (field === undefined || names.length !== 1) {
      throw new Misfit(TypeError, expectation(layout), names.join(' and ') || 'none');
    }
    try {
      field.write(view, offset, object[field.name]);
    } catch (thrown) {
      throw within(`.${field.name}`, thrown);
    }
    return offset + layout.size;
  };
}
