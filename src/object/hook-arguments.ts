/**
 * @module
 * Where the arguments of a hook are in the context of its programs: one after the other (tp_btf, fentry), or in
 * registers (kprobe, uprobe). Their names are those of the kernel's functions in BTF. Those of a system call are in the
 * registers that its function is given in turn (CONFIG_ARCH_HAS_SYSCALL_WRAPPER, x86-64 and arm64 since Linux 4.19).
 */
import type { Btf } from '../btf/index.ts';
import type { Access, Fields, Layout, Struct } from '../layout/index.ts';
import { HOOKS, type Hook, type HookType } from './sections.ts';
import { type Architecture, RequirementError, type TracepointField, type World } from './world.ts';

/** Bytes from the start of the context; or why there is no such argument. `named` says that BTF was asked. */
export type ArgumentPlace =
  | { readonly offset: number; readonly named: boolean }
  | { readonly missing: string };

/** How a context holds arguments. */
type Form = 'array' | 'registers' | 'none';

/** BPF_PROG_TYPE_KPROBE */
const KPROBE = 2;

const formOf = (type: HookType): Form => {
  if (type.startsWith('raw_tp')) return 'array';
  if (type.startsWith('usdt')) return 'none';
  const { program, trusted } = HOOKS[type];
  if (program === KPROBE) return 'registers';
  return trusted ? 'array' : 'none';
};

interface Registers {
  /** The arguments of a function, in order. */
  readonly args: readonly number[];
  readonly result: number;
  /** The arguments of a system call, in order. */
  readonly call: readonly number[];
}

/** Whether programs at such a hook have arguments that `hookArguments` can describe. */
export const hasArguments = (type: HookType): boolean =>
  formOf(type) !== 'none' && type !== 'ksyscall';

/** Whether this is the context that leads to the arguments of a system call. */
export const leadsToSystemCall = ({ members: [first] }: Struct<Fields, Access>): boolean => {
  const to = first?.layout.kind === 'pointer' ? (first.layout.to as Layout | undefined) : undefined;
  return to?.kind === 'struct' && to.origin === 'system-call';
};

// biome-ignore-start format: a table
/** Bytes into `struct pt_regs` and `struct user_pt_regs`, which are the kernel's ABI: arguments in order, the result. */
const REGISTERS: Readonly<Record<Architecture, Registers>> = {
  // di, si, dx, cx, r8, r9; ax; a system call overwrites cx, so that r10 takes its place
  'x86-64': { args: [112, 104, 96, 88, 72, 64], result: 80, call: [112, 104, 96, 56, 72, 64] },
  // x0 to x7; x0; x0 to x5
  arm64: { args: [0, 8, 16, 24, 32, 40, 48, 56], result: 0, call: [0, 8, 16, 24, 32, 40] },
};
// biome-ignore-end format: a table

/** The hooks at the end of a function, that have what it returned; fmod_ret and lsm have what others decided before. */
const RETURNS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'fexit',
  'fmod_ret',
  'fsession',
  'lsm',
  'kretprobe',
  'kretprobe.multi',
  'kretsyscall',
  'uretprobe',
  'uretprobe.multi',
  'kprobe.session',
  'uprobe.session',
]);

/** Those where the arguments are gone: the registers hold other things by then. */
const ONLY_RETURNS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'kretprobe',
  'kretprobe.multi',
  'kretsyscall',
  'uretprobe',
  'uretprobe.multi',
]);

/** As much of a world as the arguments of hooks depend on. */
type ArgumentWorld = Pick<World, 'architecture' | 'btf' | 'modules' | 'tracepointFields'>;

/**
 * Finds the arguments of hooks in one kernel. Beside the names of the kernel there are `arg0`, `arg1`... by position,
 * and `retval` where a function has returned.
 */
export class HookArguments {
  readonly #world: ArgumentWorld;
  readonly #names = new Map<string, readonly string[] | undefined>();
  readonly #calls = new Map<string, readonly string[] | undefined>();

  constructor(world: ArgumentWorld) {
    this.#world = world;
  }

  /** The argument called `name` of those that the program declares. */
  place(declared: Struct<Fields, Access>, name: string, hook: Hook): ArgumentPlace {
    const names = this.#namesOf(hook);
    const known = names?.indexOf(name) ?? -1;
    if (known >= 0) return this.#at(known, hook, true);
    const named = names !== undefined;
    if (name === 'retval') return this.#result(names, hook);
    const [, position] = /^arg(\d+)$/.exec(name) ?? [];
    if (position !== undefined) return this.#at(Number(position), hook, named);
    if (names)
      return {
        missing: `${hook.section} has no argument ${name} in this kernel: it has ${names.join(', ') || 'none'}`,
      };
    const order = declared.members.filter((member) => member.name !== 'retval');
    return this.#at(
      order.findIndex((member) => member.name === name),
      hook,
      false,
    );
  }

  /** The argument called `name` of a system call, in bytes from the start of its registers. */
  systemCallPlace(declared: Struct<Fields, Access>, name: string, hook: Hook): ArgumentPlace {
    const names = this.#systemCall(hook);
    const [, position] = /^arg(\d+)$/.exec(name) ?? [];
    const known = names?.indexOf(name) ?? -1;
    const index =
      known >= 0 || (names && position === undefined)
        ? known
        : Number(position ?? declared.members.findIndex((member) => member.name === name));
    const offset = REGISTERS[this.#world.architecture].call[index];
    if (offset !== undefined) return { offset, named: names !== undefined };
    const has = names ? `it has ${names.join(', ') || 'none'}` : 'it has at most six';
    return { missing: `${hook.section} has no argument ${name} in this kernel: ${has}` };
  }

  /** Its arguments, as its tracepoint has them; undefined where that cannot be read. */
  #systemCall({ type, name }: Hook): readonly string[] | undefined {
    if (type !== 'ksyscall') return undefined;
    if (!this.#calls.has(name)) {
      const fields = this.#recordOf(name);
      const number = fields?.findIndex((field) => field.name === '__syscall_nr') ?? -1;
      const names = fields?.slice(number + 1, number + 7).map((field) => field.name);
      this.#calls.set(name, number < 0 ? undefined : names);
    }
    return this.#calls.get(name);
  }

  /** Names only help: without tracefs the order has to do. */
  #recordOf(systemCall: string): readonly TracepointField[] | undefined {
    try {
      return this.#world.tracepointFields('syscalls', `sys_enter_${systemCall}`);
    } catch (error) {
      if (error instanceof RequirementError) return undefined;
      throw error;
    }
  }

  #at(index: number, { type, section }: Hook, named: boolean): ArgumentPlace {
    if (formOf(type) === 'array') return { offset: index * 8, named };
    const bare = type.replace(/\.s$/, '');
    if (ONLY_RETURNS.has(bare))
      return {
        missing: `${section}: the arguments are gone when a function returns; keep them from its entry, or use fexit`,
      };
    const { architecture } = this.#world;
    const { args } = REGISTERS[architecture];
    const offset = args[index];
    return offset === undefined
      ? {
          missing: `${section}: argument ${index} is not in a register, of which ${architecture} has ${args.length} for arguments`,
        }
      : { offset, named };
  }

  #result(names: readonly string[] | undefined, { type, section }: Hook): ArgumentPlace {
    const bare = type.replace(/\.s$/, '');
    if (!RETURNS.has(bare))
      return { missing: `${section} has no retval: it runs before the function does` };
    if (formOf(type) === 'registers')
      return { offset: REGISTERS[this.#world.architecture].result, named: false };
    // It follows the arguments, so that their number must be known.
    return names
      ? { offset: names.length * 8, named: true }
      : { missing: `${section}: this kernel does not say how many arguments are before retval` };
  }

  #namesOf({ type, name }: Hook): readonly string[] | undefined {
    const key = `${type}/${name}`;
    if (!this.#names.has(key)) this.#names.set(key, this.#find(type, name));
    return this.#names.get(key);
  }

  #find(type: HookType, name: string): readonly string[] | undefined {
    const { btf } = this.#world;
    switch (HOOKS[type].target) {
      case 'function':
        return this.#inModules(name);
      case 'lsm':
        return namesOf(btf, `bpf_lsm_${name}`, 0);
      case 'iterator':
        return namesOf(btf, `bpf_iter_${name}`, 0);
      case 'tracepoint':
        return argumentNames(btf, name);
    }
    if (type.startsWith('raw_tp')) return argumentNames(btf, name);
    return type === 'kprobe' || type === 'kretprobe' ? this.#inModules(name) : undefined;
  }

  #inModules(name: string): readonly string[] | undefined {
    const { btf } = this.#world;
    const found = namesOf(btf, name, 0);
    if (found || !btf) return found;
    for (const module of this.#world.modules()) {
      const names = namesOf(module, name, 0);
      if (names) return names;
    }
    return undefined;
  }
}

/**
 * The names of a tracepoint's arguments, without the leading `__data`; undefined where BTF does not have them. The
 * prototype behind `btf_trace_NAME` is anonymous, the functions that the tracepoint macros make are not.
 */
export const argumentNames = (
  btf: Btf | undefined,
  tracepoint: string,
): readonly string[] | undefined =>
  namesOf(btf, `__bpf_trace_${tracepoint}`, 1) ?? namesOf(btf, `__traceiter_${tracepoint}`, 1);

/** The names of a function's parameters; undefined when it is not in BTF, or one has no name there. */
const namesOf = (
  btf: Btf | undefined,
  name: string,
  skipped: number,
): readonly string[] | undefined => {
  const id = btf?.findByName(name, 'func');
  if (btf === undefined || id === undefined) return undefined;
  const func = btf.type(id);
  const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto') return undefined;
  const names = proto.params.slice(skipped).map((each) => each.name);
  return names.every((each) => each !== '') ? names : undefined;
};
