/**
 * @module
 * Calls with their arguments. Any mixture of registers, numbers, maps, subprograms and addresses of places goes in,
 * in any order: the moves into r1 to r5 are arranged so that none overwrites what another still needs.
 *
 * A call destroys r0 to r5. r0 then holds the result.
 */
import { type Access, describePlace, isPlace, type Mem } from '../layout/index.ts';
import { addressOf } from './address.ts';
import type { KernelNumber } from './alu.ts';
import type { AnyExtern, AnyMap, Code, Instruction, Reference, Subprogram } from './code.ts';
import type { Helper } from './helper-types.ts';
import { fitsSigned32, make, wholeOnly, wideLoad, writable } from './make.ts';
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_JMP,
  BPF_K,
  BPF_MOV,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_X,
  LDDW,
} from './opcodes.ts';
import { isRegister, nameOf, type R, type Register } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

/** Whatever can be passed to a call. */
export type Argument =
  | Register
  | number
  | bigint
  | AnyMap
  | Subprogram
  | KernelNumber
  | Mem<unknown, 'plain'>;

/** An address that is computed into the argument register: a place of the kernel's, for macros. */
export interface KernelAddress {
  readonly kind: 'kernel-address';
  readonly place: Mem<unknown, Access>;
}

/** A function of the kernel that the language declares. */
export type DeclaredFunction = AnyExtern & { readonly arity: number };

/** Calls a helper of the kernel, a subprogram of this object, or a function of the kernel that it declares (`kfunc`). */
export function call<A extends readonly unknown[]>(helper: Helper<A>, ...args: NoInfer<A>): Code;
export function call(callee: Subprogram | DeclaredFunction, ...args: Argument[]): Code;
export function call(
  callee: Helper | Subprogram | DeclaredFunction,
  ...args: readonly unknown[]
): Code {
  return callFrom(callSite(call), callee, args as Argument[]);
}

/** `call` for macros, which blame their own caller. */
export const callFrom = (
  site: Site | undefined,
  callee: Helper | Subprogram | DeclaredFunction,
  args: readonly (Argument | KernelAddress)[],
): Code => {
  checkCount(callee, args.length, site);
  return [...marshal(`call ${callee.name}`, args, site), callOf(callee, site)];
};

const callOf = (
  callee: Helper | Subprogram | DeclaredFunction,
  site: Site | undefined,
): Instruction => {
  const opcode = BPF_JMP | BPF_CALL;
  switch (callee.kind) {
    case 'helper':
      return make({ opcode, imm: callee.id, site });
    case 'function':
      return make({ opcode, src: BPF_PSEUDO_CALL, target: callee, site });
    case 'extern': {
      const reference = { kind: 'extern', extern: callee } as const;
      return make({ opcode, src: BPF_PSEUDO_KFUNC_CALL, reference, site });
    }
  }
};

const checkCount = (
  callee: Helper | Subprogram | DeclaredFunction,
  got: number,
  site: Site | undefined,
): void => {
  if (!CALLEES.has(callee?.kind) || (callee.kind === 'extern' && callee.arity === undefined)) {
    throw new AssemblerError(`call: a helper, a subprogram or a kfunc, got ${typeof callee}`, site);
  }
  const most = callee.kind === 'helper' ? callee.args.length : callee.arity;
  const least = callee.kind === 'helper' ? callee.required : callee.arity;
  if (got < least || got > most) {
    const names = callee.kind === 'helper' ? ` (${callee.names.join(', ')})` : '';
    throw new AssemblerError(
      `call ${callee.name}: it takes ${least === most ? most : `${least} to ${most}`} arguments${names}, got ${got}`,
      site,
    );
  }
};

const CALLEES: ReadonlySet<string> = /* @__PURE__ */ new Set(['helper', 'function', 'extern']);

/** A move into an argument register. `from` is the register that it reads; undefined when it reads none. */
interface Move {
  readonly to: number;
  readonly from: number | undefined;
  readonly emit: (from: number) => readonly Instruction[];
}

const marshal = (
  what: string,
  args: readonly (Argument | KernelAddress)[],
  site: Site | undefined,
): Instruction[] => {
  let pending = args
    .map((arg, index) => moveOf(`${what}: argument ${index + 1}`, index + 1, arg, site))
    .filter((move) => move !== undefined);
  const out: Instruction[] = [];
  while (pending.length > 0) {
    const free = pending.find(
      (move) => !pending.some((other) => other !== move && other.from === move.to),
    );
    if (free) {
      out.push(...free.emit(free.from ?? 0));
      pending = pending.filter((move) => move !== free);
    } else {
      // Every destination is still read by another move: a cycle. The call destroys r0, so it can hold one of them.
      const { to } = pending[0]!;
      out.push(make({ opcode: BPF_ALU64 | BPF_MOV | BPF_X, dst: 0, src: to, site }));
      pending = pending.map((move) => (move.from === to ? { ...move, from: 0 } : move));
    }
  }
  return out;
};

const moveOf = (
  what: string,
  to: number,
  arg: Argument | KernelAddress,
  site: Site | undefined,
): Move | undefined => {
  if (isRegister(arg)) return registerMove(what, to, arg, site);
  if (isPlace(arg)) return addressMove(what, to, arg, site, false);
  if (isKernelAddress(arg)) return addressMove(what, to, arg.place, site, true);
  const constant = (instruction: Instruction): Move => ({
    to,
    from: undefined,
    emit: () => [instruction],
  });
  if (typeof arg === 'number' || typeof arg === 'bigint') {
    return constant(loadConstant(what, to, arg, site));
  }
  if (arg?.kind === 'map') return constant(loadReference(to, { kind: 'map', map: arg }, site));
  if (arg?.kind === 'function')
    return constant(loadReference(to, { kind: 'function', function: arg }, site));
  if (arg?.kind === 'kernel-number') {
    return constant(
      make({ opcode: BPF_ALU64 | BPF_MOV | BPF_K, dst: to, relocation: arg.relocation, site }),
    );
  }
  throw new AssemblerError(
    `${what}: a register, number, map, subprogram or place, got ${arg === null ? 'null' : typeof arg}`,
    site,
  );
};

/** In one slot if it can be: 32-bit moves clear the upper half. */
const loadConstant = (
  what: string,
  dst: number,
  value: number | bigint,
  site: Site | undefined,
): Instruction => {
  const move = BPF_MOV | BPF_K;
  if (fitsSigned32(value)) return make({ opcode: BPF_ALU64 | move, dst, imm: Number(value), site });
  const wide = wideLoad(what, dst, value, site);
  if (wide.imm64! > 0xffff_ffffn) return wide;
  return make({ opcode: BPF_ALU | move, dst, imm: Number(BigInt.asIntN(32, wide.imm64!)), site });
};

const registerMove = (
  what: string,
  to: number,
  arg: Register,
  site: Site | undefined,
): Move | undefined => {
  if (arg.index > 10)
    throw new AssemblerError(`${what}: ${nameOf(arg)} is only the base of loads and stores`, site);
  if (arg.index === to && arg.width === 64) return undefined;
  const opcode = (arg.width === 64 ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X;
  return { to, from: arg.index, emit: (src) => [make({ opcode, dst: to, src, site })] };
};

const addressMove = (
  what: string,
  to: number,
  place: Mem<unknown, Access>,
  site: Site | undefined,
  kernel: boolean,
): Move => {
  const { register, ...rest } = addressOf(what, place, site);
  if (rest.relocation && !kernel) {
    throw new AssemblerError(
      `${what}: ${describePlace(place)} is memory of the kernel's; pass its address in a register, with lea`,
      site,
    );
  }
  return { to, from: register, emit: (from) => leaInstructions(to, from, rest, site) };
};

const isKernelAddress = (arg: Argument | KernelAddress): arg is KernelAddress =>
  typeof arg === 'object' && arg !== null && 'kind' in arg && arg.kind === 'kernel-address';

const leaInstructions = (
  dst: number,
  base: number,
  rest: Pick<Instruction, 'offset' | 'slot' | 'relocation'>,
  site: Site | undefined,
): Instruction[] => {
  const { offset, slot, relocation } = rest;
  const out: Instruction[] = [];
  if (dst !== base) out.push(make({ opcode: BPF_ALU64 | BPF_MOV | BPF_X, dst, src: base, site }));
  if (offset !== 0 || slot || relocation) {
    out.push(
      make({ opcode: BPF_ALU64 | BPF_ADD | BPF_K, dst, imm: offset, slot, relocation, site }),
    );
  }
  return out;
};

const PSEUDO = {
  map: BPF_PSEUDO_MAP_FD,
  value: BPF_PSEUDO_MAP_VALUE,
  function: BPF_PSEUDO_FUNC,
} as const;

const loadReference = (
  dst: number,
  reference: Reference & { readonly kind: keyof typeof PSEUDO },
  site: Site | undefined,
): Instruction =>
  make({ opcode: LDDW, dst, src: PSEUDO[reference.kind], imm64: 0n, reference, site });

/** Loads the address of a place, a global variable's map value, a map, or a subprogram. */
export const lea = (to: R, of: Mem<unknown, 'plain' | 'core'> | AnyMap | Subprogram): Code => {
  const site = callSite(lea);
  const what = `lea ${nameOf(to)}`;
  wholeOnly(what, to, site);
  const dst = writable(what, to, site);
  if (isPlace(of)) {
    const { register, ...rest } = addressOf(what, of, site);
    return leaInstructions(dst, register, rest, site);
  }
  if (of?.kind === 'function') return loadReference(dst, { kind: 'function', function: of }, site);
  if (of?.kind !== 'map') {
    throw new AssemblerError(`${what}: a place, map or subprogram, got ${typeof of}`, site);
  }
  return of.type === 'array'
    ? loadReference(dst, { kind: 'value', map: of, offset: 0 }, site)
    : loadReference(dst, { kind: 'map', map: of }, site);
};
