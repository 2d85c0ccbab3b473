/**
 * @module
 * Functions of the kernel that programs can be attached to: by kprobes, and by BPF trampolines (fentry, fexit).
 */
import type { KernelFunction } from '../traceable.ts';
import type { Probe } from './probe.ts';
import { type ProbeSources, readOr } from './sources.ts';
import { NO_TRAMPOLINES, trampolineTest } from './trampolines.ts';
import { NO_TYPES } from './types.ts';
import type { Wanted } from './wanted.ts';

/**
 * Functions that kprobes can be set at. Where the kernel has a function tracer, they are those that it can trace: it
 * refuses others (CONFIG_KPROBE_EVENTS_ON_NOTRACE).
 */
export const kprobes = (sources: ProbeSources, wanted: Wanted): Probe[] => {
  const { hook, accepts, miss, doubt } = wanted;
  const isMulti = hook.includes('.');
  const lacking = lackingKprobes(sources, isMulti);
  if (lacking !== undefined) {
    miss(lacking);
    return [];
  }
  const forbidden = sources.blacklist();
  if (!forbidden)
    doubt(
      "functions that kprobes must not be set at may be among these: /sys/kernel/debug/kprobes/blacklist cannot be read; as root run 'mount -t debugfs debugfs /sys/kernel/debug'",
    );
  const functions = kprobeFunctions(sources, doubt);
  if (functions.length === 0)
    miss('/proc/kallsyms cannot be read, or has no functions (CONFIG_KALLSYMS)');
  // Of several functions of one name, the kernel does not choose.
  const unique = isMulti ? undefined : uniqueNames(functions);
  const found = new Map<string, Probe>();
  for (const { name, module } of functions)
    if (accepts(name, module) && !forbidden?.has(name) && unique?.has(name) !== false)
      found.set(keyOf(name, module), { kind: 'kprobe', section: `${hook}/${name}`, name, module });
  return [...found.values()];
};

/** Why no kprobe can be set; undefined when they can. */
const lackingKprobes = (sources: ProbeSources, isMulti: boolean): string | undefined => {
  const options = ['CONFIG_KPROBES', 'CONFIG_KPROBE_EVENTS', ...(isMulti ? ['CONFIG_FPROBE'] : [])];
  const unset = isConfigured(sources, 'CONFIG_BPF')
    ? options.find((option) => !isConfigured(sources, option))
    : undefined;
  if (unset === 'CONFIG_FPROBE')
    return 'this kernel has no multi-kprobes (CONFIG_FPROBE is not set); a kprobe for each function may do';
  if (unset === undefined && sources.hasKprobes()) return undefined;
  const why = unset ? `(${unset} is not set)` : '(CONFIG_KPROBES), or sysfs is not mounted on /sys';
  return `this kernel has no kprobes ${why}; tracepoints and tp_btf may do`;
};

const isConfigured = ({ configuration }: ProbeSources, option: string): boolean =>
  configuration(option) !== undefined;

const kprobeFunctions = (
  sources: ProbeSources,
  doubt: Wanted['doubt'],
): readonly KernelFunction[] => {
  // Without a function tracer nothing has to be traceable.
  const isTracer =
    isConfigured(sources, 'CONFIG_FUNCTION_TRACER') || !isConfigured(sources, 'CONFIG_BPF');
  const traceable = readOr(sources.traceable, ({ message }) => {
    if (isTracer) doubt(`these are all functions, traceable or not: ${message}`);
  });
  return traceable ?? sources.functions();
};

/** The names that one function has alone. */
const uniqueNames = (functions: readonly KernelFunction[]): ReadonlySet<string> => {
  const once = new Set<string>();
  const more = new Set<string>();
  for (const { name } of functions) (once.has(name) ? more : once).add(name);
  for (const name of more) once.delete(name);
  return once;
};

/** Functions that BPF trampolines take: those of BTF that the kernel can trace. */
export const trampolines = (sources: ProbeSources, wanted: Wanted): Probe[] => {
  const { types, hook, accepts, miss, doubt } = wanted;
  if (types.all.length === 0) {
    miss(NO_TYPES);
    return [];
  }
  const takes = trampolineTest(sources);
  if (!takes) {
    miss(`${NO_TRAMPOLINES}; a kprobe may do`);
    return [];
  }
  const listed = readOr(sources.traceable, (error) =>
    doubt(`these are all functions of the kernel's types, traceable or not: ${error.message}`),
  );
  const known = listed && new Set(listed.map(({ name, module }) => keyOf(name, module)));
  return types.all.flatMap(({ btf, module }) => {
    const found: Probe[] = [];
    for (const { name, shape } of types.functions(btf))
      if (shape && takes(shape) && accepts(name, module) && !DENIED.has(name))
        if (known ? known.has(keyOf(name, module)) : !name.startsWith(NOTRACE))
          found.push({ kind: 'fentry', section: `${hook}/${name}`, name, module });
    return found;
  });
};

/** Functions by which tracepoints call programs: `notrace`, each of them. */
const NOTRACE = '__bpf_trace_';

/** The verifier refuses these, which trampolines themselves need (btf_id_deny of kernel/bpf/verifier.c). */
const DENIED: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'migrate_disable',
  'migrate_enable',
  'rcu_read_unlock_strict',
  'preempt_count_add',
  'preempt_count_sub',
  '__rcu_read_lock',
  '__rcu_read_unlock',
]);

const keyOf = (name: string, module: string | undefined): string =>
  module === undefined ? name : `${module}:${name}`;
