/**
 * @module
 * Attaching programs: what each kind of hook takes, and who does it.
 */
import { type Hook, type HookType, RequirementError } from '../object/index.ts';
import { attachExtension, type ExtensionOptions } from './attach-extension.ts';
import { attachIterator, type IteratorOptions, iteratesAlone } from './attach-iterator.ts';
import { attachKprobe, type KprobeOptions, parseKprobe } from './attach-kprobe.ts';
import {
  attachKprobeMulti,
  attachTracingMulti,
  attachUprobeMulti,
  type MultiOptions,
} from './attach-multi.ts';
import { ELSEWHERE, PLACED, type PlaceOptions } from './attach-network.ts';
import { attachPerfEvent, type PerfEventAttachOptions } from './attach-perf-event.ts';
import { attachRawTracepoint, attachTracepoint, attachTracing } from './attach-tracing.ts';
import { attachUprobe, parseUprobe, type UprobeOptions } from './attach-uprobe.ts';
import { attachUsdt, parseUsdt, type UsdtOptions } from './attach-usdt.ts';
import type { Link } from './link.ts';
import type { AttachContext, CookieOptions } from './perf-link.ts';
import type { Program } from './program.ts';

/** How to attach programs for tracing, as far as their hook does not say so. Each kind of hook takes some of these. */
export interface TracingOptions
  extends CookieOptions,
    UprobeOptions,
    KprobeOptions,
    MultiOptions,
    UsdtOptions,
    IteratorOptions,
    ExtensionOptions,
    PerfEventAttachOptions {}

/** Where and how to attach a program. */
export type AttachOptions = TracingOptions | PlaceOptions;

/** How programs of a kind are attached. */
export interface Way {
  /** A method, so that each can declare its own options: `takes` keeps others out. */
  attach(program: Program, context: AttachContext, options: AttachOptions): Link;
  /** The options that it understands. */
  readonly takes: readonly string[];
  /** Whether the hook says all that is needed. */
  readonly whole: (hook: Hook) => boolean;
}

const named = ({ name }: Hook): boolean => name !== '';
const never = (): boolean => false;

const TRACING: Way = { attach: attachTracing, takes: ['cookie'], whole: named };
const RAW_TRACEPOINT: Way = { attach: attachRawTracepoint, takes: ['cookie'], whole: named };
const TRACEPOINT: Way = { attach: attachTracepoint, takes: ['cookie'], whole: named };
const UPROBE: Way = {
  attach: attachUprobe,
  takes: ['path', 'function', 'offset', 'pid', 'cookie', 'referenceCounter'],
  whole: ({ name }) => parseUprobe(name) !== undefined,
};
const KPROBE: Way = {
  attach: attachKprobe,
  takes: ['function', 'offset', 'maxActive', 'cookie'],
  whole: ({ name }) => parseKprobe(name) !== undefined,
};
const KPROBE_MULTI: Way = {
  attach: attachKprobeMulti,
  takes: ['functions', 'cookies', 'cookie'],
  whole: ({ name }) => name !== '',
};
const TRACING_MULTI: Way = {
  attach: attachTracingMulti,
  takes: ['functions', 'cookies', 'cookie'],
  whole: ({ name }) => name !== '',
};
const UPROBE_MULTI: Way = {
  attach: attachUprobeMulti,
  takes: ['path', 'functions', 'offsets', 'referenceCounters', 'pid', 'cookies', 'cookie'],
  whole: ({ name }) => name.includes(':'),
};
const USDT: Way = {
  attach: attachUsdt,
  takes: ['path', 'provider', 'probe', 'pid', 'cookie'],
  whole: ({ name }) => parseUsdt(name) !== undefined,
};
const PERF_EVENT: Way = {
  attach: attachPerfEvent,
  takes: ['event', 'period', 'frequency', 'pid', 'cpu', 'cookie'],
  whole: never,
};
const EXTENSION: Way = { attach: attachExtension, takes: ['target'], whole: named };
const ITERATOR: Way = {
  attach: attachIterator,
  takes: ['map', 'task', 'process', 'cgroup', 'order'],
  whole: iteratesAlone,
};

const WAYS: Readonly<Partial<Record<HookType, Way>>> = {
  ...PLACED,
  tp_btf: TRACING,
  'tp_btf.s': TRACING,
  fentry: TRACING,
  'fentry.s': TRACING,
  fexit: TRACING,
  'fexit.s': TRACING,
  fmod_ret: TRACING,
  'fmod_ret.s': TRACING,
  fsession: TRACING,
  'fsession.s': TRACING,
  'fentry.multi': TRACING_MULTI,
  'fentry.multi.s': TRACING_MULTI,
  'fexit.multi': TRACING_MULTI,
  'fexit.multi.s': TRACING_MULTI,
  'fsession.multi': TRACING_MULTI,
  'fsession.multi.s': TRACING_MULTI,
  lsm: TRACING,
  'lsm.s': TRACING,
  raw_tp: RAW_TRACEPOINT,
  'raw_tp.s': RAW_TRACEPOINT,
  'raw_tp.w': RAW_TRACEPOINT,
  tracepoint: TRACEPOINT,
  'tracepoint.s': TRACEPOINT,
  uprobe: UPROBE,
  'uprobe.s': UPROBE,
  uretprobe: UPROBE,
  'uretprobe.s': UPROBE,
  kprobe: KPROBE,
  kretprobe: KPROBE,
  ksyscall: KPROBE,
  kretsyscall: KPROBE,
  'kprobe.multi': KPROBE_MULTI,
  'kretprobe.multi': KPROBE_MULTI,
  'kprobe.session': KPROBE_MULTI,
  'uprobe.multi': UPROBE_MULTI,
  'uprobe.multi.s': UPROBE_MULTI,
  'uretprobe.multi': UPROBE_MULTI,
  'uretprobe.multi.s': UPROBE_MULTI,
  'uprobe.session': UPROBE_MULTI,
  'uprobe.session.s': UPROBE_MULTI,
  usdt: USDT,
  'usdt.s': USDT,
  freplace: EXTENSION,
  perf_event: PERF_EVENT,
  iter: ITERATOR,
  'iter.s': ITERATOR,
};

/** Whether a program is attached by `attach()` of its object: its hook says all that is needed. */
export const canAttach = (hook: Hook): boolean => WAYS[hook.type]?.whole(hook) === true;

/** Whether a program is attached by `attach({ ... })`, with options. */
export const takesOptions = (hook: Hook): boolean => WAYS[hook.type] !== undefined;

/** The names of the options that such programs are attached with. */
export const attachTakes = (hook: Hook): readonly string[] => WAYS[hook.type]?.takes ?? [];

/** Attaches a program to the hook that it was written for. */
export const attach = (
  program: Program,
  context: AttachContext,
  options: AttachOptions = {},
): Link => {
  const { hook } = program.spec;
  const way = WAYS[hook.type];
  if (!way)
    throw new RequirementError(
      `${program.name}: ${hook.section} programs are not attached by attach()${ELSEWHERE[hook.type] ? `: ${ELSEWHERE[hook.type]}` : '; run them with testRun()'}`,
    );
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !way.takes.includes(name))
      throw new TypeError(
        `${program.name}: ${hook.section} programs are not attached with ${name}, but with ${way.takes.join(', ')}`,
      );
  }
  if (way.whole === named && !named(hook))
    throw new RequirementError(
      `${program.name}: its section ${hook.section} does not say where to attach it: ${hook.type}/NAME`,
    );
  return way.attach(program, context, options);
};
