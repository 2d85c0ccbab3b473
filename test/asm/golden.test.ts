/**
 * @module
 * The bytes of every form of every constructor against assemblers that know nothing of ours (test/golden/asm, made by
 * make.ts there), and against the specification where they do not know an instruction.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as asm from '../../src/asm/index.ts';
import {
  assemble,
  type Code,
  call,
  decode,
  encode,
  exit,
  fn,
  gotox,
  lea,
  loadAcquire,
  mov,
  r0,
  r1,
  r2,
  r9,
  r10,
  storeRelease,
  w1,
  w9,
} from '../../src/asm/index.ts';
import { u8, u16, u32, u64 } from '../../src/layout/index.ts';
import { type Form, forms } from './forms.ts';

interface Golden {
  readonly assembler: string;
  readonly bytes: Readonly<Record<string, string>>;
}
const golden = (file: string): Golden =>
  JSON.parse(readFileSync(new URL(`../golden/asm/${file}`, import.meta.url), 'utf8'));
const llvm = golden('llvm.json');
const binutils = golden('binutils.json');

const bytesOf = (body: Code, choose = true): string =>
  Buffer.from(encode(assemble(body, () => choose).instructions))
    .toString('hex')
    .replace(/(.{16})(?=.)/g, '$1 ');

describe('our bytes', () => {
  const differences = (name: 'llvm' | 'gas', { bytes }: Golden) =>
    forms.flatMap((form: Form) => {
      const text = form[name];
      if (text === undefined) return [];
      const ours = bytesOf(form.build(), form.choose);
      return ours === bytes[text] ? [] : [{ of: form.of, text, ours, theirs: bytes[text] }];
    });

  it(`are those of ${llvm.assembler}`, () => {
    expect(differences('llvm', llvm)).toEqual([]);
    expect(Object.keys(llvm.bytes).length).toBeGreaterThan(900);
  });

  it(`are those of ${binutils.assembler}`, () => {
    expect(differences('gas', binutils)).toEqual([]);
    expect(Object.keys(binutils.bytes).length).toBeGreaterThan(700);
  });
});

/** What neither assembler knows, and what the loader completes: bytes from the specification. */
const counter: asm.AnyMap = { kind: 'map', type: 'array', key: u32, value: u64 };
const table: asm.AnyMap = { kind: 'map', type: 'hash', key: u32, value: u64 };
const double = fn('double', 1, [mov(r0, r1), exit()]);
// biome-ignore format: a table
const SPECIFIED: readonly [of: keyof typeof asm, build: () => Code, bytes: string][] = [
  ['gotox', () => gotox(r2), '0d02000000000000'],
  ['gotox', () => gotox(r9), '0d09000000000000'],
  ['loadAcquire', () => loadAcquire(w1, u8.at(r2, -8)), 'd321f8ff00010000'],
  ['loadAcquire', () => loadAcquire(w9, u16.at(r1, 4)), 'cb19040000010000'],
  ['loadAcquire', () => loadAcquire(w1, u32.at(r10, -4)), 'c3a1fcff00010000'],
  ['loadAcquire', () => loadAcquire(r1, u64.at(r1, 32767)), 'db11ff7f00010000'],
  ['storeRelease', () => storeRelease(u8.at(r1, -8), w9), 'd391f8ff10010000'],
  ['storeRelease', () => storeRelease(u16.at(r9, 4), w1), 'cb19040010010000'],
  ['storeRelease', () => storeRelease(u32.at(r10, -4), w1), 'c31afcff10010000'],
  ['storeRelease', () => storeRelease(u64.at(r1, -32768), r10), 'dba1008010010000'],
  ['call', () => [call(double, 5), exit()], 'b701000005000000 8510000001000000 9500000000000000 bf10000000000000 9500000000000000'],
  ['lea', () => lea(r1, counter), '1821000000000000 0000000000000000'],
  ['lea', () => lea(r1, table), '1811000000000000 0000000000000000'],
  ['lea', () => [lea(r2, double), mov(r0, 0), exit()], '1842000003000000 0000000000000000 b700000000000000 9500000000000000 bf10000000000000 9500000000000000'],
];

describe('what no assembler here knows', () => {
  it.each(SPECIFIED)('%s has the bytes of the specification', (_, build, bytes) => {
    expect(bytesOf(build())).toBe(bytes);
  });
});

/** Exported functions that make no instructions of their own, and macros, whose expansions have tests elsewhere. */
const OTHERS = new Set<string>([
  // the rooms' tools
  ...[
    'assemble',
    'assembleFunction',
    'checkFunction',
    'checkLicense',
    'decode',
    'encode',
    'flatten',
    'listed',
    'listing',
    'liveBefore',
    'mapOf',
    'make',
    'print',
    'listingLlvm',
    'closeNames',
    'variableBytes',
    'requires',
    // text: parse.test.ts, template.test.ts
    'parse',
    'asm',
    'codeOf',
    'readTextFile',
    'AssemblerTextError',
    // stores, tested in test/object/loss.test.ts
    'clear',
  ],
  ...[
    'slotCount',
    'slotsOf',
    'subprogramsOf',
    'callFrom',
    'stackFrom',
    'zeros',
    'helperById',
    'classOf',
    'modeOf',
    'isConditional',
    'isJumpClass',
  ],
  ...[
    'sizeBits',
    'sizeOfOpcode',
    'isRegister',
    'nameOf',
    'whole',
    'AssemblerError',
    'callSite',
    'describeFrame',
  ],
  ...['framesOf', 'ownFrames', 'restamp'],
  // identities, conditions and operands
  ...[
    'label',
    'stack',
    'fn',
    'either',
    'helperExists',
    'hookExists',
    'mapExists',
    'fieldOffset',
    'fieldSize',
  ],
  ...[
    'fieldExists',
    'fieldSigned',
    'fieldLeftShift',
    'fieldRightShift',
    'typeIdLocal',
    'typeIdTarget',
    'typeExists',
  ],
  ...['typeSize', 'typeMatches', 'enumValueExists', 'enumValue'],
  // macros: read.test.ts
  ...[
    'coreRead',
    'read',
    'userRead',
    'coreReadString',
    'readString',
    'userReadString',
    'readDataLoc',
  ],
]);

describe('the golden forms', () => {
  it('cover every constructor that is exported', () => {
    const covered = new Set<string>([...forms.map(({ of }) => of), ...SPECIFIED.map(([of]) => of)]);
    const exported = Object.entries(asm).filter(([, value]) => typeof value === 'function');
    const missing = exported
      .map(([name]) => name)
      .filter((name) => !covered.has(name) && !OTHERS.has(name));
    expect(missing).toEqual([]);
    const gone = [...covered, ...OTHERS].filter((name) => !Object.hasOwn(asm, name));
    expect(gone).toEqual([]);
  });

  it('all have bytes from an assembler', () => {
    const bare = forms.filter(({ llvm, gas }) => llvm === undefined && gas === undefined);
    expect(bare).toEqual([]);
  });

  it('decode to what was encoded', () => {
    for (const { build, choose = true } of forms) {
      const { instructions } = assemble(build(), () => choose);
      const bare = instructions.map(({ opcode, dst, src, offset, imm, imm64 }) => ({
        kind: 'instruction',
        opcode,
        dst,
        src,
        offset,
        imm,
        ...(imm64 !== undefined && { imm64 }),
      }));
      const bytes = encode(instructions);
      expect(decode(bytes)).toEqual(bare);
      expect(encode(decode(bytes))).toEqual(bytes);
    }
  });
});
