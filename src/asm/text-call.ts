/**
 * @module
 * Calls in a text: of helpers by number, name or both (`call 5`, `call bpf_ktime_get_ns#5`), of the text's own
 * functions by name or distance (`call double`, `call pc+5`), and of kernel functions by their BTF id.
 */
import type { Instruction, Subprogram } from './code.ts';
import type { Helper } from './helper-types.ts';
import { helper, helperById } from './helpers.ts';
import { make } from './make.ts';
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL, BPF_X } from './opcodes.ts';
import {
  describeValue,
  type Statement,
  safe,
  suggestion,
  takeNumber,
  takeRegister,
} from './text-operands.ts';
import type { Scanner } from './text-scanner.ts';

const CALL = BPF_JMP | BPF_CALL;

const toFunction = (to: string | number, at: number): Statement => ({
  code: make({ opcode: CALL, src: BPF_PSEUDO_CALL }),
  goal: { kind: 'call', to, at },
});

/** Behind `call`. */
export const callStatement = (scanner: Scanner): Statement => {
  scanner.skipSpaces();
  const at = scanner.at;
  const value = scanner.value();
  if (value && typeof value.value !== 'number') return { code: callOf(scanner, value.value, at) };
  scanner.at = at;
  const register = takeRegister(scanner);
  if (register) return { code: make({ opcode: CALL | BPF_X, dst: register.index }) };
  if (scanner.match(/pc(?=[ \t]*[-+][ \t]*\d)/y)) {
    const distance = safe(scanner.number()!.value);
    // bpftool writes the kernel's symbol behind it.
    scanner.match(/#\w+/y);
    return toFunction(distance, at);
  }
  if (scanner.match(/local[ \t]+(?=[\w.$"+-])/y)) {
    const place = scanner.at;
    const distance = scanner.number();
    if (distance) return toFunction(safe(distance.value), place);
    return toFunction(scanner.name() ?? scanner.fail('call local: a function'), place);
  }
  if (scanner.match(/(?:runtime[ \t]+|kernel-function#)(?=\d)/y))
    return { code: make({ opcode: CALL, src: BPF_PSEUDO_KFUNC_CALL, imm: idHere(scanner) }) };
  scanner.match(/helper[ \t]+(?=\d)/y);
  if (scanner.match(/\+/y))
    scanner.fail(
      'call 3 is helper 3, and call pc+3 the function three instructions further on: which one?',
      at,
    );
  const start = scanner.at;
  if (takeNumber(scanner)) {
    scanner.at = start;
    return { code: make({ opcode: CALL, imm: idHere(scanner) }) };
  }
  const name = scanner.name();
  if (name === undefined) scanner.fail(`call: a helper or a function, got ${scanner.rest()}`, at);
  if (!scanner.match(/#(?=-?\d)/y)) return toFunction(name, at);
  return { code: make({ opcode: CALL, imm: numbered(scanner, name, at) }) };
};

const idHere = (scanner: Scanner): number => {
  const { value, at } =
    takeNumber(scanner) ?? scanner.fail(`call: a number, got ${scanner.rest()}`);
  if (value < -(2n ** 31n) || value >= 2n ** 31n)
    scanner.fail(`call: a number has 32 bits, got ${value}`, at);
  return Number(value);
};

/** The number behind a helper's name, as the kernel prints both. */
const numbered = (scanner: Scanner, name: string, at: number): number => {
  const id = idHere(scanner);
  const known = helperById(id);
  if (name === 'unknown' || name === 'bpf_unspec' || name === `bpf_${known?.name}`) return id;
  const named = helperNamed(name);
  // Of a program that is loaded, bpftool writes how far its function is away.
  if (named && !known) return named.id;
  return scanner.fail(
    named
      ? `${name} is helper ${named.id}, and ${id} is ${known ? `bpf_${known.name}` : 'none'}`
      : `${name} is no helper${suggestion(name, helperNames()) || INLINED}`,
    at,
  );
};

const INLINED = ', but what a kernel puts in the place of one: no program can be loaded with it';

const helperNames = (): string[] => Object.keys(helper).map((name) => `bpf_${name}`);

/** The helper of this name, with or without `bpf_`. */
export const helperNamed = (name: string): Helper | undefined => {
  const bare = name.replace(/^bpf_/, '');
  return Object.hasOwn(helper, bare) ? helper[bare as keyof typeof helper] : undefined;
};

/** The close names of a function that is not there: of the text's functions, and of helpers. */
export const closeCallees = (name: string, functions: Iterable<string>): string => {
  const bare = name.startsWith('bpf_') ? name : `bpf_${name}`;
  return suggestion(name, functions) || suggestion(bare, helperNames());
};

const callOf = (scanner: Scanner, callee: unknown, at: number): Instruction => {
  const { kind } = (callee ?? {}) as { readonly kind?: string };
  if (kind === 'helper') return make({ opcode: CALL, imm: (callee as Helper).id });
  if (kind === 'function')
    return make({ opcode: CALL, src: BPF_PSEUDO_CALL, target: callee as Subprogram });
  return scanner.fail(`call: a helper or a function, got ${describeValue(callee)}`, at);
};
