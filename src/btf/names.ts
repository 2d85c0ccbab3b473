/**
 * Types by name. One name is found by searching the bytes of the string table and then the words of the type section;
 * whoever asks for many gets an index: hash chains over all names, in two typed arrays, no string made.
 *
 * Measured on vmlinux of 6.18 (126,585 types), Node 20, 2 vCPU, cold process: 1 to 2 ms a search, 10 ms the index (3.6 warm).
 *
 * @example
 * essentialName('task_struct___old');   // 'task_struct'
 *
 * @module
 */
import type { TypeRecords } from './records.ts';
import type { StringTable } from './strings.ts';

/**
 * The name without its flavour: what stands before the last `___` with something other than `_` on both sides
 * (libbpf's bpf_core_essential_name_len). Flavours let a program hold several versions of one kernel type.
 *
 * @example
 * essentialName('sk_buff___6_1');   // 'sk_buff'
 */
export const essentialName = (name: string): string => {
  for (let i = name.length - 5; i >= 0; i--) {
    if (name.startsWith('___', i + 1) && name[i] !== '_' && name[i + 4] !== '_') {
      return name.slice(0, i + 1);
    }
  }
  return name;
};

/** NUL ends a name; the anonymous are not found by name. */
const isName = (name: string): boolean => name !== '' && !name.includes('\0');

/** Whether a name is another one, or a flavour of it. */
const isFlavourOf = (name: string, essential: string): boolean =>
  name === essential || essentialName(name) === essential;

/** The number of searches after which the index is the better bargain: it costs as much as eight, in a cold process. */
const SEARCHES = 8;
/** Below this many bytes of strings the index is made at once: it takes less than 0.1 ms. */
const SMALL = 64 * 1024;

/** Finds the records of one BTF (without its base) by name. */
export class Names {
  readonly #records: TypeRecords;
  readonly #strings: StringTable;
  /** What was found: loading one program asks for a hook several times. */
  readonly #found = new Map<string, readonly number[]>();
  #searches = 0;
  #index: NameIndex | undefined;
  #flavoured: readonly string[] | undefined;

  constructor(records: TypeRecords, strings: StringTable) {
    this.#records = records;
    this.#strings = strings;
    // Searching relies on each name being there once, whole: libbpf and pahole write it so, but others write small BTF too.
    // Split BTF names types with strings of its base.
    if (strings.bytes.length < SMALL || strings.base !== undefined) this.#searches = SEARCHES;
  }

  /** The lowest index of a record with this name and one of these kinds (a bit for each; -1 for all), or -1. */
  find(name: string, kinds: number): number {
    return this.#once(`first ${kinds} ${name}`, () => [this.#find(name, kinds)])[0]!;
  }

  /** All records whose essential name this is, in order. */
  candidates(essential: string, kinds: number): readonly number[] {
    return this.#once(`all ${kinds} ${essential}`, () => this.#candidates(essential, kinds));
  }

  #once(question: string, ask: () => readonly number[]): readonly number[] {
    if (this.#index !== undefined) return ask();
    const known = this.#found.get(question);
    if (known !== undefined) return known;
    const answer = ask();
    this.#found.set(question, answer);
    return answer;
  }

  #find(name: string, kinds: number): number {
    if (!isName(name)) return -1;
    if (!this.#wantsIndex()) {
      const offset = this.#strings.find(name);
      if (offset !== -1) return this.#records.findNamed(offset, kinds, 0);
      if (!this.#isSharedEnding(name)) return -1;
    }
    for (const index of this.index().named(name)) {
      if (this.#isOneOf(index, kinds)) return index;
    }
    return -1;
  }

  #candidates(essential: string, kinds: number): number[] {
    if (!isName(essential)) return [];
    if (!this.#wantsIndex()) {
      const found = this.#searchFlavours(essential, kinds);
      if (found.length > 0 || !this.#isSharedEnding(essential)) return found.sort((a, b) => a - b);
    }
    return [essential, ...this.#flavours(essential)]
      .flatMap((name) => [...this.index().named(name)])
      .filter((index) => this.#isOneOf(index, kinds))
      .sort((a, b) => a - b);
  }

  /** The index of all names. */
  index(): NameIndex {
    this.#index ??= new NameIndex(this.#records, this.#strings);
    return this.#index;
  }

  /** Whether a name may hide at the end of another ("struct" in "task_struct"): only the index is sure to find it then. */
  #isSharedEnding(name: string): boolean {
    return this.#strings.hasEnding(name) && this.#strings.find(name) === -1;
  }

  #wantsIndex(): boolean {
    return this.#index !== undefined || ++this.#searches > SEARCHES;
  }

  #isOneOf(index: number, kinds: number): boolean {
    const kind = (this.#records.words[this.#records.at(index) + 1]! >>> 24) & 0x7f;
    return kinds === -1 || (kind < 32 && ((kinds >>> kind) & 1) === 1);
  }

  #searchFlavours(essential: string, kinds: number): number[] {
    const found: number[] = [];
    for (const name of new Set([essential, ...this.#searchStrings(essential)])) {
      const at = this.#strings.find(name);
      for (let word = 0; at !== -1; ) {
        const index = this.#records.findNamed(at, kinds, word);
        if (index === -1) break;
        found.push(index);
        word = this.#records.at(index) + 1;
      }
    }
    return found;
  }

  /** The flavours of one name. A search for a whole beginning takes a fifth of the time of one for all flavours. */
  *#searchStrings(essential: string): Generator<string> {
    const beginning = `${essential}___`;
    for (let at = 0; ; ) {
      at = this.#strings.findPrefix(beginning, at + 1);
      if (at === -1) return;
      const name = this.#strings.get(at);
      if (isFlavourOf(name, essential)) yield name;
    }
  }

  /** Names with a flavour are few: all are found in one pass over the strings. */
  #flavours(essential: string): string[] {
    if (this.#flavoured === undefined) {
      const offsets: number[] = [];
      for (let t: StringTable | undefined = this.#strings; t !== undefined; t = t.base) {
        for (const offset of t.containing('___')) offsets.push(offset);
      }
      this.#flavoured = [...new Set(offsets.map((offset) => this.#strings.get(offset)))];
    }
    return this.#flavoured.filter((name) => name !== essential && isFlavourOf(name, essential));
  }
}

/** Hash chains over the names of all records; each chain holds its records in order. */
class NameIndex {
  readonly #records: TypeRecords;
  readonly #strings: StringTable;
  readonly #heads: Uint32Array;
  readonly #links: Uint32Array;
  readonly #shift: number;

  constructor(records: TypeRecords, strings: StringTable) {
    this.#records = records;
    this.#strings = strings;
    const count = records.count();
    const bits = Math.max(4, Math.ceil(Math.log2(count + 1)));
    this.#shift = 32 - bits;
    this.#heads = new Uint32Array(1 << bits);
    this.#links = new Uint32Array(count);
    this.#fill();
  }

  /** The records with this name, in order. */
  *named(name: string): Generator<number> {
    const bytes = new TextEncoder().encode(name);
    const padded = new DataView(new ArrayBuffer(bytes.length + 1));
    for (let i = 0; i < bytes.length; i++) padded.setUint8(i, bytes[i]!);
    // Chains hold index + 1, so that 0 ends them.
    for (let link = this.#heads[hashOf(padded, 0) >>> this.#shift]!; link !== 0; ) {
      const nameOffset = this.#records.words[this.#records.at(link - 1)]!;
      if (this.#strings.equals(nameOffset, bytes)) yield link - 1;
      link = this.#links[link - 1]!;
    }
  }

  #fill(): void {
    const starts = this.#records.starts();
    const { words } = this.#records;
    const { view, first, base, end } = this.#strings;
    const heads = this.#heads;
    const links = this.#links;
    const shift = this.#shift;
    // From the last to the first, because a chain is read from its head.
    for (let index = starts.length - 1; index >= 0; index--) {
      const nameOffset = words[starts[index]!]!;
      if (nameOffset === 0 || nameOffset >= end) continue;
      const hash =
        nameOffset >= first ? hashOf(view, nameOffset - first) : hashInBase(base, nameOffset);
      const head = hash >>> shift;
      links[index] = heads[head]!;
      heads[head] = index + 1;
    }
  }
}

const hashInBase = (table: StringTable | undefined, offset: number): number => {
  if (table === undefined) return 0;
  return offset >= table.first
    ? hashOf(table.view, offset - table.first)
    : hashInBase(table.base, offset);
};

/** Where hashing stops: a hostile file may let all its names share a megabyte. */
const HASHED = 256;

/**
 * FNV-1a over 4 bytes at a time, up to the NUL: a third faster on vmlinux than byte by byte. The expression for `zeros`
 * has the top bit of the first zero byte as its lowest bit (Hacker's Delight 6-1).
 */
const hashOf = (view: DataView, from: number): number => {
  const whole = Math.min(view.byteLength - 4, from + HASHED);
  let hash = 0x811c9dc5 | 0;
  let at = from;
  for (; at <= whole; at += 4) {
    const word = view.getInt32(at, true);
    const zeros = (word - 0x01010101) & ~word & 0x80808080;
    if (zeros !== 0) return mix(hash, word & (((zeros & -zeros) >>> 7) - 1));
    hash = mix(hash, word);
  }
  if (at > from + HASHED) return hash;
  let rest = 0;
  for (let i = 0; at + i < view.byteLength; i++) {
    const byte = view.getUint8(at + i);
    if (byte === 0) break;
    rest |= byte << (i * 8);
  }
  return mix(hash, rest);
};

/** Adds a word to a hash. The rotation brings what multiplication pushed to the top back down. */
export const mix = (hash: number, word: number): number => {
  const product = Math.imul(hash ^ word, 0x01000193);
  return (product << 13) | (product >>> 19);
};
