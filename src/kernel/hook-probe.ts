/**
 * @module
 * Whether programs can be attached to a place that the kernel has: asked before one of several variants is chosen.
 */
import { assemble, encode, exit, mov, r0 } from '../asm/index.ts';
import { HOOKS, type Hook } from '../object/index.ts';
import {
  closeFd,
  isAtLeast,
  isShortage,
  type ProgLoadOptions,
  progLoad,
  rawTracepointOpen,
  SystemCallError,
} from '../syscall/index.ts';
import { parseKprobe, systemCallFunctions } from './attach-kprobe.ts';
import { configuration } from './configuration.ts';
import { symbolAddress } from './kallsyms.ts';
import { isBlacklisted } from './kprobe-blacklist.ts';
import { probePmu } from './probe-pmu.ts';

/** Whether a kprobe can be set at a function: the kernel has kprobes, the function, and does not forbid it. */
export const hasKprobe = (name: string): boolean => {
  if (!probePmu('kprobe')) return false;
  const symbol = parseKprobe(name)?.function;
  return symbol !== undefined && symbolAddress(symbol) !== undefined && !isBlacklisted(symbol);
};

/** Whether one program can be at many functions of the kernel. */
export const hasKprobeMulti = (): boolean =>
  configuration('CONFIG_FPROBE') === 'y' && isAtLeast('5.18');

/** Whether a system call has a function that a kprobe can be set at. */
export const hasSystemCall = (name: string): boolean => {
  const symbol = systemCallFunctions(name).find((each) => symbolAddress(each) !== undefined);
  return symbol !== undefined && hasKprobe(symbol);
};

/** Whether such a program can run at the entry and at the return. */
export const hasKprobeSession = (): boolean => hasKprobeMulti() && isAtLeast('6.10');

export const hasUprobe = (): boolean => probePmu('uprobe') !== undefined;

export const hasUprobeMulti = (): boolean => hasUprobe() && isAtLeast('6.6');

export const hasUprobeSession = (): boolean => hasUprobe() && isAtLeast('6.13');

/**
 * Whether a function can be traced by BPF trampolines: a program that does nothing is loaded, and attached for a
 * moment. Processors without them (arm64 before 6.0) take the program and refuse to attach it.
 */
export const canTrace = (
  hook: Hook,
  attachment: Pick<
    ProgLoadOptions,
    'expectedAttachType' | 'flags' | 'attachBtfId' | 'attachBtfObjFd' | 'tokenFd'
  >,
): boolean => {
  const insns = encode(assemble([mov(r0, 0), exit()], () => true).instructions);
  let program: number | undefined;
  try {
    program = progLoad({
      type: HOOKS[hook.type].program,
      insns,
      license: 'GPL',
      ...attachment,
    }).fd;
    closeFd(rawTracepointOpen(program));
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && !isShortage(error)) return false;
    throw error;
  } finally {
    if (program !== undefined) closeFd(program);
  }
};
