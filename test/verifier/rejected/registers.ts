/** Registers that hold nothing, numbers that are no pointers, and what cannot be done with pointers. */
import {
  add,
  and,
  call,
  exit,
  fn,
  helper,
  jeq,
  jgt,
  jne,
  label,
  lea,
  load,
  lsh,
  mov,
  mul,
  neg,
  or,
  r0,
  r1,
  r2,
  r6,
  r7,
  r8,
  r9,
  r10,
  SocketBuffer,
  socketFilter,
  stack,
  store,
  sub,
  tc,
  tracepoint,
  u32,
  u64,
  w0,
  w1,
  w2,
  w6,
} from '../../../src/index.ts';
import { counts, done, lookUp, orOut, rejected, unchecked, variables } from './support.ts';

const key = stack(u32);

export const uninitialisedRegisters = rejected('uninitialised-register', {
  'written on one of two ways': () => {
    const other = label('other');
    return socketFilter([
      call(helper.get_prandom_u32),
      jeq(r0, 1, other),
      mov(r6, 1),
      other,
      mov(r0, r6), // mistake
      exit(),
    ]);
  },
  'an argument that a call has destroyed': () =>
    unchecked('socket', [
      call(helper.ktime_get_ns),
      load(w0, u32.at(r1)), // mistake
      exit(),
    ]),
  'an argument that a call has destroyed on one of two ways': () => {
    const other = label('other');
    return tc([
      load(w6, SocketBuffer.at(r1).len),
      jeq(r6, 0, other),
      call(helper.ktime_get_ns),
      other,
      load(w0, SocketBuffer.at(r1).mark), // mistake
      exit(),
    ]);
  },
  'no result': () =>
    unchecked('socket', [
      exit(), // mistake
    ]),
  'a result on one of two ways': () => {
    const out = label('out');
    return tc([
      load(w6, SocketBuffer.at(r1).len),
      jgt(r6, 100, out),
      mov(r0, 0),
      out,
      exit(), // mistake
    ]);
  },
  'an argument of a helper': () =>
    unchecked('socket', [
      lea(r1, counts),
      call(helper.map_lookup_elem, r1, r2), // mistake
      done,
    ]),
  'the counter of a loop': () => {
    const top = label('top');
    return unchecked('socket', [
      mov(r0, 0),
      top,
      add(r7, 1), // mistake
      jne(r7, 10, top),
      done,
    ]);
  },
  "the caller's registers in a subprogram": () => {
    const use = fn('use', 0, [mov(r0, 1), exit()]);
    const spoiled = {
      ...use,
      body: [
        mov(r0, r6), // mistake
        exit(),
      ],
    };
    return (
      socketFilter([mov(r6, 1), call(use), done]) && {
        ...unchecked('socket', [mov(r6, 1), call(spoiled), done]),
        subprograms: [spoiled],
      }
    );
  },
  'a store of a register that nothing has written': () =>
    unchecked('socket', [
      store(u64.at(r10, -8), r8), // mistake
      done,
    ]),
  'the result of a helper that has none': () => {
    const out = label('out');
    return unchecked('tc', [
      lookUp(counts),
      orOut(out),
      mov(r6, r0),
      jeq(r9, 0, out), // mistake
      out,
      done,
    ]);
  },
});

export const notPointers = rejected('not-a-pointer', {
  'a number': () =>
    socketFilter([
      mov(r6, 1000),
      load(r1, u64.at(r6)), // mistake
      done,
    ]),
  'what a helper returned': () =>
    socketFilter([
      call(helper.ktime_get_ns),
      load(r1, u64.at(r0)), // mistake
      done,
    ]),
  'the task of bpf_get_current_task': () =>
    tracepoint('sched/sched_switch', [
      call(helper.get_current_task),
      load(r1, u64.at(r0, 16)), // mistake
      done,
    ]),
  'a pointer that was loaded from memory': () => {
    const out = label('out');
    return socketFilter([
      lookUp(counts),
      orOut(out),
      load(r6, u64.at(r0)),
      load(r1, u64.at(r6)), // mistake
      out,
      done,
    ]);
  },
  'half a pointer that was kept on the stack': () =>
    tc([
      store(u64.at(r10, -8), r1),
      load(w2, u32.at(r10, -8)), // mistake
      load(w0, SocketBuffer.at(r2).len),
      exit(),
    ]),
  'the argument of a subprogram': () => {
    const use = fn('use', 1, [
      load(r0, u64.at(r1)), // mistake
      exit(),
    ]);
    return socketFilter([call(use, 7), done]);
  },
  'the argument of a tracepoint': () =>
    tracepoint('sched/sched_switch', [
      load(r6, u64.at(r1, 24)),
      load(r1, u64.at(r6)), // mistake
      done,
    ]),
  'a number as the address of a store': () =>
    tc([
      load(w2, SocketBuffer.at(r1).len),
      store(u64.at(r2), 1), // mistake
      done,
    ]),
});

export const pointerArithmetic = rejected('pointer-arithmetic', {
  'a pointer multiplied': () =>
    socketFilter([
      mov(r6, r10),
      mul(r6, 2), // mistake
      load(r1, u64.at(r6)),
      done,
    ]),
  'a pointer shifted': () =>
    tc([
      lea(r6, variables),
      lsh(r6, 32), // mistake
      load(r1, u64.at(r6)),
      done,
    ]),
  'a pointer masked': () =>
    tc([
      lea(r6, variables),
      and(r6, -8), // mistake
      load(r1, u64.at(r6)),
      done,
    ]),
  'the lower half of a pointer': () =>
    socketFilter([
      mov(r6, r10),
      mov(w6, w6),
      load(r1, u64.at(r6, -8)), // mistake
      done,
    ]),
  'two pointers added': () =>
    tc([
      mov(r6, r10),
      add(r6, r10), // mistake
      load(r1, u64.at(r6)),
      done,
    ]),
  'a pointer negated': () =>
    tc([
      lea(r6, variables),
      neg(r6),
      load(r1, u64.at(r6)), // mistake
      done,
    ]),
  'a pointer in 32 bits': () =>
    tc([
      lea(r6, variables),
      add(w6, 8), // mistake
      load(r1, u64.at(r6)),
      done,
    ]),
  'the context moved': () =>
    tc([
      add(r1, 8),
      load(w0, u32.at(r1)), // mistake
      exit(),
    ]),
  'the context moved by a number that nobody knows': () =>
    tc([
      mov(r6, r1),
      call(helper.get_prandom_u32),
      and(r0, 4),
      add(r6, r0),
      load(w0, u32.at(r6)), // mistake
      exit(),
    ]),
  'a map moved': () =>
    unchecked('socket', [
      lea(r1, counts),
      add(r1, 8), // mistake
      store(key, 0),
      lea(r2, key),
      call(helper.map_lookup_elem, r1, r2),
      done,
    ]),
  'a pointer taken from a number': () =>
    tc([
      mov(r6, 8),
      sub(r6, r10), // mistake
      load(r1, u64.at(r6)),
      done,
    ]),
  'a number with a pointer added bit by bit': () =>
    tc([
      lea(r6, variables),
      or(r6, 1), // mistake
      load(w1, u32.at(r6)),
      done,
    ]),
  'a pointer moved far': () =>
    tc([
      lea(r6, variables),
      add(r6, 0x2000_0000), // mistake
      load(r1, u64.at(r6)),
      done,
    ]),
  'the frame pointer written': () =>
    unchecked('socket', [
      { ...mov(r9, 0), dst: 10 } as never, // mistake
      done,
    ]),
});
