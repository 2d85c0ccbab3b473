/** BTF: every type, in every way that there is to look at it; and the records of .BTF.ext, relocated. */
import { readFileSync } from 'node:fs';
import { infoKind, KIND_TAGS } from '../../src/btf/constants.ts';
import {
  BTF_FEATURES,
  Btf,
  BtfBuilder,
  BtfError,
  type BtfFeature,
  CORE_KINDS,
  CoreResolver,
  checkNames,
  decodeBtfExt,
  encodeBtfExt,
  essentialName,
  fieldsCompatible,
  printAllRaw,
  printRaw,
  referencesOf,
  typesCompatible,
  typesMatch,
} from '../../src/btf/index.ts';
import { rewriteRecord } from '../../src/btf/record-fields.ts';
import { RECORD_WORDS } from '../../src/btf/records.ts';
import { ElfFile } from '../../src/elf/index.ts';
import { base64, golden, withUnknownKind } from '../btf/support.ts';
import type { Random } from '../layout/random.ts';
import { objectFile } from '../objects/judge.ts';
import type { Attempt, Target } from './fuzz.ts';

const section = (object: string, name: string): Uint8Array =>
  new ElfFile(readFileSync(objectFile(object))).section(name)!.data.slice();

const OBJECTS = ['globals', 'maps', 'subprograms', 'xdp', 'core-types'];
/** So that a case takes milliseconds, whatever the size of its file. */
const MOST_TYPES = 60;
const ACCESSES = ['0', '0:0', '0:1', '0:1:0', '0:2:1:0', '1', '0:4294967295', ''];

const FEATURES = Object.keys(BTF_FEATURES) as BtfFeature[];

/** Each kind once, with what only newer kernels know. */
const everyKind = (): BtfBuilder => {
  const b = new BtfBuilder();
  const int = b.int('int', 4, 'signed');
  const self = b.reserve();
  b.define(self, {
    kind: 'struct',
    name: 'node',
    size: 24,
    members: [
      { name: 'next', type: b.ptr(self), bitOffset: 0, bitSize: 0 },
      { name: 'flag', type: int, bitOffset: 64, bitSize: 3 },
      { name: 'list', type: b.array(int, 2), bitOffset: 128, bitSize: 0 },
    ],
  });
  b.union('either', 8, [
    { name: 'f', type: b.float('double', 8), bitOffset: 0 },
    { name: 'e', type: b.enum64('wide', { LOW: -1n, HIGH: 1n << 62n }), bitOffset: 0 },
  ]);
  b.enum('small', { A: 0, B: -1 });
  b.fwd('elsewhere', 'union');
  const t = b.typedef('node_t', b.const(b.volatile(self)));
  const f = b.func('walk', b.funcProto(int, [{ name: 'n', type: b.restrict(b.ptr(t)) }]), 'global');
  b.declTag('tagged', f, 0);
  b.ptr(b.typeTag('user', self));
  b.datasec('.data', 4, [{ type: b.var('count', int), offset: 0, size: 4 }]);
  return b;
};

/** Sound BTF of many makers. */
export const btfInputs = (): readonly Uint8Array[] => [
  base64(golden().program.btf),
  ...Object.values(golden().targets).map(({ btf }) => base64(btf)),
  ...OBJECTS.map((name) => section(name, '.BTF')),
  readFileSync(new URL('inputs/vmlinux.btf', import.meta.url)),
  everyKind().encode(),
  everyKind().encode({ littleEndian: false }),
  everyKind().encode({ layout: true }),
  withUnknownKind(true),
];

let whole: Btf | undefined;
/** What nobody breaks: the other side of a relocation, the base of split BTF. */
export const program = (): Btf => {
  whole ??= new Btf(base64(golden().program.btf));
  return whole;
};

/** Numbers that sizes, counts and offsets of types may have. */
const NUMBERS = [0, 1, 3, 4, 8, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** Some types refer to others, to themselves or to nothing, have other names and other sizes. */
export const twistBtf = (input: Uint8Array, random: Random): Uint8Array => {
  const btf = new Btf(input);
  if (!btf.littleEndian) return input;
  const { records, strings } = btf.sections;
  const starts = records.starts();
  const words = records.words.slice();
  for (let i = random.below(8); i >= 0; i--) {
    const index = random.below(starts.length);
    const at = starts[index]!;
    const body = (starts[index + 1] ?? words.length) - at - RECORD_WORDS;
    const change = random.below(4);
    if (change === 0) words[at + 2] = random.pick(NUMBERS);
    else if (change === 1 && body > 0) {
      words[at + RECORD_WORDS + random.below(body)] = random.pick(NUMBERS);
    } else {
      const near = random.below(2) === 0;
      const id = (old: number): number => {
        if (random.below(2) === 0) return old;
        return near ? Math.max(0, old + random.below(9) - 4) : random.below(starts.length + 1);
      };
      const name = (old: number): number =>
        random.below(8) === 0 ? random.below(strings.end) : old;
      if (KIND_TAGS[infoKind(words[at + 1]!)] !== undefined) rewriteRecord(words, at, id, name);
    }
  }
  const bytes = input.slice();
  bytes.set(new Uint8Array(words.buffer), records.byteOffset(0));
  return bytes;
};

const lookAtType = (btf: Btf, id: number, attempt: Attempt): void => {
  attempt(() => btf.has(id));
  attempt(() => btf.typeAsWritten(id));
  attempt(() => btf.resolve(id));
  attempt(() => btf.sizeOf(id));
  attempt(() => btf.alignOf(id));
  attempt(() => printRaw(btf, id));
  attempt(() => fieldsCompatible(btf, id, program(), 1));
  const type = attempt(() => btf.type(id));
  const name = attempt(() => btf.name(id));
  if (name !== undefined) {
    attempt(() => btf.findByName(name));
    attempt(() => btf.candidates(essentialName(name), ['struct', 'enum']));
  }
  if (type === undefined || type.kind === 'void' || type.kind === 'unknown') return;
  attempt(() => checkNames(type));
  for (const reference of attempt(() => referencesOf(type)) ?? []) {
    attempt(() => btf.string(reference));
    attempt(() => typesCompatible(btf, id, btf, reference));
    attempt(() => typesMatch(btf, id, btf, reference));
  }
};

/** The same types, built anew. */
const rebuild = (btf: Btf, count: number, random: Random): Uint8Array => {
  const b = new BtfBuilder({ base: btf.base });
  for (let id = btf.firstId; id < btf.firstId + count; id++) {
    const type = btf.type(id);
    if (type.kind === 'void' || type.kind === 'unknown') throw new BtfError('cannot be built');
    const { id: _, ...input } = type;
    b.add(input);
  }
  return b.encode({
    littleEndian: btf.littleEndian,
    layout: random.below(2) === 0,
    without: FEATURES.filter(() => random.below(3) === 0),
  });
};

export const btf: Target = {
  name: 'btf',
  errors: [BtfError],
  inputs: btfInputs,
  twist: twistBtf,
  run(bytes, attempt, random) {
    const base = random.below(8) === 0 ? program() : undefined;
    const btf = attempt(() => new Btf(bytes, { base }));
    if (btf === undefined) return;
    const count = attempt(() => btf.typeCount) ?? 0;
    const own = Math.max(0, count - btf.firstId + 1);
    // All types of a small file, some of a large one.
    const ids = Array.from({ length: Math.min(own, MOST_TYPES) }, (_, i) =>
      own <= MOST_TYPES ? btf.firstId + i : btf.firstId + random.below(own),
    );
    for (const id of [...ids, count + 1, 2 ** 31]) lookAtType(btf, id, attempt);
    if (random.below(4) === 0) attempt(() => btf.index());
    if (random.below(8) === 0) attempt(() => printAllRaw(btf));
    attempt(() => rebuild(btf, own, random));

    for (const resolver of [new CoreResolver(btf, program()), new CoreResolver(program(), btf)]) {
      for (let i = 0; i < 10; i++) {
        const typeId = 1 + random.below(60);
        const relocation = { kind: random.pick(CORE_KINDS), typeId, access: random.pick(ACCESSES) };
        attempt(() => resolver.resolve(relocation));
      }
    }
  },
};

export const btfExt: Target = {
  name: 'btf-ext',
  errors: [BtfError],
  inputs: () => [
    base64(golden().program.ext),
    ...OBJECTS.map((name) => section(name, '.BTF.ext')),
    encodeBtfExt(decodeBtfExt(base64(golden().program.ext)), false),
  ],
  run(bytes, attempt) {
    const ext = attempt(() => decodeBtfExt(bytes));
    if (ext === undefined) return;
    attempt(() => encodeBtfExt(ext));
    const resolver = new CoreResolver(program(), program());
    for (const { typeId, accessOffset, kind } of ext.coreRelos.flatMap(({ records }) => records)) {
      attempt(() => {
        const access = program().string(accessOffset);
        return resolver.resolve({ kind: CORE_KINDS[kind % CORE_KINDS.length]!, typeId, access });
      });
    }
    for (const { fileNameOffset } of ext.lineInfos.flatMap(({ records }) => records)) {
      attempt(() => program().string(fileNameOffset));
    }
  },
};
