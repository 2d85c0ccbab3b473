/**
 * @module
 * Numbers of processes in a container. Programs see the numbers of the kernel's first namespace, whoever asks; people in a
 * container see those of their own (pid_namespaces(7)).
 */
import {
  add,
  type Code,
  call,
  coreRead,
  exit,
  helper,
  ja,
  jeq,
  jgt,
  jne,
  label,
  load,
  mov,
  mul,
  r0,
  r1,
  r2,
  r6,
  r7,
  r8,
  r9,
  stack,
  times,
  w1,
  w8,
} from '../asm/index.ts';
import { array, hookArguments, i32, kernelStruct, pointer, u32, u64 } from '../layout/index.ts';
import { iter, object } from '../object/index.ts';
import { loadObject } from './load-object.ts';
import { ownPidNamespace } from './own-namespace.ts';

/** PROC_PID_INIT_INO (include/linux/proc_ns.h): the namespace that all others are below of. */
const FIRST = 'pid:[4026531836]';
/** MAX_PID_NS_LEVEL (include/linux/pid_namespace.h). */
const LEVELS = 32;

/** Whether this process sees other numbers than programs do; false where that cannot be told. */
export const isInPidNamespace = (): boolean => {
  const own = ownPidNamespace();
  return own !== undefined && own !== FIRST;
};

/**
 * The number that programs see for a thread that has `pid` in the namespace of this process; undefined where there is no
 * such thread. Runs an iterator over the tasks of the namespace: Linux 5.8, with type information.
 */
export const outerPid = (pid: number): number | undefined => {
  const [, inode] = /\[(\d+)\]/.exec(ownPidNamespace() ?? '') ?? [];
  if (inode === undefined || !isInPidNamespace()) return pid;
  using loaded = loadObject(translating(pid, Number(inode)));
  using link = loaded.programs.tasks.attach();
  using file = link.open();
  const bytes = file.bytes();
  return bytes.length < 4
    ? undefined
    : new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
};

const NsCommon = kernelStruct('ns_common', { inum: u32 });
const PidNamespace = kernelStruct('pid_namespace', { ns: NsCommon });
/** The last field of a pid is one of these for each level. */
const Upid = kernelStruct('upid', { nr: i32, ns: pointer(PidNamespace) });
const Pid = kernelStruct('pid', { level: u32, numbers: array(Upid, 1) });
const Task = kernelStruct('task_struct', { pid: i32, thread_pid: pointer(Pid) });
const Meta = kernelStruct('bpf_iter_meta', { seq: pointer() });
const Context = hookArguments({ meta: pointer(Meta), task: pointer(Task) });

/** Of `struct upid`, a number and a pointer, on all kernels of 64 bits. */
const UPID_SIZE = 16;

/** Writes the number of the thread that is `wanted` in the namespace with this inode. */
const translating = (wanted: number, namespace: number) => {
  const address = stack(u64);
  const level = stack(u32);
  const number = stack(i32);
  const inode = stack(u32);
  const [next, out] = [label('next'), label('out')];
  const context = Context.at(r6);
  const body: Code = [
    mov(r6, r1),
    load(r7, context.task),
    jeq(r7, 0, out),
    coreRead(address, Task.at(r7).thread_pid),
    load(r9, address),
    coreRead(level, Pid.at(r9).level),
    times(w8, LEVELS, [
      load(w1, level),
      jgt(w8, w1, out),
      mov(r2, r8),
      mul(r2, UPID_SIZE),
      add(r2, r9),
      coreRead(number, Pid.at(r2).numbers.at(0).nr),
      load(w1, number),
      jne(w1, wanted, next),
      mov(r2, r8),
      mul(r2, UPID_SIZE),
      add(r2, r9),
      coreRead(inode, Pid.at(r2).numbers.at(0).ns.ns.inum),
      load(w1, inode),
      jne(w1, namespace, next),
      coreRead(number, Task.at(r7).pid),
      load(r2, context.meta),
      load(r1, Meta.at(r2).seq),
      call(helper.seq_write, r1, number, 4),
      ja(out),
      next,
    ]),
    out,
    mov(r0, 0),
    exit(),
  ];
  return object({ license: 'GPL', programs: { tasks: iter('task', body) } });
};
