/**
 * @module
 * The world that a test gives to programs: who runs, when, on which CPU, in which kernel. Everything has a value when
 * nothing is said, and the same one each time.
 */

import { type HelperName, helperById } from '../asm/index.ts';
import type { Btf } from '../btf/index.ts';
import {
  type Architecture,
  HOOKS,
  type ObjectSpec,
  type TracepointField,
  type World,
} from '../object/index.ts';
import type { HelperFunction } from './helper.ts';
import type { Mock } from './kernel-memory.ts';
import { type LocalTypes, localTypes } from './local-types.ts';
import type { Watcher } from './watched.ts';

export interface SimulatedWorld {
  /** Where registers are in the context of kprobes and uprobes. Default: x86-64. */
  readonly architecture?: Architecture | undefined;
  /** The kernel's types. Without them it has what the programs declare. */
  readonly btf?: Btf | undefined;
  /** Nanoseconds since the machine was started. Default: one second. */
  readonly time?: bigint | number | undefined;
  /** Where random numbers start. */
  readonly seed?: number | undefined;
  /** The number of CPUs, 2 by default, and the one that programs run on, 0. */
  readonly cpus?: number | undefined;
  readonly cpu?: number | undefined;
  /** Fields of the current `task_struct`: `{ pid: 7, tgid: 7, comm: 'bash', real_parent: { tgid: 1 } }`. */
  readonly task?: Mock | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** The path of the current task's cgroup, as cgroup arrays hold it, and its id. */
  readonly cgroup?: { readonly path?: string; readonly id?: bigint | number } | undefined;
  /** The call stacks that get_stackid and get_stack find, innermost frame first. */
  readonly stack?: { readonly kernel?: readonly bigint[]; readonly user?: readonly bigint[] };
  /** What this kernel does not have: types of hooks and maps, names of helpers, `isaV4`. */
  readonly without?: readonly string[] | undefined;
  /** Records of tracepoints by `category/name`, where they are not as the programs declare them. */
  readonly records?: Readonly<Record<string, readonly TracepointField[]>> | undefined;
  /** Addresses of symbols, and lines of the kernel's configuration. */
  readonly symbols?: Readonly<Record<string, bigint>> | undefined;
  readonly configuration?: Readonly<Record<string, string>> | undefined;
  /** Helpers that are not modelled, or that a test wants to behave in another way. */
  readonly helpers?: Partial<Readonly<Record<HelperName, HelperFunction>>> | undefined;
  /** Functions of the kernel that programs call by their types (kfuncs), by their names, beside those that are modelled. */
  readonly functions?: Readonly<Record<string, HelperFunction>> | undefined;
  /** Is told of each instruction before it is executed. */
  readonly watch?: Watcher | undefined;
}

/** What linking asks of the simulated kernel, and the types that its objects are laid out by. */
export interface SimulatedKernel {
  readonly world: World;
  readonly types: LocalTypes;
}

export const simulatedKernel = (spec: ObjectSpec, given: SimulatedWorld): SimulatedKernel => {
  const local = localTypes(spec);
  const types = given.btf ? { records: local.records, btf: given.btf } : local;
  const without = new Set(given.without);
  const world: World = {
    architecture: given.architecture ?? 'x86-64',
    get btf() {
      return without.has('btf') ? undefined : types.btf;
    },
    modules: () => [],
    hasHook: ({ type, section }) =>
      Object.hasOwn(HOOKS, type) && !without.has(type) && !without.has(section),
    symbolAddress: (name) => given.symbols?.[name],
    configuration: (name) => given.configuration?.[name],
    hasHelper: (id) => !without.has(helperById(id)?.name ?? ''),
    hasMap: (type) => !without.has(type),
    isaV4: !without.has('isaV4'),
    tracepointFields: (category, name) =>
      given.records?.[`${category}/${name}`] ?? types.records.get(`${category}/${name}`),
  };
  return { world, types };
};
