/**
 * @module
 * Programs that can change what the system does, and not only look at it: by their hook, where the result of the
 * program decides, or by a function that they call.
 */
import { assemble, BPF_CALL, BPF_JMP, helperById } from '../asm/index.ts';
import { type AnyMapSpec, type HookType, type ObjectSpec, variantsOf } from '../object/index.ts';

/** Hooks at which a program looks on. What is at another one decides about packets, system calls or the scheduler. */
const OBSERVES: ReadonlySet<HookType> = /* @__PURE__ */ new Set<HookType>([
  'kprobe',
  'kretprobe',
  'uprobe',
  'uprobe.s',
  'uretprobe',
  'uretprobe.s',
  'kprobe.multi',
  'kretprobe.multi',
  'kprobe.session',
  'uprobe.multi',
  'uprobe.multi.s',
  'uretprobe.multi',
  'uretprobe.multi.s',
  'uprobe.session',
  'uprobe.session.s',
  'ksyscall',
  'kretsyscall',
  'usdt',
  'usdt.s',
  'tracepoint',
  'tracepoint.s',
  'raw_tp',
  'raw_tp.s',
  'tp_btf',
  'tp_btf.s',
  'fentry',
  'fentry.s',
  'fexit',
  'fexit.s',
  'fsession',
  'fsession.s',
  'fentry.multi',
  'fentry.multi.s',
  'fexit.multi',
  'fexit.multi.s',
  'fsession.multi',
  'fsession.multi.s',
  'iter',
  'iter.s',
  'perf_event',
  // without a hook it is not loaded either
  'unspec',
]);

/** Helpers that act on processes, sockets or the system, by their names. */
const ACTS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'probe_write_user',
  'override_return',
  'send_signal',
  'send_signal_thread',
  'setsockopt',
  'sys_bpf',
  'sys_close',
]);

/** Functions of the kernel that act, by what is in their names. */
const ACTING_FUNCTION = /destroy|send_signal|kill|xattr|write_user|copy_to_user|override|^scx_/;

/** What each program, and each map of operations, can change, by its name; those that only look on are not there. */
export const changesOf = (spec: ObjectSpec, names: readonly string[]): Map<string, string> => {
  const found = new Map<string, string>();
  for (const [name, { type }] of Object.entries(spec.maps as Readonly<Record<string, AnyMapSpec>>))
    if (type === 'struct_ops') found.set(name, type);
  for (const name of names) {
    for (const { hook, body } of variantsOf(spec.programs[name]!)) {
      if (!OBSERVES.has(hook.type)) found.set(name, hook.section);
      for (const { opcode, src, imm, reference } of assemble(body, () => true).instructions) {
        if (opcode !== (BPF_JMP | BPF_CALL)) continue;
        const helper = src === 0 ? helperById(imm)?.name : undefined;
        if (helper !== undefined && ACTS.has(helper)) found.set(name, `calls bpf_${helper}`);
        if (reference?.kind === 'extern' && ACTING_FUNCTION.test(reference.extern.name))
          found.set(name, `calls ${reference.extern.name}`);
      }
    }
  }
  return found;
};
