/**
 * @module
 * The conversions that BPF helpers know (bpf_bprintf_prepare, kernel/bpf/helpers.c), as lib/vsprintf.c fills them in: in
 * bytes, since strings of the kernel need not be text.
 */
import type { Machine } from './machine.ts';
import { EINVAL, ENOSPC } from './maps/errors.ts';

/** Flags and width, then what is converted: there are no precisions, and no `h`. Behind a string is no letter. */
const CONVERSION =
  /^%([-0+ ]*)([1-9]\d*)?(?:(l{0,2})([diuxX])|(c)|(s|p[ku]s)(?![A-Za-z0-9\x80-\xff])|(p)(.*))/s;
/** Behind `%p`: no letter, for the address itself; else what it leads to. Letters that follow are left out. */
const POINTER = /^(?:(?=$|[^A-Za-z0-9%\x80-\xff])|(?:([KxsS])|(B|[iI][46]))[A-Za-z0-9]*)/;
/** The kernel keeps widths in 24 bits. */
const WIDEST = 2 ** 23 - 1;
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it refuses
const REFUSED = /[\0-\x08\x0e-\x1f\x7f]/;

/** MAX_BPRINTF_BIN_ARGS. */
const GATHERED = 512;

/** The kernel gathers all arguments in so many bytes before it prints them. Without room for one, it prints nothing. */
class Arguments {
  #used = 0;

  /** Whether there are so many bytes left. */
  hasRoom(size: number): boolean {
    return this.#used + size <= GATHERED;
  }

  /** Takes a number, which begins at a multiple of four; false where it has no room. */
  takeNumber(size: 4 | 8): boolean {
    this.#used = ((this.#used + 3) & ~3) + size;
    return this.hasRoom(0);
  }

  /** Takes a byte. */
  takeByte(): boolean {
    this.#used++;
    return this.hasRoom(0);
  }

  /** Takes as much of a string as has room beside its NUL. */
  takeString(text: string): string | undefined {
    if (!this.hasRoom(1)) return undefined;
    const taken = text.slice(0, GATHERED - this.#used - 1);
    this.#used += taken.length + 1;
    return taken;
  }
}

/** How wide a conversion is, and which of `-`, `0`, `+` and a space were given. */
interface Style {
  readonly flags: string;
  readonly width: number;
}

/**
 * The bytes of a format with its arguments in them; a negative error number for what the kernel refuses.
 * @param room The bytes that there is room for: as in the kernel, what a pointer leads to counts only where some are left.
 */
export const format = (
  machine: Machine,
  pattern: Uint8Array,
  args: readonly bigint[],
  room = Number.POSITIVE_INFINITY,
): Uint8Array | number => {
  const gathered = new Arguments();
  let rest = binary(pattern);
  let text = '';
  let next = 0;
  if (REFUSED.test(rest)) return -EINVAL;
  while (rest !== '') {
    const plain = /^(?:[^%]|%%)*/.exec(rest)![0];
    text += plain.replaceAll('%%', '%');
    rest = rest.slice(plain.length);
    if (rest === '') break;
    const found = CONVERSION.exec(rest);
    const value = args[next++];
    if (!found || value === undefined) return -EINVAL;
    const [whole, flags = '', width = '0', long, number, char, string, pointer, behind] = found;
    const style: Style = { flags, width: Math.min(Number(width), WIDEST) };
    const hasRoom = text.length < room;
    let taken = whole.length;
    if (number) {
      const bits = long === '' ? 32 : 64;
      if (!gathered.takeNumber(bits === 32 ? 4 : 8)) return -ENOSPC;
      text += integer(value, number, bits, style);
    } else if (char) {
      if (!gathered.takeByte()) return -ENOSPC;
      text += padded(String.fromCharCode(Number(value & 0xffn)), style);
    } else if (string) {
      const kept = gathered.takeString(stringOf(machine, value, string[1]));
      if (kept === undefined) return -ENOSPC;
      text += string === 's' ? padded(kept, style) : hasRoom ? kept : '';
    } else if (pointer) {
      const kind = POINTER.exec(behind!);
      if (!kind) return -EINVAL;
      const [letters, shown, ready] = kind;
      taken += letters.length - behind!.length;
      if (ready) {
        const kept = gathered.hasRoom(sizeOf(ready))
          ? gathered.takeString(reached(machine, value, ready))
          : undefined;
        if (kept === undefined) return -ENOSPC;
        text += hasRoom ? kept : '';
      } else {
        if (!gathered.takeNumber(8)) return -ENOSPC;
        text += /[sS]/.test(shown ?? '') ? padded(symbol(value), style) : raw(value, style);
      }
    }
    rest = rest.slice(taken);
  }
  return Uint8Array.from(text, (each) => each.charCodeAt(0));
};

/** Bytes as a string of as many characters. */
const binary = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

const stringOf = (machine: Machine, address: bigint, memory?: string): string => {
  const isKernel = machine.memory.region(Number(BigInt.asIntN(32, address >> 32n))) !== undefined;
  if ((memory === 'k' && !isKernel) || (memory === 'u' && isKernel)) return '';
  return binary(machine.stringAt(address) ?? new Uint8Array(0));
};

const integer = (
  value: bigint,
  conversion: string,
  bits: number,
  { flags, width }: Style,
): string => {
  if (conversion === 'x') return digits(BigInt.asUintN(bits, value).toString(16), '', flags, width);
  if (conversion === 'X')
    return digits(BigInt.asUintN(bits, value).toString(16).toUpperCase(), '', flags, width);
  if (conversion === 'u') return digits(String(BigInt.asUintN(bits, value)), '', flags, width);
  const signed = BigInt.asIntN(bits, value);
  const sign = signed < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  return digits(String(signed < 0n ? -signed : signed), sign, flags, width);
};

/** Zeros go between the sign and the number, and never behind it. */
const digits = (number: string, sign: string, flags: string, width: number): string =>
  flags.includes('0') && !flags.includes('-')
    ? sign + number.padStart(width - sign.length, '0')
    : padded(sign + number, { flags, width });

/** All digits of an address, unless it is told how wide it is to be. */
const raw = (value: bigint, { flags, width }: Style): string =>
  width === 0
    ? digits(value.toString(16), '', `${flags}0`, 16)
    : digits(value.toString(16), '', flags, width);

const padded = (text: string, { flags, width }: Style): string =>
  flags.includes('-') ? text.padEnd(width) : text.padStart(width);

/** No symbol has an address here. */
const symbol = (value: bigint): string => `0x${value.toString(16)}`;

/** What a pointer leads to. */
const reached = (machine: Machine, value: bigint, kind: string): string =>
  kind === 'B' ? symbol(value) : network(machine, value, kind);

/** What a pointer leads to has as many bytes: a symbol none. */
const sizeOf = (kind: string): number => ({ 4: 4, 6: 16 })[kind[1] ?? ''] ?? 0;

/** An address of 4 or 16 bytes in memory; `i` spells out zeros and leaves out what is between. */
const network = (machine: Machine, address: bigint, kind: string): string => {
  const [high, low] = [address >> 32n, address].map((half) => Number(BigInt.asIntN(32, half)));
  const size = sizeOf(kind);
  const at = machine.memory.find(high!, low!, size);
  const bytes = at < 0 ? new Uint8Array(size) : machine.copy(at, size);
  if (size === 4)
    return Array.from(bytes, (byte) => String(byte).padStart(kind[0] === 'i' ? 3 : 1, '0')).join(
      '.',
    );
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bytes[2 * index]! << 8) | bytes[2 * index + 1]!).toString(16).padStart(4, '0'),
  );
  return groups.join(kind[0] === 'i' ? '' : ':');
};
