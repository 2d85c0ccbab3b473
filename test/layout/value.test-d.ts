import { expectTypeOf, test } from 'vitest';
import {
  array,
  bitfield,
  bool,
  bytes,
  char,
  chars,
  type Decoder,
  decode,
  decoder,
  encode,
  enumeration,
  type Input,
  i32,
  i64,
  type Json,
  kernelStruct,
  type Layout,
  type Pointer,
  pointer,
  type Struct,
  struct,
  text,
  toJson,
  u8,
  u32,
  u64,
  union,
  type Value,
} from '../../src/layout/index.ts';

const State = enumeration('state', { ON: 1, OFF: 0 });
const Inner = struct('inner', { a: u32, list: array(u64, 3) });
const Either = union('either', { small: u8, large: u64 });
const Event = struct('event', {
  ts: u64,
  took: u64.number,
  delta: i64,
  pid: u32,
  sign: char,
  ok: bool,
  state: State,
  low: bitfield(u32, 3),
  high: bitfield(u64, 40),
  flag: bitfield(bool, 1),
  inner: Inner,
  items: array(Inner, 2),
  grid: array(array(u8, 2), 3),
  either: Either,
  raw: bytes(4),
  comm: chars(16),
  next: pointer(),
  path: text(64),
});

interface Expected {
  ts: bigint;
  took: number;
  delta: bigint;
  pid: number;
  sign: number;
  ok: boolean;
  state: 'ON' | 'OFF' | number;
  low: number;
  high: bigint;
  flag: boolean;
  inner: { a: number; list: bigint[] };
  items: { a: number; list: bigint[] }[];
  grid: number[][];
  either: { small: number; large: bigint };
  raw: Uint8Array;
  comm: string;
  next: bigint;
  path: string;
}

test('a value has a plain type for each field', () => {
  expectTypeOf<Value<typeof Event>>().toEqualTypeOf<Expected>();
  expectTypeOf<Value<typeof State>>().toEqualTypeOf<'ON' | 'OFF' | number>();
  expectTypeOf<Value<typeof u64>>().toEqualTypeOf<bigint>();
  expectTypeOf<Value<typeof u64.number>>().toEqualTypeOf<number>();
});

test('decoders give values', () => {
  expectTypeOf(decoder(Event)).toEqualTypeOf<Decoder<Expected>>();
  expectTypeOf(decode(Event, new Uint8Array(8))).toEqualTypeOf<Expected>();
  expectTypeOf(decode(u32, new Uint8Array(8))).toEqualTypeOf<number>();
});

test('the encoder takes numbers for 64-bit integers, and one field of a union', () => {
  expectTypeOf<Input<typeof u64>>().toEqualTypeOf<bigint | number>();
  expectTypeOf<Input<typeof u64.number>>().toEqualTypeOf<bigint | number>();
  expectTypeOf<Input<typeof u32>>().toEqualTypeOf<number>();
  expectTypeOf<Input<Pointer<undefined>>>().toEqualTypeOf<bigint | number>();
  expectTypeOf<Input<typeof Inner>>().toEqualTypeOf<{
    readonly a: number;
    readonly list: readonly (bigint | number)[];
  }>();
  encode(Either, { small: 1 });
  encode(Either, { large: 1 });
  encode(array(Inner, 1), [{ a: 1, list: [1n, 2, 3] }] as const);
  const value = decode(Inner, new Uint8Array(32));
  encode(Inner, value);
});

test('misuse of the encoder does not compile', () => {
  // @ts-expect-error two fields of a union
  encode(Either, { small: 1, large: 1 });
  // @ts-expect-error no field of a union
  encode(Either, {});
  // @ts-expect-error a field is missing
  encode(Inner, { a: 1 });
  // @ts-expect-error a field that it does not have
  encode(struct('s', { a: u8 }), { a: 1, b: 2 });
  // @ts-expect-error a bigint for 32 bits
  encode(u32, 1n);
  // @ts-expect-error a number for a bool
  encode(bool, 1);
  // @ts-expect-error no such enumerator
  encode(State, 'BOTH');
  // @ts-expect-error a string for bytes
  encode(bytes(2), 'ab');
  // @ts-expect-error not a layout
  encode({}, 1);
});

test('JSON has strings for bigints and bytes', () => {
  expectTypeOf<Json<typeof Inner>>().toEqualTypeOf<{ a: number; list: string[] }>();
  const json = toJson(Event, decode(Event, new Uint8Array(304)));
  expectTypeOf(json.ts).toEqualTypeOf<string>();
  expectTypeOf(json.took).toEqualTypeOf<number>();
  expectTypeOf(json.raw).toEqualTypeOf<string>();
  expectTypeOf(json.state).toEqualTypeOf<'ON' | 'OFF' | number>();
  expectTypeOf(json.either).toEqualTypeOf<{ small: number; large: string }>();
});

const Task = kernelStruct('task_struct', {
  tgid: i32,
  get real_parent() {
    return pointer(Task);
  },
});

// What a package writes for a recursive struct that it exports: tsc would elide the inferred type in its `.d.ts`.
interface FileFields {
  readonly flags: typeof u32;
  readonly next: Pointer<Struct<FileFields, 'core'>>;
}
const File: Struct<FileFields, 'core'> = kernelStruct('file', {
  flags: u32,
  get next() {
    return pointer(File);
  },
});

test('recursion ends at pointers', () => {
  expectTypeOf<Value<typeof Task>>().toEqualTypeOf<{ tgid: number; real_parent: bigint }>();
  expectTypeOf<Value<typeof File>>().toEqualTypeOf<{ flags: number; next: bigint }>();
  expectTypeOf<Input<typeof File>>().toEqualTypeOf<{
    readonly flags: number;
    readonly next: bigint | number;
  }>();
});

test('every layout is a Layout, recursive ones too', () => {
  const layouts: Layout[] = [u8, u64, bool, State, Inner, Either, Event, Task, File, pointer(Task)];
  expectTypeOf(layouts[0]).toExtend<Layout | undefined>();
});

test('misuse of constructors does not compile', () => {
  // @ts-expect-error not a layout
  array({}, 2);
  // @ts-expect-error a bitfield of a char array
  bitfield(chars(2), 1);
  // @ts-expect-error a name comes first
  struct({ a: u8 });
  // @ts-expect-error values are numbers
  enumeration('e', { A: 'a' });
});
