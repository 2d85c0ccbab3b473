/**
 * What a BTF type is to the rest of the project: plain readonly data with a `kind` tag. A type refers to others by id;
 * id 0 is void. Names that a type does not have are ''.
 *
 * @example
 * const type = btf.type(7);
 * if (type.kind === 'struct') for (const { name, bitOffset } of type.members) console.log(name, bitOffset / 8);
 *
 * @module
 */
import type { KIND_TAGS, LINKAGES } from './constants.ts';

/** The tag of a type, `unknown` for a kind newer than this library. */
export type BtfKind = (typeof KIND_TAGS)[number] | 'unknown';

export type BtfLinkage = (typeof LINKAGES)[number];

interface Named<Kind extends BtfKind> {
  readonly id: number;
  readonly kind: Kind;
  readonly name: string;
}

export interface BtfVoid extends Named<'void'> {}

/** `bits` and `offset` differ from `size * 8` and 0 only in the bitfields of old compilers. */
export interface BtfInt extends Named<'int'> {
  readonly size: number;
  /** BTF_INT flags. */
  readonly encoding: number;
  readonly bits: number;
  readonly offset: number;
}

export interface BtfFloat extends Named<'float'> {
  readonly size: number;
}

/** Pointers and what only decorates another type. */
export interface BtfReference
  extends Named<'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag'> {
  readonly type: number;
  /** Of type_tag: a whole __attribute__, not only a btf_type_tag (6.15). */
  readonly attribute?: boolean;
}

export interface BtfArray extends Named<'array'> {
  readonly type: number;
  readonly indexType: number;
  readonly nelems: number;
}

export interface BtfMember {
  /** '' for an anonymous struct or union inside another. */
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0 when this is not a bitfield. */
  readonly bitSize: number;
}

export interface BtfComposite extends Named<'struct' | 'union'> {
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfEnum extends Named<'enum'> {
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: number }[];
}

export interface BtfEnum64 extends Named<'enum64'> {
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfFwd extends Named<'fwd'> {
  readonly fwdKind: 'struct' | 'union';
}

export interface BtfFunc extends Named<'func'> {
  /** The func_proto. */
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfFuncProto extends Named<'func_proto'> {
  readonly returnType: number;
  /** The last one of a variadic function has no name and type 0. */
  readonly params: readonly { readonly name: string; readonly type: number }[];
}

export interface BtfVar extends Named<'var'> {
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfDatasec extends Named<'datasec'> {
  readonly size: number;
  readonly variables: readonly {
    readonly type: number;
    readonly offset: number;
    readonly size: number;
  }[];
}

export interface BtfDeclTag extends Named<'decl_tag'> {
  readonly type: number;
  /** Which member or parameter the tag is on; -1: the type itself. */
  readonly componentIndex: number;
  readonly attribute?: boolean;
}

/** A kind that this library does not know; its size is known from the layout section. */
export interface BtfUnknown extends Named<'unknown'> {
  readonly code: number;
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfReference
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfFwd
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag
  | BtfEnum64
  | BtfUnknown;

type WithoutId<Type> = Type extends BtfType ? Omit<Type, 'id'> : never;

/** A type that has no id yet, as a builder takes it. */
export type BtfTypeInput = WithoutId<Exclude<BtfType, BtfVoid | BtfUnknown>>;
