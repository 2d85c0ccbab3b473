/**
 * A scheduler of sched_ext: all tasks wait in one queue, first in, first out, and each CPU takes the next of it. Linux
 * 6.12 with CONFIG_SCHED_CLASS_EXT (Documentation/scheduler/sched-ext.rst). While it is attached it schedules every task
 * of the machine that is not real-time; when it is closed, or makes a mistake, the kernel takes over again.
 */
import {
  and,
  atomicAdd,
  bool,
  call,
  chars,
  either,
  enumeration,
  exit,
  globals,
  helper,
  hookArguments,
  i32,
  kernelStruct,
  kfunc,
  kfuncExists,
  lea,
  load,
  mov,
  object,
  pointer,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  sleepable,
  store,
  struct,
  structOp,
  structOps,
  u32,
  u64,
  w1,
} from '../../src/index.ts';

const Task = kernelStruct('task_struct', { pid: i32 });
/** Why a scheduler ended. */
export const ExitKind = enumeration('scx_exit_kind', { SCX_EXIT_NONE: 0, SCX_EXIT_UNREG: 64 });
const ExitInfo = kernelStruct('scx_exit_info', { kind: ExitKind, reason: pointer() });

const Ops = struct('sched_ext_ops', {
  enqueue: pointer(),
  dispatch: pointer(),
  init: pointer(),
  exit: pointer(),
  timeout_ms: u32,
  name: chars(128),
});
const Enqueue = hookArguments({ p: pointer(Task), enqFlags: u64 });
const Exit = hookArguments({ info: pointer(ExitInfo) });

const createQueue = kfunc('scx_bpf_create_dsq', [u64, i32], { returns: i32 });
const insert = kfunc('scx_bpf_dsq_insert', [pointer(Task), u64, u64, u64]);
const moveToLocal = kfunc('scx_bpf_dsq_move_to_local', [u64], { returns: bool });
/** As they were called in Linux 6.12. */
const insertOld = kfunc('scx_bpf_dispatch', [pointer(Task), u64, u64, u64]);
const moveOld = kfunc('scx_bpf_consume', [u64], { returns: bool });

/** The one queue. */
const QUEUE = 0;
const ANY_NODE = -1;
/** How long a task may run at once, in nanoseconds: SCX_SLICE_DFL. */
const SLICE = 20_000_000;

/** What the scheduler has done, and why it ended. */
export const Scheduled = struct('scheduled', {
  enqueued: u64.number,
  taken: u64.number,
  kind: ExitKind,
  reason: chars(60),
});

export const scheduler = (name: string) => {
  const scheduled = globals(Scheduled);
  const seen = Scheduled.at(r7);
  return object({
    license: 'GPL',
    maps: {
      scheduled,
      ops: structOps(Ops, {
        name,
        // A task that waits longer than this ends the scheduler.
        timeout_ms: 20_000,
        enqueue: 'onEnqueue',
        dispatch: 'onDispatch',
        init: 'onInit',
        exit: 'onExit',
      }),
    },
    programs: {
      onInit: sleepable(structOp('init', [call(createQueue, QUEUE, ANY_NODE), exit()])),
      onEnqueue: structOp('enqueue', [
        mov(r6, r1),
        lea(r7, scheduled),
        mov(r1, 1),
        atomicAdd(seen.enqueued, r1),
        load(r1, Enqueue.at(r6).p),
        load(r2, Enqueue.at(r6).enqFlags),
        either(
          kfuncExists(insert),
          call(insert, r1, QUEUE, SLICE, r2),
          call(insertOld, r1, QUEUE, SLICE, r2),
        ),
        mov(r0, 0),
        exit(),
      ]),
      onDispatch: structOp('dispatch', [
        either(kfuncExists(moveToLocal), call(moveToLocal, QUEUE), call(moveOld, QUEUE)),
        and(r0, 1),
        lea(r7, scheduled),
        atomicAdd(seen.taken, r0),
        mov(r0, 0),
        exit(),
      ]),
      onExit: structOp('exit', [
        lea(r7, scheduled),
        load(r6, Exit.at(r1).info),
        load(w1, ExitInfo.at(r6).kind),
        store(seen.kind, w1),
        load(r3, ExitInfo.at(r6).reason),
        call(helper.probe_read_kernel_str, seen.reason, 60, r3),
        mov(r0, 0),
        exit(),
      ]),
    },
  });
};
