/**
 * @module
 * C data in memory: layouts with sizes, offsets and TypeScript types; places; codecs.
 */
export * from './compound.ts';
export { type Decoder, decode, decoder } from './decode.ts';
export { encode, encodeInto, maxSize } from './encode.ts';
export { toJson } from './json.ts';
export { cast, describePlace, isPlace, locationOf, placeAt, placeOfStep, rebase } from './place.ts';
export * from './scalar.ts';
export type {
  Access,
  ArrayOf,
  Base,
  Bitfield,
  Bytes,
  Chars,
  Enum,
  Fields,
  Input,
  Json,
  Layout,
  Loadable,
  Location,
  Mem,
  Member,
  Origin,
  Place,
  PlaceOf,
  Pointer,
  Scalar,
  Step,
  Struct,
  Text,
  Union,
  Value,
  Width,
} from './types.ts';
