/**
 * One map of `.maps`: a struct whose members say by their types what the map is, `int (*max_entries)[1024]`
 * (libbpf's parse_btf_map_def, tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import type { Btf, BtfComposite, BtfMember } from '../btf/index.ts';
import { bytes, type Layout } from '../layout/index.ts';
import { type AnyMapSpec, KiB, layoutOf, mapTypeOf } from '../object/index.ts';
import { STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import type { ElfSection } from './sections.ts';

/** The name and the definition of a variable of `.maps` that has `size` bytes. */
export const structOf = (
  btf: Btf,
  id: number,
  size: number,
): { readonly name: string; readonly struct: BtfComposite } => {
  const variable = btf.type(id);
  if (variable.kind !== 'var') throw new ElfError(`.maps holds a ${variable.kind}`);
  const { name, linkage } = variable;
  if (linkage !== 'global')
    throw new ElfError(`map ${name} is ${linkage}, but maps are global variables`);
  const struct = btf.resolve(variable.type);
  if (struct.kind !== 'struct')
    throw new ElfError(`map ${name} is a ${struct.kind}, but definitions are structs`);
  if (struct.size > size)
    throw new ElfError(`map ${name} takes ${struct.size} bytes, but has ${size} in .maps`);
  return { name, struct };
};

/** What the members say, as they are read. */
interface Draft {
  type?: number;
  maxEntries?: number;
  flags?: number;
  numaNode?: number;
  extra?: number | bigint;
  keySize?: number;
  valueSize?: number;
  key?: number;
  value?: number;
  pinning?: number;
  inner?: AnyMapSpec;
}

const LIBBPF_PIN_BY_NAME = 1;

/** The map that a definition describes. */
export const specOf = (btf: Btf, name: string, struct: BtfComposite): AnyMapSpec => {
  const draft: Draft = {};
  struct.members.forEach((member, index) => {
    const last = index === struct.members.length - 1;
    readMember(btf, name, member, last, draft);
  });
  const type = mapTypeOf(draft.type ?? 0);
  if (!type)
    throw new ElfError(
      draft.type === undefined
        ? `map ${name} has no type`
        : `map ${name} is of type ${draft.type}, which is not known`,
    );
  const { key = 0, value = 0, numaNode, inner, pinning = 0 } = draft;
  if (pinning !== 0 && pinning !== LIBBPF_PIN_BY_NAME)
    throw new ElfError(`map ${name}: pinning is 0 or 1 (by name), found ${pinning}`);
  return {
    kind: 'map',
    type,
    key: sized(btf, key, draft.keySize),
    value: sized(btf, value, draft.valueSize),
    maxEntries: draft.maxEntries ?? 0,
    flags: draft.flags ?? 0,
    extra: draft.extra ?? 0,
    bufferSize: type === 'perf_event_array' ? 256 * KiB : 0,
    ...(numaNode !== undefined && { numaNode }),
    ...(inner && { inner }),
    ...(pinning === LIBBPF_PIN_BY_NAME && { pinned: true }),
    ...((key !== 0 || value !== 0) && { typeIds: { key, value } }),
  };
};

const sized = (btf: Btf, id: number, size: number | undefined): Layout | undefined => {
  if (id !== 0) return layoutOf(btf, id);
  if (size !== undefined && size > 2 ** 31)
    throw new ElfError(`a key or value of ${size} bytes is more than a map can hold`);
  return size ? bytes(size) : undefined;
};

const readMember = (
  btf: Btf,
  map: string,
  member: BtfMember,
  last: boolean,
  draft: Draft,
): void => {
  const number = (): number => numberOf(btf, map, member);
  switch (member.name) {
    case 'type':
      draft.type = number();
      return;
    case 'max_entries':
      draft.maxEntries = number();
      return;
    case 'map_flags':
      draft.flags = number();
      return;
    case 'numa_node':
      draft.numaNode = number();
      return;
    case 'map_extra':
      draft.extra = longOf(btf, map, member);
      return;
    case 'pinning':
      draft.pinning = number();
      return;
    case 'key_size':
    case 'value_size': {
      const part = member.name === 'key_size' ? 'keySize' : 'valueSize';
      draft[part] = agreeing(map, member, draft[part], number());
      return;
    }
    case 'key':
    case 'value': {
      const target = pointee(btf, map, member);
      draft[member.name] = target;
      const part = member.name === 'key' ? 'keySize' : 'valueSize';
      draft[part] = agreeing(map, member, draft[part], btf.sizeOf(target));
      return;
    }
    case 'values':
      if (!last) throw new ElfError(`map ${map}: values is the last member of a definition`);
      readValues(btf, map, member, draft);
      return;
    default:
      throw new ElfError(
        `map ${map}: there is no definition of ${member.name || 'an anonymous member'}`,
      );
  }
};

const agreeing = (map: string, { name }: BtfMember, before: number | undefined, size: number) => {
  if (before === undefined || before === size) return size;
  throw new ElfError(`map ${map}: ${name} makes it ${size} bytes, after ${before} before`);
};

/** `int (*name)[NUMBER]`. */
const numberOf = (btf: Btf, map: string, member: BtfMember): number => {
  const array = btf.resolve(pointee(btf, map, member));
  if (array.kind === 'array') return array.nelems;
  throw new ElfError(`map ${map}: ${member.name} is a pointer to an array, found ${array.kind}`);
};

/** As numberOf, or `enum { unique = NUMBER } name` for numbers of 64 bits. */
const longOf = (btf: Btf, map: string, member: BtfMember): number | bigint => {
  const type = btf.resolve(member.type);
  if (type.kind !== 'enum' && type.kind !== 'enum64') return numberOf(btf, map, member);
  const [first] = type.values;
  if (type.values.length === 1 && first) return first.value;
  throw new ElfError(
    `map ${map}: ${member.name} is an enum of one value, found ${type.values.length}`,
  );
};

const pointee = (btf: Btf, map: string, { name, type }: BtfMember): number => {
  const pointer = btf.resolve(type);
  if (pointer.kind === 'ptr') return pointer.type;
  throw new ElfError(`map ${map}: ${name} is a pointer, found ${pointer.kind}`);
};

/** `values[]`: pointers to the definition of inner maps, or to functions for program arrays. */
const readValues = (btf: Btf, map: string, member: BtfMember, draft: Draft): void => {
  const array = btf.resolve(member.type);
  if (array.kind !== 'array' || array.nelems > 0)
    throw new ElfError(`map ${map}: values is an array without a length`);
  const pointer = btf.resolve(array.type);
  if (pointer.kind !== 'ptr')
    throw new ElfError(`map ${map}: values are pointers, found ${pointer.kind}`);
  const target = btf.resolve(pointer.type);
  draft.valueSize = agreeing(map, member, draft.valueSize, 4);
  if (target.kind === 'func_proto') {
    if (mapTypeOf(draft.type ?? 0) === 'prog_array') return;
    throw new ElfError(`map ${map}: values that are functions are for prog_array maps`);
  }
  if (target.kind !== 'struct')
    throw new ElfError(
      `map ${map}: values are definitions of maps or functions, found ${target.kind}`,
    );
  const outer = mapTypeOf(draft.type ?? 0);
  if (outer !== 'array_of_maps' && outer !== 'hash_of_maps')
    throw new ElfError(`map ${map}: values that are maps are for maps of maps`);
  const inner = specOf(btf, `${map}.inner`, target);
  if (inner.inner || inner.pinned)
    throw new ElfError(`map ${map}: an inner map can hold no maps and cannot be pinned`);
  draft.inner = inner;
};

// ----------
// Initial values
// ----------

interface Place {
  readonly name: string;
  /** In `.maps`. */
  readonly offset: number;
  readonly size: number;
  readonly struct: BtfComposite;
}

/** What `values` is initialised with, by index: maps of the file, or the names of programs. */
export const initialValues = (
  file: ElfFile,
  section: ElfSection,
  { name, offset, size, struct }: Place,
  maps: ReadonlyMap<number, AnyMapSpec>,
): unknown[] | undefined => {
  const relocations = file
    .relocations(section)
    .filter((each) => each.offset >= offset && each.offset < offset + size);
  if (relocations.length === 0) return undefined;
  const values = struct.members.at(-1);
  if (values?.name !== 'values')
    throw new ElfError(`map ${name} has initial values, but no values in its definition`);
  const first = offset + values.bitOffset / 8;
  const initial: unknown[] = [];
  for (const { offset: at, symbol } of relocations) {
    const index = (at - first) / 8;
    if (!Number.isInteger(index) || index < 0)
      throw new ElfError(`map ${name}: an initial value lies at byte ${at - offset}`);
    const map = symbol.section === section.index ? maps.get(symbol.value) : undefined;
    if (!map && symbol.type !== STT.FUNC)
      throw new ElfError(
        `map ${name}: initial value ${index} is ${symbol.name || 'a section'}, which is neither a map nor a program`,
      );
    initial[index] = map ?? symbol.name;
  }
  return initial;
};

/** The declaration tag that says what a ring or perf buffer carries: the kernel takes no value type for them. */
const EVENT_TAG = 'beespoke:event=';

/** The layout of a buffer's records, where a tag on the variable names their struct. */
export const eventOf = (btf: Btf, variable: number): Layout | undefined => {
  const name = tagsOf(btf).get(variable);
  const id = name === undefined ? undefined : btf.findByName(name, 'struct');
  return id === undefined ? undefined : layoutOf(btf, id);
};

const known = /* @__PURE__ */ new WeakMap<Btf, ReadonlyMap<number, string>>();

/** The names in the tags, by the variables that they are on. */
const tagsOf = (btf: Btf): ReadonlyMap<number, string> => {
  const before = known.get(btf);
  if (before) return before;
  const tags = new Map<number, string>();
  for (const id of btf.idsOf('decl_tag')) {
    const type = btf.type(id);
    if (type.kind === 'decl_tag' && type.name.startsWith(EVENT_TAG))
      tags.set(type.type, type.name.slice(EVENT_TAG.length));
  }
  known.set(btf, tags);
  return tags;
};
