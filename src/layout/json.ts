/**
 * @module
 * Values to JSON. The JSON type of a field depends on its layout, never on the value at hand: a `u64` is a decimal
 * string also where it is small, because a consumer's numbers lose digits beyond 2^53.
 */
import { setOwn } from './shape.ts';
import type { Json, Layout, Value } from './types.ts';

type ToJson = (value: unknown) => unknown;

const converters = /* @__PURE__ */ new WeakMap<Layout, ToJson>();

/**
 * `value` with nothing in it that JSON cannot hold: bigints are decimal strings, bytes are hexadecimal, the rest is
 * as it was.
 * @example
 * toJson(struct('e', { ts: u64, took: u64.number }), { ts: 1n, took: 2 }); // { ts: '1', took: 2 }
 */
export const toJson = <L extends Layout>(layout: L, value: Value<L>): Json<L> => {
  let convert = converters.get(layout);
  if (convert === undefined) {
    convert = converterOf(layout);
    converters.set(layout, convert);
  }
  return convert(value) as Json<L>;
};

const same: ToJson = (value) => value;

function converterOf(layout: Layout): ToJson {
  switch (layout.kind) {
    case 'scalar':
      return layout.repr === 'bigint' ? String : same;
    case 'bitfield':
      return layout.type.repr === 'bigint' ? String : same;
    case 'pointer':
      return String;
    case 'bytes':
      return (value) => hex(value as Uint8Array);
    case 'array': {
      const convert = converterOf(layout.element);
      return (value) => (value as unknown[]).map((element) => convert(element));
    }
    case 'struct': {
      const fields = layout.members.map(({ name, layout: field }) => ({
        name,
        convert: converterOf(field),
      }));
      return (value) => {
        const object = {};
        for (const { name, convert } of fields) {
          setOwn(object, name, convert((value as Record<string, unknown>)[name]));
        }
        return object;
      };
    }
    default:
      return same;
  }
}

const hex = (bytes: Uint8Array): string => {
  let digits = '';
  for (const byte of bytes) digits += (byte < 16 ? '0' : '') + byte.toString(16);
  return digits;
};
