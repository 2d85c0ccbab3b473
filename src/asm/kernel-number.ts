/**
 * @module
 * Numbers about the running kernel, as operands and as conditions: the CO-RE relocations of libbpf's
 * bpf_core_read.h.
 * @example
 * mov(r2, fieldSize(task.comm))
 * either(fieldExists(task.__state), [...], [...])
 */
import {
  type Access,
  type Enum,
  type Fields,
  locationOf,
  type Mem,
  type Struct,
} from '../layout/index.ts';
import type { KernelNumber } from './alu.ts';
import type { Condition, CoreKind, Relocation } from './code.ts';
import { AssemblerError, callSite } from './site.ts';

/** A number that can be an operand, and a condition that holds when it is not 0. */
export type KernelFact = KernelNumber & Extract<Condition, { test: 'core' }>;

const fact = (relocation: Relocation): KernelFact => ({
  kind: 'kernel-number',
  test: 'core',
  relocation,
  least: 1,
});

type FieldFact = (field: Mem<unknown, 'core' | 'chain'>) => KernelFact;
type AnyKernelType = Struct<Fields, Access> | Enum<string>;
type TypeFact = (type: AnyKernelType) => KernelFact;

const ofField = (name: string, kind: CoreKind): FieldFact => {
  const mnemonic: FieldFact = (field) => {
    const { root, path } = locationOf(field).steps.at(-1)!;
    // Of a context it is only known whether it has a field.
    if (
      root === undefined ||
      root.origin === 'local' ||
      (root.origin !== 'kernel' && kind !== 'field_exists')
    ) {
      throw new AssemblerError(`${name}: a field of a kernelStruct`, callSite(mnemonic));
    }
    return fact({ kind, root, path });
  };
  return mnemonic;
};

const ofType =
  (kind: CoreKind): TypeFact =>
  (root) =>
    fact({ kind, root, path: [] });

/** Bytes from the start of the struct to the field. */
export const fieldOffset: FieldFact = /* @__PURE__ */ ofField('fieldOffset', 'field_byte_offset');
/** The field's size in bytes. */
export const fieldSize: FieldFact = /* @__PURE__ */ ofField('fieldSize', 'field_byte_size');
/** 1 where the kernel's struct, the tracepoint's record or the hook's arguments have the field, else 0. */
export const fieldExists: FieldFact = /* @__PURE__ */ ofField('fieldExists', 'field_exists');
/** 1 where the field is signed, else 0. */
export const fieldSigned: FieldFact = /* @__PURE__ */ ofField('fieldSigned', 'field_signed');
/** The left shift that brings a bitfield to the top of 64 bits. */
export const fieldLeftShift: FieldFact = /* @__PURE__ */ ofField(
  'fieldLeftShift',
  'field_lshift_u64',
);
/** The right shift that then brings it down. */
export const fieldRightShift: FieldFact = /* @__PURE__ */ ofField(
  'fieldRightShift',
  'field_rshift_u64',
);
/** The id of the type in the program's own BTF. */
export const typeIdLocal: TypeFact = /* @__PURE__ */ ofType('type_id_local');
/** The id of the type in the kernel's BTF. */
export const typeIdTarget: TypeFact = /* @__PURE__ */ ofType('type_id_target');
/** 1 where the kernel has a type of this name and kind, else 0. */
export const typeExists: TypeFact = /* @__PURE__ */ ofType('type_exists');
/** The size of the kernel's type in bytes, 0 where it has none. */
export const typeSize: TypeFact = /* @__PURE__ */ ofType('type_size');
/** 1 where the kernel's type has every declared field with a matching type, else 0. */
export const typeMatches: TypeFact = /* @__PURE__ */ ofType('type_matches');

/** 1 where the kernel's enumeration has the enumerator, else 0. */
export const enumValueExists = <N extends string>(type: Enum<N>, name: N): KernelFact =>
  fact({ kind: 'enumval_exists', root: type, path: [name] });

/** The enumerator's value in this kernel. */
export const enumValue = <N extends string>(type: Enum<N>, name: N): KernelFact =>
  fact({ kind: 'enumval_value', root: type, path: [name] });
