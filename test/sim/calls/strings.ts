/**
 * @module
 * Calls that read numbers out of strings: of any base, with signs and spaces, too large, too long, followed by something
 * else.
 */
import {
  add,
  type Code,
  call,
  helper,
  load,
  mov,
  r0,
  r1,
  r2,
  r3,
  r4,
  r10,
  store,
  u64,
} from '../../../src/index.ts';
import type { Calls } from './sheet.ts';

// biome-ignore format: a list
const TEXTS = [
  '0', '7', '42', '-42', '+42', ' 42', '\t\n42', '42 ', '42x', 'x', '', '-', '- 42', '--42', ' ', '0x', '0x2a', '0X2A',
  '-0x2a', '0xg', '052', '08', '2a', '9223372036854775807', '9223372036854775808', '-9223372036854775808',
  '-9223372036854775809', '18446744073709551615', '18446744073709551616', '00042', '42\n',
  '999999999999999999999999999999', '4 2', 'ff', 'FF', 'fF', '1_0', '\xa042', '\x8542', '\x1c42',
  // Of what is behind spaces and sign, the kernel looks at 63 bytes.
  `${'0'.repeat(62)}1`, `${'0'.repeat(62)}17`, `  -${'0'.repeat(62)}17`, `0x${'0'.repeat(60)}77`, `${' '.repeat(64)}42`,
];
const BASES = [0, 8, 10, 16, 7, 32, 0x1_0000_000an];

const ROOM = 72;
const NUMBER = -ROOM - 8;
const wordsOf = (text: string): bigint[] => {
  const bytes = new Uint8Array(ROOM);
  bytes.set(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  return [...new BigInt64Array(bytes.buffer)];
};

const numbers = (id: typeof helper.strtol, bases: typeof BASES): Calls => ({
  name: `${id.name}, base ${bases}`,
  since: '6.18',
  code: (sheet) =>
    TEXTS.map((text, index) => [
      wordsOf(text).map((word, at) => [mov(r0, word), store(u64.at(r10, 8 * at - ROOM), r0)]),
      bases.map((base) => {
        const name = `${index}, ${JSON.stringify(text)}, base ${base}`;
        return [
          [store(u64.at(r10, NUMBER), 77), mov(r1, r10), add(r1, -ROOM)],
          [mov(r2, Math.max(1, text.length)), mov(r3, base), mov(r4, r10), add(r4, NUMBER)],
          [call(id, r1, r2 as never, r3 as never, r4), sheet.keep(name)],
          [load(r0, u64.at(r10, NUMBER)), sheet.keep(`${name}: the number`)],
        ];
      }),
    ]) as Code,
});

export const STRING_CALLS: readonly Calls[] = [helper.strtol, helper.strtoul].flatMap((id) => [
  numbers(id, BASES.slice(0, 4)),
  numbers(id, BASES.slice(4)),
]);
