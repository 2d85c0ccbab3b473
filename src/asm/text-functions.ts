/**
 * @module
 * From instructions with distances and names to code of the language: labels where jumps lead, and a function for
 * each place that is called or whose address is taken. Texts need it, and so do bytes that came without names.
 */

import type { AnyMap, Code, Instruction, Label, Reference, Subprogram } from './code.ts';
import { ARGUMENTS } from './effects.ts';
import { slotsOf } from './encode.ts';
import { flatten } from './flatten.ts';
import { liveBefore } from './liveness.ts';
import {
  BPF_EXIT,
  BPF_JMP,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
} from './opcodes.ts';
import { AssemblerError, type Site } from './site.ts';
import { closeCallees, helperNamed } from './text-call.ts';
import { goalOf } from './text-goals.ts';
import { type Goal, suggestion } from './text-operands.ts';
import type { Element } from './text-statements.ts';

/** What a text can refer to outside of itself, and how its errors are said. */
export interface TextContext {
  /** Maps, variables and functions by their names. */
  readonly symbols: ReadonlyMap<string, Reference>;
  readonly fail: (reason: string, at: number) => never;
  readonly siteOf: (at: number) => Site | undefined;
}

/** A function of a text. */
export interface TextFunction {
  readonly name: string | undefined;
  readonly body: Code;
  /** Where it begins in the text. */
  readonly at: number;
  /** Itself, when others of the text refer to it. */
  readonly subprogram: Subprogram | undefined;
}

type CodeElement = Element & { readonly kind: 'code' };
const EXIT = BPF_JMP | BPF_EXIT;
/** As many as BTF takes on every kernel. */
const MOST_LETTERS = 127;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** How a function is declared: global ones are verified by themselves. */
export type Declared = ReadonlyMap<string, { readonly global: boolean }>;

/** The functions of a sequence of elements, in order. `declared` begin one whether or not they are called. */
export const functionsOf = (
  elements: readonly Element[],
  context: TextContext,
  declared: Declared = new Map(),
): readonly TextFunction[] => new Builder(elements, context, declared).build();

class Builder {
  readonly #context: TextContext;
  readonly #declared: Declared;
  readonly #codes: CodeElement[] = [];
  /** Each name's place: the index of the code behind it. */
  readonly #names = new Map<string, number>();
  /** The name of each place: a declared one, or the first. */
  readonly #nameOf = new Map<number, string>();
  /** Places of names that are numbers, which can be used again and again. */
  readonly #locals = new Map<string, number[]>();
  /** The slot of each code; counted anew behind code of unknown length. */
  readonly #slots: number[] = [];
  readonly #indices = new Map<number, number>();
  /** How many codes of unknown length come before each. */
  readonly #segments: number[] = [];
  readonly #labels = new Map<number, Label>();
  readonly #subprograms = new Map<number, Mutable<Subprogram>>();
  /** The start of the function that each code belongs to. */
  readonly #owners: number[] = [];

  constructor(elements: readonly Element[], context: TextContext, declared: Declared) {
    this.#context = context;
    this.#declared = declared;
    for (const element of elements) {
      if (element.kind === 'code') this.#codes.push(element);
      else this.#place(element.name, element.at);
    }
    let [slot, segment] = [0, 0];
    this.#codes.forEach(({ code }, index) => {
      this.#slots.push(slot);
      this.#segments.push(segment);
      this.#indices.set(segment * 2 ** 32 + slot, index);
      const slots = lengthOf(code);
      slot += slots ?? 0;
      if (slots === undefined) segment++;
    });
  }

  #place(name: string, at: number): void {
    const here = this.#codes.length;
    if (/^\d+$/.test(name)) {
      const places = this.#locals.get(name) ?? [];
      places.push(here);
      this.#locals.set(name, places);
      return;
    }
    if (this.#names.has(name)) this.#context.fail(`label ${name} is placed twice`, at);
    const other = this.#context.symbols.get(name);
    if (other) this.#context.fail(`label ${name} has the name of ${NOUNS[other.kind]}`, at);
    this.#names.set(name, here);
    if (!this.#nameOf.has(here) || this.#declared.has(name)) this.#nameOf.set(here, name);
  }

  build(): readonly TextFunction[] {
    const codes = this.#codes;
    const targets = codes.map(({ goal }, index) => goal && this.#find(goal, index));
    const starts = new Set([0]);
    for (const name of this.#declared.keys()) {
      const start = this.#names.get(name);
      if (start !== undefined) starts.add(start);
    }
    codes.forEach(({ goal }, index) => {
      const target = targets[index];
      if (!goal || goal.kind === 'jump' || target === undefined) return;
      starts.add(target);
      if (!this.#subprograms.has(target)) this.#subprograms.set(target, this.#subprogramAt(target));
    });
    codes.forEach((_, index) => {
      this.#owners.push(starts.has(index) ? index : this.#owners[index - 1]!);
    });
    const linked = codes.map((element, index) => this.#link(element, index, targets[index]));
    const bodies = new Map([...starts].map((start) => [start, [] as Code[]]));
    linked.forEach((code, index) => {
      const label = this.#labels.get(index);
      bodies.get(this.#owners[index]!)!.push(...(label ? [label, code] : [code]));
    });
    for (const [start, subprogram] of this.#subprograms) subprogram.body = bodies.get(start)!;
    countArguments([...this.#subprograms.values()]);
    return [...starts]
      .filter((start) => start < codes.length)
      .sort((a, b) => a - b)
      .map((start) => ({
        name: this.#nameOf.get(start),
        body: bodies.get(start)!,
        at: codes[start]!.at,
        subprogram: this.#subprograms.get(start),
      }));
  }

  /** The index of the code that a goal means; undefined for what is not in the text. */
  #find({ kind, to, at }: Goal, from: number): number | undefined {
    const found = typeof to === 'number' ? this.#distant(to, from, at) : this.#named(to, from);
    if (found === undefined) {
      if (kind === 'jump')
        this.#context.fail(
          `there is no label ${to}${suggestion(String(to), this.#names.keys())}`,
          at,
        );
      return undefined;
    }
    if (found >= this.#codes.length) this.#context.fail(`${to} is behind the last instruction`, at);
    return found;
  }

  #named(name: string, from: number): number | undefined {
    const local = /^(\d+)([fb])$/.exec(name);
    if (!local) return this.#names.get(name) ?? this.#implied(name);
    const places = this.#locals.get(local[1]!) ?? [];
    const next = after(places, from);
    return places[local[2] === 'f' ? next : next - 1];
  }

  /** uBPF: the first exit is the label `exit`, if there is no other. */
  #implied(name: string): number | undefined {
    if (name !== 'exit') return undefined;
    const first = this.#codes.findIndex(
      ({ code }) => (code as Partial<Instruction>)?.opcode === EXIT,
    );
    if (first < 0) return undefined;
    this.#names.set(name, first);
    return first;
  }

  #distant(distance: number, from: number, at: number): number {
    const segment = this.#segments[from]!;
    const slot = this.#slots[from]! + lengthOf(this.#codes[from]!.code)! + distance;
    const found = slot < 0 ? undefined : this.#indices.get(segment * 2 ** 32 + slot);
    if (found !== undefined) return found;
    const signed = distance < 0 ? `${distance}` : `+${distance}`;
    return this.#context.fail(
      this.#segments.at(-1) === 0
        ? `no instruction begins ${signed} from here`
        : `${signed}: distances are counted between code of known length; use a label`,
      at,
    );
  }

  #subprogramAt(index: number): Mutable<Subprogram> {
    const name = this.#nameOf.get(index);
    const { at } = this.#codes[index]!;
    if (name !== undefined && name.length > MOST_LETTERS)
      this.#context.fail(`a function's name has at most ${MOST_LETTERS} characters`, at);
    return {
      kind: 'function',
      // Compilers have names that BTF does not take.
      name: name?.replace(/\W/g, '_').replace(/^(?=\d)/, '_') ?? `function_${this.#slots[index]}`,
      arity: 0,
      global: name !== undefined && this.#declared.get(name)?.global === true,
      body: [],
      site: this.#context.siteOf(at),
    };
  }

  #link({ code, goal }: CodeElement, index: number, target: number | undefined): Code {
    if (!goal) return code;
    const instruction = code as Instruction;
    if (goal.kind === 'jump') return { ...instruction, target: this.#label(goal, index, target!) };
    if (target === undefined) return this.#external(instruction, goal);
    const subprogram = this.#subprograms.get(target)!;
    if (goal.kind === 'call') return { ...instruction, target: subprogram };
    const reference = { kind: 'function', function: subprogram } as const;
    return { ...instruction, src: BPF_PSEUDO_FUNC, reference };
  }

  #label({ to, at }: Goal, from: number, target: number): Label {
    const [here, there] = [this.#owners[from]!, this.#owners[target]!];
    if (here !== there) {
      const names = [here, there].map((start) => this.#nameOf.get(start) ?? 'the program');
      this.#context.fail(
        `${to} leads from ${names.join(' to ')}: functions only call each other`,
        at,
      );
    }
    const known = this.#labels.get(target);
    if (known) return known;
    const name = this.#nameOf.get(target) ?? `L${this.#slots[target]}`;
    const label: Label = {
      kind: 'label',
      name,
      site: this.#context.siteOf(this.#codes[target]!.at),
    };
    this.#labels.set(target, label);
    return label;
  }

  /** A place in the only value of a map. */
  #within(map: AnyMap, offset: number, at: number): Reference {
    const size = map.value?.size ?? 2 ** 32; // an arena has no value
    if (offset < 0 || offset >= size)
      this.#context.fail(`the map's value has ${size} bytes: there is no byte ${offset}`, at);
    return { kind: 'value', map, offset };
  }

  /** A helper, or something that the text was given. */
  #external(instruction: Instruction, { kind, to, addend, at }: Goal): Instruction {
    const name = String(to);
    const reference = this.#context.symbols.get(name);
    if (kind === 'call') {
      if (reference?.kind === 'function') return { ...instruction, target: reference.function };
      if (reference?.kind === 'extern') return { ...instruction, src: 0, reference };
      const helper = helperNamed(name);
      if (helper) return { ...instruction, src: 0, imm: helper.id };
      return this.#context.fail(
        `there is no function or helper ${name}${closeCallees(name, this.#names.keys())}`,
        at,
      );
    }
    switch (reference?.kind) {
      case 'map':
        return addend === undefined
          ? { ...instruction, src: BPF_PSEUDO_MAP_FD, reference }
          : {
              ...instruction,
              src: BPF_PSEUDO_MAP_VALUE,
              reference: this.#within(reference.map, addend, at),
            };
      case 'value': {
        const value = this.#within(reference.map, reference.offset + (addend ?? 0), at);
        return { ...instruction, src: BPF_PSEUDO_MAP_VALUE, reference: value };
      }
      case 'function':
        return { ...instruction, src: BPF_PSEUDO_FUNC, reference };
      case 'extern':
        return { ...instruction, src: 0, reference };
      default: {
        const names = [...this.#context.symbols.keys(), ...this.#names.keys()];
        return this.#context.fail(
          `there is no map, variable or function ${name}${suggestion(name, names)}`,
          at,
        );
      }
    }
  }
}

const NOUNS = {
  map: 'a map',
  value: 'a variable',
  function: 'a function',
  extern: 'a symbol of the kernel',
  module: 'a module of the kernel',
} as const;

/** The slots of one instruction or label; undefined for code whose length is known when it is assembled. */
const lengthOf = (code: Code): number | undefined => {
  const { kind } = (code || {}) as { readonly kind?: string };
  if (kind === 'label') return 0;
  return kind === 'instruction' ? slotsOf(code as Instruction) : undefined;
};

/** The index of the first number in an ascending list that is greater than `value`. */
const after = (list: readonly number[], value: number): number => {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** A function takes the arguments that it reads; for a call, those of the function that is called. */
const countArguments = (functions: readonly Mutable<Subprogram>[]): void => {
  const items = new Map(functions.map((each) => [each as Subprogram, flatten(each.body).items]));
  const callers = new Map<Subprogram, Set<Mutable<Subprogram>>>();
  for (const caller of functions) {
    for (const item of items.get(caller)!) {
      const callee = item.kind === 'instruction' ? item.target : undefined;
      if (callee?.kind === 'function')
        callers.set(callee, (callers.get(callee) ?? new Set()).add(caller));
    }
  }
  const waiting = new Set(functions);
  // A set takes what is added while it is walked, and what was removed before as well.
  for (const subprogram of waiting) {
    waiting.delete(subprogram);
    const live = (liveBefore(items.get(subprogram)!)[0] ?? 0) & ARGUMENTS;
    const arity = live === 0 ? 0 : 31 - Math.clz32(live);
    if (arity === subprogram.arity) continue;
    subprogram.arity = arity;
    for (const caller of callers.get(subprogram) ?? []) waiting.add(caller);
  }
};

/**
 * The code of decoded instructions, which go on by distances: with labels, and with functions where calls lead. Throws
 * an AssemblerError for a distance to where no instruction begins.
 */
export const codeOf = (instructions: readonly Instruction[]): Code => {
  const elements = instructions.map(
    (code, at): Element => ({ kind: 'code', code, goal: goalOf(code, at), at }),
  );
  const fail = (reason: string, at: number): never => {
    throw new AssemblerError(`instruction ${at}: ${reason}`);
  };
  const context = { symbols: new Map(), fail, siteOf: () => undefined };
  return functionsOf(elements, context)[0]?.body ?? [];
};
