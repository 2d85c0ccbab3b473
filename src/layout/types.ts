/**
 * @module
 * What a layout is: the shape of C data in memory, as readonly data that carries its TypeScript type.
 *
 * Sizes and alignments are those of the ELF psABI that x86-64 and AArch64 Linux share (LP64, little-endian).
 */

/** The register width that holds a value: `w` registers are 32 bits wide, `r` registers 64. */
export type Width = 32 | 64;

declare const VALUE: unique symbol;

/** Carries the TypeScript type of a decoded value; never present at run time. */
interface Carries<T> {
  readonly [VALUE]?: T;
}

/** Where the offsets of a struct's fields come from. */
export type Origin =
  /** this layout: computed here as C does */
  | 'local'
  /** the running kernel's BTF, by CO-RE */
  | 'kernel'
  /** the arguments of a hook: eight bytes each, looked up by name in the kernel's BTF */
  | 'arguments'
  /** the registers with which a process has called the kernel */
  | 'system-call'
  /** a tracepoint's `format` file */
  | 'tracepoint';

/** An integer, a bool or a character. */
export interface Scalar<T, B extends Width, S extends boolean = boolean> extends Carries<T> {
  readonly kind: 'scalar';
  /** The C spelling: `u32`, `bool`, `char`. */
  readonly name: string;
  readonly size: 1 | 2 | 4 | 8;
  readonly align: number;
  /** The width of the register that a load fills: 64 for 8-byte scalars, else 32. */
  readonly bits: B;
  readonly signed: S;
  /** How a value is represented in JavaScript. */
  readonly repr: 'number' | 'bigint' | 'boolean';
  /** This scalar in plain memory, `offset` bytes from `base`. */
  at(base: Base, offset?: number): Mem<Scalar<T, B, S>, 'plain'>;
}

/** A C enumeration; values decode to the enumerator's name, or to a number that has none. */
export interface Enum<N extends string, B extends Width = 32> extends Carries<N | number> {
  readonly kind: 'enum';
  readonly name: string;
  readonly size: 4 | 8;
  readonly align: number;
  readonly bits: B;
  readonly signed: boolean;
  readonly values: Readonly<Record<N, number>>;
  readonly origin: 'local' | 'kernel';
  at(base: Base, offset?: number): Mem<Enum<N, B>, 'plain'>;
}

/** `width` bits of an integer, packed with its neighbours as C compilers do. */
export interface Bitfield<T, B extends Width> extends Carries<T> {
  readonly kind: 'bitfield';
  readonly type: Scalar<T, B>;
  readonly width: number;
  readonly size: number;
  readonly align: number;
  readonly bits: B;
  readonly signed: boolean;
}

/** A char array that holds a NUL-terminated string, or a full one without the NUL. */
export interface Chars extends Carries<string> {
  readonly kind: 'chars';
  readonly size: number;
  readonly align: 1;
}

/** Raw bytes. */
export interface Bytes extends Carries<Uint8Array> {
  readonly kind: 'bytes';
  readonly size: number;
  readonly align: 1;
}

/** A string at the end of a record, as long as the record says: 0 bytes of the struct's size, at most `max`. */
export interface Text extends Carries<string> {
  readonly kind: 'text';
  readonly size: 0;
  readonly align: 1;
  /** Bytes that the longest string needs, its NUL included. */
  readonly max: number;
}

/** `length` elements of one layout. */
export interface ArrayOf<L extends Layout, N extends number = number> {
  readonly kind: 'array';
  readonly element: L;
  readonly length: N;
  readonly size: number;
  readonly align: number;
}

/** An address. What it points to is read with `coreRead`, hop by hop. */
export interface Pointer<L> extends Carries<bigint> {
  readonly kind: 'pointer';
  readonly size: 8;
  readonly align: 8;
  readonly bits: 64;
  readonly signed: false;
  /** What it points to; undefined for `void *`. */
  readonly to: L;
}

/** A field with its place in the struct. */
export interface Member {
  readonly name: string;
  readonly layout: Layout;
  /** Bytes from the start of the struct; for a bitfield, of the storage unit that holds it. */
  readonly offset: number;
  /** Bits from the start of the struct. */
  readonly bitOffset: number;
}

// biome-ignore lint/suspicious/noExplicitAny: a recursive constraint cannot be written without it
export type Fields = Record<string, any>;

/** A C struct or union. */
export interface Struct<F extends Fields, A extends Access = 'plain', U extends boolean = boolean> {
  readonly kind: 'struct';
  readonly name: string;
  /** Whether the fields share their bytes. */
  readonly union: U;
  readonly origin: Origin;
  readonly fields: F;
  /** The fields in order, with offsets. Evaluated when first read, so that structs may refer to each other. */
  readonly members: readonly Member[];
  readonly size: number;
  readonly align: number;
  /** The struct that starts `offset` bytes (0 when left out) from `base`. */
  at(base: Base, offset?: number): Place<Struct<F, A, U>, F, A>;
}

/** A struct whose fields share their bytes. */
export type Union<F extends Fields, A extends Access = 'plain'> = Struct<F, A, true>;

/** Any layout at all. */
export type Layout =
  | Scalar<unknown, Width>
  | Enum<string, Width>
  | Bitfield<unknown, Width>
  | Chars
  | Bytes
  | Text
  | ArrayOf<Layout>
  | Pointer<unknown>
  | Struct<Fields, Access>;

/** What one load instruction can bring into a register of `B` bits. */
export interface Loadable<B extends Width = Width> {
  readonly kind: 'scalar' | 'enum' | 'bitfield' | 'pointer';
  readonly bits: B;
  readonly signed: boolean;
}

// Values

/** The TypeScript type of a decoded `L`. */
export type Value<L> =
  L extends AnyArray<infer E>
    ? Value<E>[]
    : L extends AnyStruct<infer F>
      ? { -readonly [K in keyof F]: Value<F[K]> }
      : L extends Carries<infer T>
        ? T
        : never;

/** What the encoder accepts for `L`: a value; numbers for 64-bit integers too; one field of a union. */
export type Input<L> =
  L extends AnyArray<infer E>
    ? readonly Input<E>[]
    : L extends AnyStruct<infer F>
      ? L extends { readonly union: true }
        ? { [K in keyof F]: OneOf<F, K> }[keyof F]
        : { readonly [K in keyof F]: Input<F[K]> }
      : L extends { readonly kind: 'scalar' | 'bitfield' | 'pointer'; readonly bits: 64 }
        ? bigint | number
        : Value<L>;
type OneOf<F, K extends keyof F> = { readonly [P in K]: Input<F[P]> } & {
  readonly [P in Exclude<keyof F, K>]?: never;
};

/** What `toJson` makes of an `L`: bigints are decimal strings, bytes are hexadecimal. */
export type Json<L> =
  L extends AnyArray<infer E>
    ? Json<E>[]
    : L extends AnyStruct<infer F>
      ? { -readonly [K in keyof F]: Json<F[K]> }
      : Value<L> extends bigint | Uint8Array
        ? string
        : Value<L>;

// Matched by their tags: comparing whole layouts, methods included, is slow and never ends in recursive ones.
interface AnyArray<E> {
  readonly kind: 'array';
  readonly element: E;
}
interface AnyStruct<F> {
  readonly kind: 'struct';
  readonly fields: F;
}

// Places

/** How a place may be reached. */
export type Access =
  /** memory of the program: stack, map values, records, packets */
  | 'plain'
  /** an offset that is looked up when the program is loaded: one load, where the verifier trusts the pointer */
  | 'core'
  /** beyond a kernel pointer: one probe read for each hop */
  | 'chain';

/** What a place is relative to: a 64-bit register, or a stack slot that the assembler places. */
export interface Base {
  readonly kind: 'register' | 'slot';
  readonly width: 64;
}

/** One stretch of a place without a pointer in it. */
export interface Step {
  /** The struct that the path starts from; undefined for a bare scalar. */
  readonly root: Struct<Fields, Access> | undefined;
  /** Field names and array indices. */
  readonly path: readonly (string | number)[];
  /** Bytes from the start of this step as the local layouts have it. */
  readonly offset: number;
}

/** All that is known of a place. */
export interface Location {
  readonly layout: Layout;
  readonly base: Base;
  readonly steps: readonly Step[];
  readonly access: Access;
}

export const MEM: unique symbol = Symbol('beespoke.place');

/** A place in memory that holds an `L`. It has no string-keyed property but its fields. */
export interface Mem<L, A extends Access> {
  readonly [MEM]: Location & { readonly typed?: readonly [L, A] };
}

/** The place of an `L`. */
export type PlaceOf<L, A extends Access = 'plain'> =
  L extends Struct<infer F, Access>
    ? Place<L, F, A>
    : L extends Pointer<infer T>
      ? Mem<L, A> & Hop<T>
      : L extends ArrayOf<infer E, infer N>
        ? Mem<L, A> & Elements<E, N, A>
        : Mem<L, A>;
type Hop<T> =
  T extends Struct<infer F, Access> ? { readonly [K in keyof F]: PlaceOf<F[K], 'chain'> } : unknown;

type Tuple<N extends number, T extends 0[] = []> = T['length'] extends N ? T : Tuple<N, [...T, 0]>;
type SmallLength<N extends number> = `${N}` extends `${infer D extends number}`
  ? D extends 64
    ? D
    : `${D}` extends
          | `${0 | 1 | 2 | 3 | 4 | 5 | ''}${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}`
          | `6${0 | 1 | 2 | 3}`
          | `${6 | 7 | 8 | 9}`
      ? D
      : never
  : never;
type Elements<E, N extends number, A extends Access> = {
  /** Element `index`; throws a RangeError outside the array. */
  at(index: number): PlaceOf<E, A>;
} & ([SmallLength<N>] extends [never]
  ? unknown
  : { readonly [I in Extract<keyof Tuple<SmallLength<N>>, `${number}`>]: PlaceOf<E, A> });

/** A struct in memory: its fields are places. */
export type Place<L, F, A extends Access> = Mem<L, A> & {
  readonly [K in keyof F]: PlaceOf<F[K], A>;
};
