/**
 * @module
 * The map `.kconfig`: what a program asks of the kernel's configuration, as the bytes of its variables. Rules: libbpf's
 * bpf_object__resolve_externs and set_kcfg_value_* (tools/lib/bpf/libbpf.c).
 *
 *     const hz = { name: 'CONFIG_HZ', form: 'integer', offset: 0, size: 4, signed: false, weak: false };
 *     configurationBytes([hz], 4, () => '250'); // Uint8Array [250, 0, 0, 0]
 */
import type { ConfigVariable } from './extern-spec.ts';
import { RequirementError } from './world.ts';

/**
 * The value of the map.
 * @param size of the map's value in bytes.
 * @param setting what stands behind `NAME=` in the configuration; undefined for what is not set.
 * @throws RequirementError for a variable that is not weak and not set, and for a value of another type or size.
 */
export const configurationBytes = (
  variables: readonly ConfigVariable[],
  size: number,
  setting: (name: string) => string | undefined,
): Uint8Array => {
  const bytes = new Uint8Array(size);
  for (const variable of variables) {
    const { name, offset, weak } = variable;
    const room = bytes.subarray(offset, offset + variable.size);
    if (offset < 0 || variable.size < 1 || room.length !== variable.size)
      throw refusal(variable, `lies outside of the ${size} bytes of .kconfig`);
    const value = setting(name);
    if (value !== undefined) put(variable, value, room);
    else if (!weak) throw missing(name);
  }
  return bytes;
};

const missing = (name: string): RequirementError =>
  new RequirementError(
    name.startsWith('CONFIG_')
      ? `this kernel is built without ${name}, which the program needs: neither /boot/config-RELEASE nor /proc/config.gz sets it`
      : `the program needs ${name}, which is no number of the kernel that is known`,
  );

const refusal = ({ name }: ConfigVariable, why: string): RequirementError =>
  new RequirementError(`${name} ${why}`);

/** The first character decides what a value is. */
const put = (variable: ConfigVariable, value: string, room: Uint8Array): void => {
  switch (value[0]) {
    case 'y':
    case 'n':
    case 'm':
      putChoice(variable, value[0], room);
      break;
    case '"':
      putText(variable, value, room);
      break;
    default:
      putNumber(variable, value, room);
  }
};

/** `enum libbpf_tristate`. */
const TRISTATE = { n: 0, y: 1, m: 2 } as const;

const putChoice = (variable: ConfigVariable, value: 'y' | 'n' | 'm', room: Uint8Array): void => {
  const { form } = variable;
  if (form === 'char') room[0] = value.charCodeAt(0);
  else if (form === 'tristate' || (form === 'bool' && value !== 'm')) room[0] = TRISTATE[value];
  else throw refusal(variable, `is ${value} in this kernel, which is no ${SPELLING[form]}`);
};

/** Escapes stay as they are, and what is too long is cut. */
const putText = (variable: ConfigVariable, value: string, room: Uint8Array): void => {
  if (variable.form !== 'text')
    throw refusal(variable, `is ${value} in this kernel, which is no ${SPELLING[variable.form]}`);
  if (value.length < 2 || !value.endsWith('"'))
    throw refusal(variable, `is ${value} in this kernel, a text without its end`);
  const text = new TextEncoder().encode(value.slice(1, -1));
  room.set(text.subarray(0, room.length - 1));
};

const putNumber = (variable: ConfigVariable, value: string, room: Uint8Array): void => {
  const { name, form, size, signed } = variable;
  const number = integer(value);
  // LINUX_HAS_BPF_COOKIE and its kin are 0 or 1; what is built in says y.
  const isFlag =
    form === 'bool' && name.startsWith('LINUX_') && number !== undefined && number <= 1n;
  if (number === undefined || !(form === 'integer' || form === 'char' || isFlag))
    throw refusal(variable, `is ${value} in this kernel, which is no ${SPELLING[form]}`);
  if (!inRange(number, size, signed))
    throw refusal(variable, `is ${value} in this kernel, which does not fit in ${size} bytes`);
  for (let i = 0; i < size; i++) room[i] = Number((number >> BigInt(8 * i)) & 0xffn);
};

const SPELLING = {
  bool: 'bool',
  char: 'char',
  tristate: 'enum libbpf_tristate',
  integer: 'integer',
  text: 'array of char',
} as const satisfies Record<ConfigVariable['form'], string>;

const LARGEST = 0xffff_ffff_ffff_ffffn;

/** A number as strtoull(3) reads it, modulo 2^64; undefined for anything else, and beyond 64 bits. */
const integer = (text: string): bigint | undefined => {
  const [, sign, digits] =
    /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text.trimStart()) ?? [];
  if (digits === undefined) return undefined;
  const octal = /^0[0-7]/.test(digits);
  const value = BigInt(octal ? `0o${digits}` : digits);
  if (value > LARGEST) return undefined;
  return BigInt.asUintN(64, sign === '-' ? -value : value);
};

/** Whether a number of 64 bits is the same in `size` bytes. Every number fits in 8, whatever its sign. */
const inRange = (value: bigint, size: number, signed: boolean): boolean => {
  if (size >= 8) return true;
  const bits = size * 8;
  return (
    BigInt.asUintN(64, signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value
  );
};
