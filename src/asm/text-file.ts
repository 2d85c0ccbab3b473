/**
 * @module
 * A whole file of text: sections of programs and of variables, maps, the licence. Directives are those of GNU as and
 * LLVM; `.map` and `.license` are ours.
 *
 *     .license "GPL"
 *     .map counts, hash, key=u32, value=u64, max_entries=1024
 *     .section socket
 *     count:
 *         ...
 */

import { closeNames } from './close-names.ts';
import type { Reference } from './code.ts';
import { contextOf } from './parse.ts';
import type { Site } from './site.ts';
import { DATA_DIRECTIVES, MOST_DATA, readData, type TextVariable } from './text-data.ts';
import { type Declared, functionsOf, type TextFunction } from './text-functions.ts';
import { Scanner } from './text-scanner.ts';
import { type Element, rawInstructions, readStatements } from './text-statements.ts';

/** A map as `.map` declares it: its type and numbers by their names. */
export interface TextMap {
  readonly name: string;
  readonly type: string;
  /** Bytes for `key` and `value`. */
  readonly numbers: ReadonlyMap<string, { readonly value: number; readonly at: number }>;
  readonly at: number;
}

/** A function, and the section that it stands in. */
export interface PlacedFunction extends TextFunction {
  readonly section: string;
  /** Whether it is declared `.globl`. */
  readonly global: boolean;
}

/** A file that has been read, whose names are not looked up yet. */
export interface TextFile {
  readonly license: string | undefined;
  readonly maps: readonly TextMap[];
  /** Variables by the names of their sections. */
  readonly variables: ReadonlyMap<string, readonly TextVariable[]>;
  /** The functions, once it is known what the names of maps and variables mean. */
  readonly functions: (symbols: ReadonlyMap<string, Reference>) => readonly PlacedFunction[];
  /** Throws an AssemblerTextError at a place in the file. */
  readonly fail: (reason: string, at: number) => never;
  readonly siteOf: (at: number) => Site | undefined;
}

/** Reads a file; `file` is its name in errors and listings. Throws an AssemblerTextError. */
export const readTextFile = (text: string, file: string): TextFile => {
  const reader = new Reader(new Scanner([text], [], { file }));
  reader.read();
  return reader;
};

/** What says nothing that an object needs. */
const IGNORED = new Set([
  ...['.size', '.file', '.ident', '.addrsig', '.addrsig_sym', '.p2align', '.align', '.balign'],
  ...['.hidden', '.local', '.weak', '.loc', '.cfi_startproc', '.cfi_endproc', '.cfi_sections'],
]);
const OWN = [
  '.license',
  '.map',
  '.section',
  '.text',
  '.data',
  '.bss',
  '.globl',
  '.global',
  '.type',
];
const VARIABLES = /^\.(?:data|bss|rodata)(?:\.|$)/;

class Reader implements TextFile {
  readonly #scanner: Scanner;
  /** The code of each section. */
  readonly #code = new Map<string, Element[]>();
  readonly #global = new Set<string>();
  readonly #declared = new Set<string>();
  #section = '.text';
  /** Bytes of all variables. */
  #data = 0;
  license: string | undefined;
  readonly maps: TextMap[] = [];
  readonly variables = new Map<string, TextVariable[]>();

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  readonly fail: (reason: string, at: number) => never = (reason, at) =>
    this.#scanner.fail(reason, at);
  readonly siteOf = (at: number): Site | undefined => this.#scanner.siteOf(at);

  read(): void {
    readStatements(
      this.#scanner,
      (element) => this.#emit(element),
      (name, at) => this.#directive(name, at),
    );
  }

  #emit(element: Element): void {
    const section = this.#section;
    if (VARIABLES.test(section)) {
      if (element.kind === 'code')
        this.fail(`section ${section} is for variables, not for instructions`, element.at);
      const { name, at } = element;
      this.#variables(section).push({ name, pieces: [], at });
    } else if (section === 'license') {
      if (element.kind === 'code') this.fail('the section license holds a text', element.at);
    } else {
      const code = this.#code.get(section) ?? [];
      this.#code.set(section, code);
      code.push(element);
    }
  }

  get #isCode(): boolean {
    return !VARIABLES.test(this.#section) && this.#section !== 'license';
  }

  #variables(section: string): TextVariable[] {
    const known = this.variables.get(section) ?? [];
    this.variables.set(section, known);
    return known;
  }

  #directive(name: string, at: number): void {
    const scanner = this.#scanner;
    switch (name) {
      case '.text':
      case '.data':
      case '.bss':
        this.#section = name;
        return;
      case '.section':
        this.#enter(at);
        return;
      case '.globl':
      case '.global':
        do this.#global.add(this.#name(name));
        while (scanner.take(','));
        return;
      case '.type': {
        const symbol = this.#name(name);
        scanner.expect(',', 'after the name');
        if (scanner.match(/[@%#]?(?:function|STT_FUNC)\b/y)) this.#declared.add(symbol);
        scanner.skipLine();
        return;
      }
      case '.license':
        this.#license(this.#quoted('.license'), at);
        return;
      case '.map':
        this.#map(at);
        return;
    }
    if (IGNORED.has(name)) scanner.skipLine();
    else if (name === '.quad' && this.#isCode)
      for (const element of rawInstructions(scanner, at)) this.#emit(element);
    else this.#variable(name, at);
  }

  #name(directive: string): string {
    return this.#scanner.name() ?? this.fail(`${directive} takes a name`, this.#scanner.at);
  }

  #quoted(directive: string): string {
    const text = this.#scanner.match(/"([^"\\\n]*)"/y)?.[1];
    return (
      text ??
      this.fail(
        `${directive} takes a text in quotes, got ${this.#scanner.rest()}`,
        this.#scanner.at,
      )
    );
  }

  #license(text: string, at: number): void {
    if (this.license !== undefined) this.fail('there is a licence already', at);
    this.license = text;
  }

  #enter(at: number): void {
    const scanner = this.#scanner;
    const name = scanner.match(/"([^"\n]+)"/y)?.[1] ?? scanner.match(/[^\s,;"]+/y)?.[0];
    if (name === undefined) this.fail('.section takes a name', at);
    if (/^\.?maps$/.test(name))
      this.fail(
        'maps are declared with .map, as: .map counts, hash, key=u32, value=u64, max_entries=1024',
        at,
      );
    if (name.startsWith('.BTF'))
      this.fail(
        `what a compiler writes to ${name} is not read from text: assemble that with llvm-mc`,
        at,
      );
    // Flags and types are known by the name.
    scanner.skipLine();
    this.#section = name;
  }

  #map(at: number): void {
    const scanner = this.#scanner;
    const name = this.#name('.map');
    scanner.expect(',', 'after the name of the map');
    const type = this.#name('.map');
    const numbers = new Map<string, { readonly value: number; readonly at: number }>();
    while (scanner.take(',')) {
      scanner.skipSpaces();
      const place = scanner.at;
      const field = this.#name('.map');
      scanner.expect('=', `after ${field}`);
      const bits = scanner.match(/[us](8|16|32|64)\b/y)?.[1];
      const written = bits === undefined ? scanner.number() : undefined;
      const value = bits === undefined ? Number(written?.value ?? -1n) : Number(bits) / 8;
      if (value < 0 || value > 0xffff_ffff)
        this.fail(`${field} is a number from 0 to 4294967295, or a type as u32`, place);
      if (numbers.has(field)) this.fail(`${field} is given twice`, place);
      numbers.set(field, { value, at: place });
    }
    this.maps.push({ name, type, numbers, at });
  }

  #variable(name: string, at: number): void {
    const bytes = readData(this.#scanner, name);
    if (!bytes) {
      const close = closeNames(name, [...OWN, ...IGNORED, ...DATA_DIRECTIVES]);
      this.fail(
        `there is no directive ${name}${close.length > 0 ? `; did you mean ${close.join(', ')}?` : ''}`,
        at,
      );
    }
    const section = this.#section;
    if (section === 'license') {
      const end = bytes.indexOf(0);
      this.#license(new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)), at);
      return;
    }
    if (!VARIABLES.test(section))
      this.fail(`${name} is for variables: in section ${section} stand instructions`, at);
    const variables = this.#variables(section);
    if (variables.length === 0) variables.push({ name: undefined, pieces: [], at });
    this.#data += bytes.length;
    if (this.#data > MOST_DATA)
      this.fail(`the variables of a file have at most ${MOST_DATA} bytes`, at);
    variables.at(-1)!.pieces.push(bytes);
  }

  functions(symbols: ReadonlyMap<string, Reference>): readonly PlacedFunction[] {
    const sections = new Map<number, string>();
    for (const [section, elements] of this.#code)
      for (const { at } of elements) sections.set(at, section);
    const elements = [...this.#code.values()].flat();
    const context = contextOf(this.#scanner, symbols);
    return functionsOf(elements, context, this.#functionNames()).map((each) => ({
      ...each,
      section: sections.get(each.at)!,
      global: each.name !== undefined && this.#global.has(each.name),
    }));
  }

  #nameless(section: string, at: number): never {
    this.fail(
      `the function at the beginning of ${section} needs a name: put a label before it`,
      at,
    );
  }

  /** The names that begin a function: the first of each section, and those that are declared so. */
  #functionNames(): Declared {
    const names = new Map<string, { readonly global: boolean }>();
    for (const [section, elements] of this.#code) {
      const last = elements.findLastIndex(({ kind }) => kind === 'code');
      elements.forEach((element, index) => {
        if (element.kind === 'code') {
          if (index === 0) this.#nameless(section, element.at);
          return;
        }
        const { name, at } = element;
        if (index === 0 && /^\d+$/.test(name)) this.#nameless(section, at);
        const global = this.#global.has(name);
        if (index > 0 && !global && !this.#declared.has(name)) return;
        if (index > last) this.fail(`${name} has no instructions`, at);
        names.set(name, { global });
      });
    }
    return names;
  }
}
