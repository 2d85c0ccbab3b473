/**
 * @module
 * Programs at functions of the kernel: kprobe, kretprobe, and ksyscall and kretsyscall, which know how an architecture
 * calls the functions of system calls (Documentation/trace/kprobes.rst).
 */
import { type Hook, RequirementError } from '../object/index.ts';
import { isAtLeast, PERF_TYPE, SystemCallError } from '../syscall/index.ts';
import { assembled } from './closable.ts';
import { symbolAddress } from './kallsyms.ts';
import { defineKprobe, type KprobeDefinition } from './kprobe-events.ts';
import type { Link } from './link.ts';
import { type AttachContext, attachToEvent, type CookieOptions } from './perf-link.ts';
import { probePmu } from './probe-pmu.ts';
import type { Program } from './program.ts';

/** What of this the hook `kprobe/FUNCTION+OFFSET` says need not be said again. */
export interface KprobeOptions extends CookieOptions {
  /** A function of the kernel or of a module, also as `module:function`; for ksyscall a system call, as `openat`. */
  readonly function?: string | undefined;
  /** Bytes from the start of the function. */
  readonly offset?: number | undefined;
  /**
   * For kretprobe: how many calls at once are seen, 1 to 4096; others are missed, uncounted. The kernel's default is at
   * least twice the number of CPUs. Defined in tracefs.
   */
  readonly maxActive?: number | undefined;
}

/** `FUNCTION+OFFSET`; undefined when it is neither. */
export const parseKprobe = (
  name: string,
): { readonly function: string; readonly offset: number } | undefined => {
  const [, symbol, offset = '0'] =
    /^([A-Za-z0-9_.$:]+)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(name) ?? [];
  return symbol === undefined ? undefined : { function: symbol, offset: Number(offset) };
};

/** kprobe, kretprobe, ksyscall, kretsyscall. */
export const attachKprobe = (
  program: Program,
  context: AttachContext,
  options: KprobeOptions,
): Link => {
  const { hook } = program.spec;
  const { section } = hook;
  const definition = definitionOf(hook, options);
  try {
    const { maxActive } = options;
    return context.without.has('kprobePmu') || maxActive !== undefined
      ? attachDefined(program, context, options, definition)
      : attachByPmu(program, context, options, definition);
  } catch (error) {
    throw explained(section, definition, error);
  }
};

const definitionOf = (hook: Hook, options: KprobeOptions): KprobeDefinition => {
  const { section, type } = hook;
  const { maxActive } = options;
  const named = parseKprobe(hook.name);
  const name = options.function ?? named?.function;
  if (name === undefined)
    throw new RequirementError(
      `${section} says not where: attach it with { function }, or write ${type}/FUNCTION`,
    );
  const offset = options.offset ?? (options.function === undefined ? (named?.offset ?? 0) : 0);
  const returns = type.startsWith('kret');
  if (returns && offset !== 0)
    throw new RequirementError(`${section}: a function returns as a whole, got an offset in it`);
  if (maxActive !== undefined && !(returns && maxActive >= 1 && maxActive <= 4096))
    throw new RequirementError(
      `${section}: maxActive is for kretprobe programs, from 1 to 4096, got ${maxActive}`,
    );
  const symbol = type.endsWith('syscall') ? systemCallFunction(section, name) : name;
  return { function: symbol, offset, returns, maxActive };
};

/** What the function of a system call may be called: with the prefix of the architecture since Linux 4.17. */
export const systemCallFunctions = (name: string): readonly string[] => {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
  return [`__${architecture}_sys_${name}`, `__se_sys_${name}`, `sys_${name}`];
};

const systemCallFunction = (section: string, name: string): string => {
  const candidates = systemCallFunctions(name);
  const found = candidates.find((each) => symbolAddress(each) !== undefined);
  if (found !== undefined) return found;
  throw new RequirementError(
    `${section}: this kernel has no system call ${name}: none of the functions ${candidates.join(', ')}`,
  );
};

const attachByPmu = (
  program: Program,
  context: AttachContext,
  options: KprobeOptions,
  definition: KprobeDefinition,
): Link => {
  const { section } = program.spec.hook;
  const pmu = probePmu('kprobe');
  if (!pmu) {
    if (isAtLeast('4.17')) throw noKprobes(section);
    return attachDefined(program, context, options, definition);
  }
  const event = {
    type: pmu.type,
    config: definition.returns ? pmu.returns : 0n,
    config1: definition.function,
    config2: definition.offset,
  };
  return attachToEvent(program, section, event, context, options);
};

/** Over tracefs. The definition goes with the link. */
const attachDefined = (
  program: Program,
  context: AttachContext,
  options: KprobeOptions,
  definition: KprobeDefinition,
): Link =>
  assembled((own) => {
    const { section } = program.spec.hook;
    if (!probePmu('kprobe') && isAtLeast('4.17')) throw noKprobes(section);
    const probe = own(defineKprobe(definition));
    const event = { type: PERF_TYPE.PERF_TYPE_TRACEPOINT, config: probe.id };
    return attachToEvent(program, section, event, context, options, [probe]);
  });

const noKprobes = (section: string): RequirementError =>
  new RequirementError(
    `${section}: this kernel has no kprobes (CONFIG_KPROBES and CONFIG_KPROBE_EVENTS), or sysfs is not mounted on /sys; a tracepoint or tp_btf may do`,
  );

const explained = (
  section: string,
  { function: name, offset }: KprobeDefinition,
  error: unknown,
): unknown => {
  if (error instanceof RequirementError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const isPlace =
    (error instanceof SystemCallError && error.call === 'perf_event_open') ||
    (error as NodeJS.ErrnoException).syscall === 'write';
  if (!isPlace || code === undefined) return error;
  const known = symbolAddress(name.slice(name.indexOf(':') + 1)) !== undefined;
  const why = !known && /^(ENOENT|EINVAL)$/.test(code) ? NO_FUNCTION : REASONS[code];
  if (why === undefined) return error;
  const place = offset === 0 ? name : `${name}+${offset}`;
  return new RequirementError(`cannot attach ${section} to ${place}: ${code}, ${why}`, {
    cause: error,
  });
};

const NO_FUNCTION =
  'this kernel has no such function: it may be inlined, renamed, or in a module that is not loaded';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'this kernel has no such function',
  EINVAL:
    'the function must not be probed (/sys/kernel/debug/kprobes/blacklist), or no instruction begins there',
  EILSEQ: 'no instruction begins there',
  EADDRNOTAVAIL: 'there are several functions of this name, and the kernel does not choose',
  EOPNOTSUPP: 'the instruction there cannot be probed',
};
