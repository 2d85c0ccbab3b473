/**
 * Whether two files mean the same by a name: the same kind of thing, of a type that fits, and for maps the same
 * definition (libbpf's glob_syms_match, glob_sym_btf_matches and map_defs_match, tools/lib/bpf/linker.c).
 *
 * @module
 */
import type { Btf, BtfType } from '../btf/index.ts';
import type { AnyMapSpec } from '../object/index.ts';
import { SHN } from './constants.ts';
import { ElfError } from './error.ts';
import type { Declaration } from './link-declarations.ts';
import type { Candidate } from './link-symbols.ts';
import { specOf } from './read-map-definition.ts';

/** Throws ElfError, with both files and the name, unless the definition fits what another file says of it. */
export const checkAgreement = (name: string, winner: Candidate, other: Candidate): void => {
  const files = `${winner.input.label} and ${other.input.label}`;
  const [a, b] = [winner, other].map(({ input, declaration }) => {
    if (declaration) return declaration;
    throw new ElfError(
      `${files} share ${name}, but ${input.label} has no type information for it: compile it with -g`,
    );
  }) as [Declaration, Declaration];
  const [where, elsewhere] = [sectionOf(winner), sectionOf(other)];
  if (!isDefined(other) && where !== elsewhere) {
    // Declarations need not say where.
    const isOpen = isDefined(winner) && elsewhere === undefined;
    if (!isOpen)
      throw new ElfError(
        `${files} disagree on where ${name} is: ${where ?? 'in no section'}, and ${elsewhere ?? 'in no section'}`,
      );
  }
  const isMap = where === '.maps' && a.btf.type(a.id).kind === 'var';
  const difference = isMap ? mapsDiffer(name, a, b) : typesDiffer(a, b);
  if (difference) throw new ElfError(`${files} disagree on ${name}: ${difference}`);
};

export const isDefined = ({ symbol }: Candidate): boolean => symbol.section !== SHN.UNDEF;

const sectionOf = ({ place, declaration }: Candidate): string | undefined =>
  place?.section.name ?? declaration?.section;

interface TypeOf {
  readonly btf: Btf;
  readonly id: number;
}

// ----------
// Types
// ----------

/** Types in two files that have to match, and whether behind a pointer, where a struct's members do not matter. */
interface Pair {
  readonly a: number;
  readonly b: number;
  readonly loose: boolean;
}

/** How many pairs of types are compared for each type that there is: a C header comes nowhere near. */
const PAIRS_PER_TYPE = 20;

/** What two types differ in; undefined if they fit. Sizes of arrays and values of enums are not compared. */
const typesDiffer = (one: TypeOf, two: TypeOf): string | undefined => {
  const pending: Pair[] = [{ a: one.id, b: two.id, loose: false }];
  const seen = new Set<string>();
  const most = (one.btf.typeCount + two.btf.typeCount) * PAIRS_PER_TYPE;
  for (let pair = pending.pop(); pair; pair = pending.pop()) {
    const a = one.btf.resolve(pair.a);
    const b = two.btf.resolve(pair.b);
    const key = `${a.id} ${b.id} ${pair.loose}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > most) return 'the types are too entangled to be compared';
    const inner = compare(a, b, pair.loose);
    if (typeof inner === 'string') return inner;
    for (const [x, y] of inner) pending.push({ a: x, b: y, loose: pair.loose || a.kind === 'ptr' });
  }
  return undefined;
};

type IdPair = readonly [a: number, b: number];

/** What is inside both and has to match as well; or what they differ in. */
const compare = (a: BtfType, b: BtfType, loose: boolean): readonly IdPair[] | string => {
  const both = `${print(a)}, and ${print(b)}`;
  if (loose && isDeclared(a, b)) return a.name === b.name ? [] : both;
  if (a.kind !== b.kind) return both;
  const isNamed = a.kind !== 'int' && a.kind !== 'float';
  if (isNamed && a.name !== b.name) return both;
  switch (a.kind) {
    case 'int':
    case 'float':
    case 'enum':
    case 'enum64':
      return a.size === (b as typeof a).size
        ? []
        : `${both}, of ${a.size} and ${(b as typeof a).size} bytes`;
    case 'ptr':
    case 'array':
    case 'func':
    case 'var':
      return [[a.type, (b as typeof a).type]];
    case 'func_proto': {
      const { params, returnType } = b as typeof a;
      if (params.length !== a.params.length)
        return `functions of ${a.params.length} and ${params.length} arguments`;
      return [[a.returnType, returnType], ...pairs(a.params, params)];
    }
    case 'struct':
    case 'union': {
      if (loose) return [];
      const { members } = b as typeof a;
      const isSame = a.members.every(
        ({ name, bitOffset }, i) => members[i]?.name === name && members[i].bitOffset === bitOffset,
      );
      if (isSame && members.length === a.members.length) return pairs(a.members, members);
      return `${both} of other members`;
    }
    default:
      return [];
  }
};

const pairs = (
  a: readonly { readonly type: number }[],
  b: readonly { readonly type: number }[],
): readonly IdPair[] => a.map(({ type }, i) => [type, b[i]!.type]);

/** Whether one is a struct or union, and the other only announces one. */
const isDeclared = (a: BtfType, b: BtfType): boolean =>
  (a.kind === 'fwd' && a.fwdKind === b.kind) || (b.kind === 'fwd' && b.fwdKind === a.kind);

const print = ({ kind, name }: BtfType): string => (name === '' ? kind : `${kind} ${name}`);

// ----------
// Maps
// ----------

const mapsDiffer = (name: string, one: TypeOf, two: TypeOf): string | undefined => {
  const [a, b] = [one, two].map(({ btf, id }) => {
    const variable = btf.resolve(id);
    const struct = variable.kind === 'var' ? btf.resolve(variable.type) : variable;
    if (struct.kind === 'struct') return specOf(btf, name, struct);
    throw new ElfError(`map ${name} is a ${struct.kind}, but definitions are structs`);
  });
  return definitionsDiffer(a!, b!, one.btf, two.btf);
};

/** The attributes that two definitions must share, as C has them. */
const ATTRIBUTES: readonly (readonly [name: string, of: (map: AnyMapSpec) => unknown])[] = [
  ['type', ({ type }) => type],
  ['key_size', ({ key }) => key?.size ?? 0],
  ['value_size', ({ value }) => value?.size ?? 0],
  ['max_entries', ({ maxEntries }) => maxEntries],
  ['map_flags', ({ flags }) => flags],
  ['numa_node', ({ numaNode }) => numaNode ?? 0],
  ['pinning', ({ pinned }) => (pinned ? 1 : 0)],
  ['map_extra', ({ extra }) => BigInt(extra)],
];

const definitionsDiffer = (
  a: AnyMapSpec,
  b: AnyMapSpec,
  aBtf: Btf,
  bBtf: Btf,
): string | undefined => {
  for (const [name, of] of ATTRIBUTES)
    if (of(a) !== of(b)) return `${name} is ${of(a)}, and ${of(b)}`;
  for (const part of ['key', 'value'] as const) {
    const [x, y] = [a.typeIds?.[part] ?? 0, b.typeIds?.[part] ?? 0];
    if ((x === 0) !== (y === 0)) return `only one says the type of its ${part}`;
    const difference = typesDiffer({ btf: aBtf, id: x }, { btf: bBtf, id: y });
    if (difference) return `the type of its ${part}: ${difference}`;
  }
  if (!a.inner !== !b.inner) return 'only one says what its inner maps are';
  const inner = a.inner && definitionsDiffer(a.inner, b.inner!, aBtf, bBtf);
  return inner && `its inner maps: ${inner}`;
};
