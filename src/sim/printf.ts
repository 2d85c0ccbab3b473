/**
 * @module
 * The conversions that BPF helpers know (bpf_bprintf_prepare, kernel/bpf/helpers.c).
 */
import type { Machine } from './machine.ts';

const CONVERSION = /%(?:%|([-0#+ ]*)(\d*)(?:\.(\d+))?(ll|l|hh|h)?(d|i|u|x|X|c|s|p[a-zA-Z]*))/g;

/** The text with its arguments in it; undefined for one that the kernel refuses. */
export const format = (
  machine: Machine,
  pattern: string,
  args: readonly bigint[],
): string | undefined => {
  let next = 0;
  let valid = true;
  const text = pattern.replace(
    CONVERSION,
    (whole, flags = '', width = '', _precision, length = '', conversion = '') => {
      if (whole === '%%') return '%';
      const value = args[next++];
      if (value === undefined) valid = false;
      return padded(convert(machine, conversion, length, value ?? 0n), flags, Number(width));
    },
  );
  // What is left of a % is no conversion of theirs.
  if (/%/.test(pattern.replace(CONVERSION, ''))) valid = false;
  return valid ? text : undefined;
};

const convert = (machine: Machine, conversion: string, length: string, value: bigint): string => {
  const bits = length === '' ? 32 : length === 'hh' ? 8 : length === 'h' ? 16 : 64;
  switch (conversion) {
    case 'd':
    case 'i':
      return String(BigInt.asIntN(bits, value));
    case 'u':
      return String(BigInt.asUintN(bits, value));
    case 'x':
      return BigInt.asUintN(bits, value).toString(16);
    case 'X':
      return BigInt.asUintN(bits, value).toString(16).toUpperCase();
    case 'c':
      return String.fromCharCode(Number(value & 0xffn));
    case 's':
    case 'pks':
    case 'pus':
      return machine.stringAt(value) ?? '';
    case 'pB':
    case 'ps':
    case 'pS':
      return `0x${value.toString(16)}`;
    default:
      return value.toString(16).padStart(16, '0');
  }
};

const padded = (text: string, flags: string, width: number): string => {
  if (flags.includes('-')) return text.padEnd(width);
  if (!flags.includes('0')) return text.padStart(width);
  const sign = text.startsWith('-') ? '-' : '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
};
