/**
 * @module
 * One program at many functions with one link: kprobe.multi (Linux 5.18, CONFIG_FPROBE), uprobe.multi (6.6), and the
 * sessions of both, which run at entry and return (6.10 and 6.13); fentry.multi and its kin (7.2).
 */
import { functionOffset, functionOffsets } from '../elf/index.ts';
import { HOOKS, type Hook, NotFoundError, RequirementError } from '../object/index.ts';
import { BpfError, FileDescriptor, type LinkExtra, linkCreate } from '../syscall/index.ts';
import { configuration } from './configuration.ts';
import { findExecutable, withElfFile } from './executable.ts';
import { glob, isGlob } from './glob.ts';
import { kernelBtf } from './kernel-btf.ts';
import { Link } from './link.ts';
import type { AttachContext, CookieOptions } from './perf-link.ts';
import type { Program } from './program.ts';
import { traceableFunctions } from './traceable.ts';

/** BPF_F_KPROBE_MULTI_RETURN and BPF_F_UPROBE_MULTI_RETURN */
const RETURN = 1;

export interface MultiOptions extends CookieOptions {
  /** Functions by name or pattern (`vfs_*`), in place of those of the hook. */
  readonly functions?: readonly string[] | undefined;
  /** A cookie for each of the functions, which are then names, or of the offsets: so the program knows where it is. */
  readonly cookies?: readonly (bigint | number)[] | undefined;
  /** For uprobe.multi, in place of functions: bytes from the start of the file. */
  readonly offsets?: readonly number[] | undefined;
  /**
   * For uprobe.multi: for each of the offsets, bytes from the start of the file to a u16 that is above 0 while the probe
   * is attached (a USDT semaphore), or 0 for none.
   */
  readonly referenceCounters?: readonly number[] | undefined;
  /** For uprobe.multi: the executable or library. */
  readonly path?: string | undefined;
  /** For uprobe.multi: only in this process. */
  readonly pid?: number | undefined;
}

const isReturn = ({ type }: Hook): boolean => /^[ku]ret/.test(type);

/** kprobe.multi, kretprobe.multi, kprobe.session. */
export const attachKprobeMulti = (
  program: Program,
  _context: AttachContext,
  { functions, cookie, cookies }: MultiOptions,
): Link => {
  const { hook } = program.spec;
  const { section, name } = hook;
  const wanted = functions ?? (name === '' ? [] : [name]);
  if (wanted.length === 0)
    throw new RequirementError(
      `${section} says not where: attach it with { functions }, or write ${hook.type}/PATTERN`,
    );
  if (configuration('CONFIG_FPROBE') === undefined && configuration('CONFIG_BPF') !== undefined)
    throw new RequirementError(
      `${section}: this kernel has no multi-kprobes (CONFIG_FPROBE, which needs CONFIG_FUNCTION_TRACER); a kprobe for each function may do`,
    );
  const found = wanted.flatMap((each) => (isGlob(each) ? matching(section, each) : each));
  const symbols = [...new Set(found)];
  return multiLink(program, {
    kind: 'kprobe_multi',
    flags: isReturn(hook) ? RETURN : 0,
    symbols,
    cookies: cookiesOf(section, symbols.length, cookies ?? cookie),
  });
};

/** fentry.multi, fexit.multi, fsession.multi: functions that the kernel's own BTF has. */
export const attachTracingMulti = (
  program: Program,
  _context: AttachContext,
  { functions, cookie, cookies }: MultiOptions,
): Link => {
  const { hook } = program.spec;
  const { section, name } = hook;
  const wanted = functions ?? (name === '' ? [] : [name]);
  const ids = wanted.flatMap((each) => {
    const id = (symbol: string) => kernelBtf()?.findByName(symbol, 'func') ?? [];
    const found = isGlob(each) ? matching(section, each).flatMap(id) : [id(each)].flat();
    if (found.length > 0) return found;
    throw new NotFoundError(`${section}: the kernel's type information has no function ${each}`);
  });
  if (ids.length === 0)
    throw new RequirementError(
      `${section} says not where: attach it with { functions }, or write ${hook.type}/PATTERN`,
    );
  const unique = Uint32Array.from(new Set(ids));
  return multiLink(program, {
    kind: 'tracing_multi',
    ids: unique,
    cookies: cookiesOf(section, unique.length, cookies ?? cookie),
  });
};

const matching = (section: string, pattern: string): string[] => {
  const found = traceableFunctions().filter(glob(pattern));
  if (found.length > 0) return found;
  throw new NotFoundError(`${section}: no function that can be traced fits ${pattern}`);
};

/** uprobe.multi, uretprobe.multi, uprobe.session. */
export const attachUprobeMulti = (
  program: Program,
  _context: AttachContext,
  options: MultiOptions,
): Link => {
  const { hook } = program.spec;
  const { section, name } = hook;
  const colon = name.lastIndexOf(':');
  const file = options.path ?? (name === '' ? undefined : name.slice(0, colon));
  const wanted = options.functions ?? (name === '' ? [] : [name.slice(colon + 1)]);
  if (file === undefined || (wanted.length === 0 && options.offsets === undefined))
    throw new RequirementError(
      `${section} says not where: attach it with { path, functions }, or write ${hook.type}/PATH:PATTERN`,
    );
  const path = findExecutable(file, options);
  const offsets = options.offsets ?? offsetsOf(section, path, wanted);
  const { cookie, cookies, pid, referenceCounters } = options;
  return multiLink(program, {
    kind: 'uprobe_multi',
    path,
    offsets: BigUint64Array.from(offsets, BigInt),
    refCtrOffsets: referenceCountersOf(section, offsets.length, referenceCounters),
    cookies: cookiesOf(section, offsets.length, cookies ?? cookie),
    flags: isReturn(hook) ? RETURN : 0,
    pid,
  });
};

const offsetsOf = (section: string, path: string, wanted: readonly string[]): readonly number[] =>
  withElfFile(path, (file) => {
    const offsets = wanted.flatMap((each) => {
      const found = isGlob(each)
        ? [...functionOffsets(file, glob(each)).keys()]
        : [functionOffset(file, each) ?? []].flat();
      if (found.length > 0) return found;
      throw new NotFoundError(`${section}: ${path} has no function ${each}`);
    });
    return [...new Set(offsets)];
  });

const referenceCountersOf = (
  section: string,
  count: number,
  given: MultiOptions['referenceCounters'],
): BigUint64Array | undefined => {
  if (given === undefined) return undefined;
  if (given.length === count) return BigUint64Array.from(given, BigInt);
  throw new RequirementError(
    `${section}: ${count} places and ${given.length} reference counters; give one for each, 0 for none`,
  );
};

/** One for each place, or the same for all. */
const cookiesOf = (
  section: string,
  count: number,
  given: MultiOptions['cookie'] | MultiOptions['cookies'],
): BigUint64Array | undefined => {
  if (given === undefined) return undefined;
  if (typeof given !== 'object') return new BigUint64Array(count).fill(BigInt(given));
  if (given.length === count) return BigUint64Array.from(given, BigInt);
  throw new RequirementError(
    `${section}: ${count} places and ${given.length} cookies; give one for each, and no pattern`,
  );
};

/** Links `program` to all that `extra` has. */
export const multiLink = (program: Program, extra: LinkExtra, attachType?: number): Link => {
  const { section, type } = program.spec.hook;
  try {
    const fd = linkCreate({
      progFd: program.fd,
      attachType: attachType ?? HOOKS[type].attach,
      extra,
    });
    return new Link(section, 'link', [new FileDescriptor(fd, `link ${section}`)]);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    const why = REASONS[error.code];
    throw why === undefined
      ? error
      : new RequirementError(`cannot attach ${section}: ${error.code}, ${why}`, { cause: error });
  }
};

const REASONS: Readonly<Record<string, string>> = {
  EINVAL:
    'this kernel does not know multi-probes of this kind (kprobe.multi Linux 5.18, uprobe.multi 6.6, kprobe.session 6.10, uprobe.session 6.13), or one of the places cannot be probed',
  ENOTSUPP: 'one of the places cannot be probed; a narrower pattern may do',
  EOPNOTSUPP:
    'this kernel has no multi-probes of this kind (CONFIG_FPROBE for kprobe.multi, CONFIG_UPROBE_EVENTS for uprobe.multi)',
  ESRCH: 'there is no such function, or no such process',
};
