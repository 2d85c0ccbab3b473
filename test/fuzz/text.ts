/** Text: programs and whole files, with pieces of other instructions put in and left out. */
import { readFileSync } from 'node:fs';
import {
  type AnyMap,
  AssemblerError,
  assemble,
  type Code,
  encode,
  listing,
  parse,
} from '../../src/asm/index.ts';
import { ElfError, writeObject } from '../../src/elf/index.ts';
import { u32, u64 } from '../../src/layout/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { randomProgram } from '../asm/generator.ts';
import type { Random } from '../layout/random.ts';
import type { Target } from './fuzz.ts';

const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../golden/asm/${name}.json`, import.meta.url), 'utf8'));

const shared: AnyMap = { kind: 'map', type: 'array', key: u32, value: u64 };
const FILE = `
.license "GPL"
.map shared, hash, key=u32, value=u64, max_entries=16
.data
step: .long 3, 4
.bss
total: .zero 16
.section .rodata.str1.1
.L.str: .asciz "a\\n"
.section ?xdp
main: r1 = shared ll
  r2 = total+8 ll
  r1 = .L.str ll
1: call local twice
  if r0 == 0 goto 1f
  .quad 0x95
1: r0 = 0
  exit
.text
twice: mov r0, 1 ; one
  exit
`;

const listed = (seed: number): string => {
  const { instructions, functions } = assemble(randomProgram(seed, true).body, () => true);
  const mapName = () => 'shared';
  return listing(instructions, { functions, name: 'main', labels: true, mapName }).join('\n');
};

// biome-ignore format: pieces of text
const PIECES = [
  'r1', 'w2', 'fp', '=', '+=', '(', ')', '*', '&', '[', ']', '0x', '-', '+', 'll', '#', ';', '\n', ':', '"', '/*', '//',
  '.', ',', 'goto', 'map[', 'subprog[', '%', '9'.repeat(30), '0', '1f', '1:', '\0', '\uFFFC', 'é', 'lock', 'call', 'pc+1',
  '.section x', '.map', '.zero 16777216', '.zero 99999999999', '.long', '.quad 5', 'exit', 'u32', '__proto__', '(s8)',
  'atomic_xchg', 'if r1 s> 5 goto', 'may_goto', '3: (b7) ', '.license "', 'key=', ' ',
];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const text: Target = {
  name: 'text',
  errors: [AssemblerError, ElfError],
  inputs: () =>
    [
      FILE,
      golden('clang').text.join('\n'),
      ...['llvm', 'binutils'].map((name) =>
        Object.keys(golden(name).bytes).slice(0, 60).join('\n'),
      ),
      listed(1),
      listed(2),
    ].map((each) => encoder.encode(each)),
  twist(input: Uint8Array, random: Random) {
    let source = decoder.decode(input);
    for (let left = 1 + random.below(4); left > 0; left--) {
      const at = random.below(source.length);
      const from = random.below(source.length);
      const piece = random.pick([random.pick(PIECES), source.slice(from, from + random.below(20))]);
      source = source.slice(0, at) + piece + source.slice(at + random.below(12));
    }
    return encoder.encode(source);
  },
  run(bytes, attempt, random) {
    const source = decoder.decode(bytes);
    const build = (code: Code) => attempt(() => encode(assemble(code, () => true).instructions));
    const code = attempt(() => parse(source, { maps: { shared } }));
    if (code !== undefined) build(code);
    const spec = attempt(() => parseObject(source));
    if (spec !== undefined) attempt(() => writeObject(spec));
    // Most of the lines are sound.
    const lines = source.split('\n');
    const first = random.below(Math.max(1, lines.length - 20));
    for (const line of lines.slice(first, first + 20)) {
      const one = attempt(() => parse(line, { maps: { shared } }));
      if (one !== undefined) build(one);
    }
  },
};
