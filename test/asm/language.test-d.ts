/**
 * @module
 * What must not compile, and what must: the promises of the language, checked by `tsc` and by vitest's typecheck.
 */
import { expectTypeOf, test } from 'vitest';
import {
  add,
  addrSpaceCast,
  and,
  atomicAdd,
  be,
  type Code,
  call,
  cmpxchg,
  coreRead,
  coreReadString,
  either,
  enumValue,
  fetchAdd,
  fieldExists,
  fieldSize,
  fn,
  gotox,
  helper,
  type Instruction,
  jeq,
  label,
  lddw,
  lea,
  load,
  loadAcquire,
  loadSigned,
  loop,
  mov,
  movsx,
  type R,
  type Register,
  r0,
  r1,
  r6,
  r7,
  r8,
  read,
  readDataLoc,
  readString,
  stack,
  store,
  storeRelease,
  times,
  typeSize,
  userRead,
  userReadString,
  type W,
  w0,
  w1,
  w2,
  when,
} from '../../src/asm/index.ts';
import { hash, reserve, ringbuf } from '../../src/index.ts';
import {
  array,
  chars,
  dataLoc,
  hookArguments,
  i32,
  kernelEnum,
  kernelStruct,
  pointer,
  struct,
  tracepointFields,
  u8,
  u32,
  u64,
} from '../../src/layout/index.ts';

const Event = struct('event', {
  ageNs: u64,
  pid: u32,
  ppid: i32,
  small: u8,
  comm: chars(16),
  list: array(u32, 4),
});
const Task = kernelStruct('task_struct', {
  tgid: i32,
  start_time: u64,
  comm: chars(16),
  kind: u32,
  at: u32,
  size: u64,
  get real_parent() {
    return pointer(Task);
  },
});
const User = struct('user', { name: pointer(), count: u32, inner: pointer(Event) });
const Record = tracepointFields({ filename: dataLoc, comm: chars(16) });
const Arguments = hookArguments({ task: pointer(Task), flags: u64 });
const State = kernelEnum('state', { RUNNING: 0, DEAD: 1 });
const event = Event.at(r7);
const task = Task.at(r8);
declare const options: { readonly pid?: number };
const out = label();

test('the misuses of the prototype do not compile', () => {
  // @ts-expect-error 0 is not Code
  const code: Code = [options.pid && [mov(r0, 1)]];
  expectTypeOf(code);
  // @ts-expect-error widths
  mov(r6, w0);
  // @ts-expect-error 64-bit register into a 32-bit field
  store(event.pid, r6);
  // @ts-expect-error chain needs coreRead
  load(w1, task.real_parent.tgid);
  // @ts-expect-error i32 into a 64-bit register: sign?
  load(r1, event.ppid);
  // @ts-expect-error kernel memory is not stored to
  store(task.tgid, w1);
  // @ts-expect-error no such field
  store(event.nope, w1);
  // @ts-expect-error a string is no scalar
  store(event.comm, w1);
  // @ts-expect-error missing argument
  call(helper.get_current_comm, event.comm);
  // @ts-expect-error not a map
  call(helper.map_lookup_elem, 5, r1);
  const table = hash(u32, u64, { maxEntries: 8 });
  // @ts-expect-error a hash is no ring
  reserve(r7, table, out);
  reserve(r7, ringbuf(Event), out);
});

test('registers carry their width', () => {
  expectTypeOf(r1).toEqualTypeOf<R>();
  expectTypeOf(w1).toEqualTypeOf<W>();
  expectTypeOf(add(r1, r6)).toEqualTypeOf<Instruction>();
  expectTypeOf<R>().not.toEqualTypeOf<W>();
  const either: Register = w1;
  expectTypeOf(either).toEqualTypeOf<Register>();
  // @ts-expect-error widths
  add(w1, r1);
  // @ts-expect-error widths
  jeq(w1, r1, out);
  // @ts-expect-error widths
  when(r1, '==', w1, []);
  // @ts-expect-error widths
  times(r1, w1, []);
  // @ts-expect-error widths
  movsx(r1, w1, 8);
  // @ts-expect-error 64 bits are no extension
  movsx(r1, r1, 64);
  // @ts-expect-error only whole registers take 64-bit constants
  lddw(w1, 1);
  // @ts-expect-error swaps work on whole registers
  be(w1, 16);
  // @ts-expect-error 8 bits have nothing to swap
  be(r1, 8);
  // @ts-expect-error addresses are whole registers
  addrSpaceCast(w1, r1, 1, 0);
  // @ts-expect-error addresses are whole registers
  gotox(w1);
  // @ts-expect-error addresses are whole registers
  lea(w1, event.pid);
  // @ts-expect-error addresses are whole registers
  Event.at(w1);
});

test('operands are registers, numbers and kernel numbers', () => {
  mov(r1, 2n ** 63n);
  mov(w1, fieldSize(task.comm));
  mov(r1, enumValue(State, 'DEAD'));
  // @ts-expect-error no such enumerator
  enumValue(State, 'ALIVE');
  // @ts-expect-error kernel numbers are operands of mov only
  add(r1, typeSize(Task));
  // @ts-expect-error a string is no number
  add(r1, '5');
  // @ts-expect-error a place is no operand
  and(r1, event.ageNs);
  // @ts-expect-error a jump goes to a label
  jeq(r1, 0, 'out');
  // @ts-expect-error no such comparison
  when(r1, '===', 0, []);
});

test('places know their access', () => {
  expectTypeOf(load(w1, event.pid)).toEqualTypeOf<Code>();
  load(w1, task.tgid);
  load(r1, Arguments.at(r1).flags);
  loadSigned(r1, event.ppid);
  coreRead(w1, task.kind);
  coreRead(w1, task.at);
  coreRead(r1, task.size);
  coreRead(w1, task.real_parent.real_parent.tgid);
  coreRead(event.pid, task.tgid);
  coreRead(event.comm, task.real_parent.comm);
  coreRead(r1, Arguments.at(r1).task.start_time);
  read(event.ageNs, Arguments.at(r1).task.real_parent.start_time);
  userRead(w1, User.at(r6).count);
  userRead(w1, User.at(r6).inner.pid);
  coreReadString(event.comm, task.comm);
  readString(r6, r1, 16);
  userReadString(event.comm, User.at(r6).name);
  readDataLoc(event.comm, Record.at(r1).filename);
  // @ts-expect-error 64 bits into half a register
  coreRead(w1, task.start_time);
  // @ts-expect-error 32 bits into 64 of memory
  coreRead(event.ageNs, task.tgid);
  // @ts-expect-error kernel memory is not written
  coreRead(task.tgid, task.tgid);
  // @ts-expect-error the program's own memory is loaded
  coreRead(w1, event.pid);
  // @ts-expect-error the kernel's is not the user's
  userRead(w1, task.tgid);
  // @ts-expect-error a number is no string
  coreReadString(event.comm, task.tgid);
  // @ts-expect-error a register needs a size
  readString(r6, r1);
  // @ts-expect-error a string is no data location
  readDataLoc(event.comm, Record.at(r1).comm);
  // @ts-expect-error a sign is extended to 64 bits
  loadSigned(w1, event.ppid);
  // @ts-expect-error 64 bits have no sign to extend
  loadSigned(r1, event.ageNs);
  // @ts-expect-error an element is a number, the array is none
  load(w1, event.list);
  load(w1, event.list[3]);
  // @ts-expect-error beyond the array
  load(w1, event.list[4]);
});

test('atomics take the program’s own memory, in its width', () => {
  atomicAdd(event.ageNs, r1);
  fetchAdd(event.pid, w1);
  loadAcquire(w1, event.small);
  storeRelease(event.small, w2);
  // @ts-expect-error widths
  atomicAdd(event.ageNs, w1);
  // @ts-expect-error widths
  cmpxchg(event.pid, r1);
  // @ts-expect-error kernel memory is not written
  fetchAdd(task.start_time, r1);
  // @ts-expect-error behind a pointer
  loadAcquire(r1, task.real_parent.start_time);
});

test('calls take what the helper takes', () => {
  const key = stack(u32);
  const table = hash(u32, u64, { maxEntries: 8 });
  expectTypeOf(call(helper.map_lookup_elem, table, key)).toEqualTypeOf<Code>();
  call(helper.probe_read_kernel, event.comm, 16, r1);
  call(helper.loop, 10, fn('each', 2, []), 0, 0);
  call(fn('two', 2, []), w1, event.pid);
  // @ts-expect-error one too many
  call(helper.ktime_get_ns, 0);
  // @ts-expect-error kernel memory is no argument; lea gives its address
  call(helper.probe_read_kernel, event.comm, 16, task.comm);
  // @ts-expect-error a callback is a subprogram
  call(helper.loop, 10, r1, 0, 0);
  // @ts-expect-error a subprogram takes no strings
  call(fn('one', 1, []), 'name');
});

test('code is made of instructions, labels, choices and lists', () => {
  const on = false as boolean;
  const code: Code = [
    mov(r0, 1),
    out,
    [],
    null,
    undefined,
    on && mov(r0, 2),
    options.pid !== undefined && jeq(w1, options.pid, out),
    either(fieldExists(task.kind), [coreRead(w1, task.kind)], mov(w1, 0)),
    loop([jeq(r1, 0, out)]),
  ];
  expectTypeOf(code).toExtend<Code>();
  // @ts-expect-error a string is no code
  const text: Code = ['exit'];
  // @ts-expect-error true is no code
  const yes: Code = [true];
  // @ts-expect-error a place is no code
  const place: Code = [event.pid];
  expectTypeOf([text, yes, place]);
  // @ts-expect-error a field of one's own struct needs no relocation
  fieldExists(event.pid);
});
