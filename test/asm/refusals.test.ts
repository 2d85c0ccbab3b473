/**
 * @module
 * "Built means valid": every refusal, with its whole message and the line that it blames. What TypeScript refuses
 * already is called here as plain JavaScript would (`as never`).
 */
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  AssemblerError,
  add,
  addrSpaceCast,
  and,
  arsh,
  assemble,
  atomicAdd,
  be,
  bswap,
  type Code,
  call,
  callSite,
  checkFunction,
  checkLicense,
  cmpxchg,
  coreRead,
  coreReadString,
  div,
  either,
  encode,
  exit,
  fetchAdd,
  fieldOffset,
  fn,
  gotox,
  helper,
  hookExists,
  ja,
  jeq,
  jgt,
  jsgt,
  label,
  ldAbs,
  lddw,
  ldInd,
  lea,
  load,
  loadAcquire,
  loadSigned,
  lsh,
  make,
  mayGoto,
  mod,
  mov,
  movsx,
  neg,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  r6,
  r7,
  r10,
  r11,
  read,
  readDataLoc,
  restamp,
  rsh,
  sdiv,
  stack,
  store,
  storeRelease,
  sub,
  times,
  userReadString,
  w1,
  w2,
  w3,
  when,
  xchg,
} from '../../src/asm/index.ts';
import {
  bitfield,
  bytes,
  char,
  chars,
  dataLoc,
  hookArguments,
  i32,
  kernelStruct,
  pointer,
  struct,
  text,
  tracepointFields,
  u8,
  u16,
  u32,
  u64,
} from '../../src/layout/index.ts';

/** The line of this file that called. */
const line = (): number => {
  const frames = new Error().stack!.split('\n').filter((text) => text.includes('refusals.test.ts'));
  return Number(/:(\d+):\d+\)?$/.exec(frames[1]!)![1]);
};

type Row = readonly [line: number, build: () => unknown, message: string];

const refuses = (rows: readonly Row[]) => {
  it.each(rows)('line %i: %s', (expected, build, message) => {
    let error: unknown;
    try {
      build();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AssemblerError);
    expect((error as AssemblerError).message).toBe(`${message} (refusals.test.ts:${expected})`);
    expect((error as AssemblerError).stack).toMatch(
      new RegExp(`refusals\\.test\\.ts:${expected}:`),
    );
  });
};

const Inner = struct('inner', { low: bitfield(u32, 3), flag: bitfield(u32, 5) });
const Event = struct('event', {
  pid: u32,
  small: u8,
  age: u64,
  comm: chars(16),
  inner: Inner,
  next: pointer(Inner),
});
const Task = kernelStruct('task_struct', {
  tgid: i32,
  start_time: u64,
  comm: chars(16),
  flag: bitfield(u32, 1),
  get real_parent() {
    return pointer(Task);
  },
});
const _Arguments = hookArguments({ task: pointer(Task), code: u64 });
const Record = tracepointFields({ comm: chars(16), filename: dataLoc, where: pointer(char) });
const _array: AnyMap = { kind: 'map', type: 'array', key: u32, value: u64 };

/** What JavaScript can pass. */
const js = (value: unknown) => value as never;
const check = (body: Code, arity = 1) => checkFunction('program p', body, arity, callSite(check));
const build = (body: Code) => assemble(body, () => true);

// biome-ignore format: each row is one line, which is the line that the message names
describe('registers are refused', () => {
  refuses([
    [line(), () => mov(r10, 1), 'mov r10: r10, the frame pointer, is read-only'],
    [line(), () => add(r10, r1), 'add r10: r10, the frame pointer, is read-only'],
    [line(), () => neg(r10), 'neg: r10, the frame pointer, is read-only'],
    [line(), () => movsx(r10, r1, 8), 'movsx: r10, the frame pointer, is read-only'],
    [line(), () => be(r10, 16), 'be: r10, the frame pointer, is read-only'],
    [line(), () => lddw(r10, 1), 'lddw r10: r10, the frame pointer, is read-only'],
    [line(), () => addrSpaceCast(r10, r1, 1, 0), 'addrSpaceCast: r10, the frame pointer, is read-only'],
    [line(), () => load(r10, u64.at(r1)), 'load r10: r10, the frame pointer, is read-only'],
    [line(), () => loadSigned(r10, i32.at(r1)), 'loadSigned r10: r10, the frame pointer, is read-only'],
    [line(), () => lea(r10, u64.at(r1, 8)), 'lea r10: r10, the frame pointer, is read-only'],
    [line(), () => fetchAdd(u64.at(r1), r10), 'fetchAdd: r10, the frame pointer, is read-only'],
    [line(), () => xchg(u64.at(r1), r10), 'xchg: r10, the frame pointer, is read-only'],
    [line(), () => cmpxchg(u64.at(r1), r10), 'cmpxchg: r10, the frame pointer, is read-only'],
    [line(), () => loadAcquire(r10, u64.at(r1)), 'loadAcquire: r10, the frame pointer, is read-only'],
    [line(), () => times(r10, 3, []), 'times: r10, the frame pointer, is read-only'],
    [line(), () => mov(r11, 1), 'mov r11: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => add(r1, r11), 'add r1: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => jeq(r11, 0, label()), 'if r11 ==: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => store(u64.at(r1), r11), 'store u64: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => storeRelease(u64.at(r1), r11), 'storeRelease: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => atomicAdd(u64.at(r1), r11), 'atomicAdd: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => gotox(r11), 'gotox: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => ldInd(u8, r11, 0), 'ldInd: r11 is only the base of loads and stores of stack arguments'],
    [line(), () => call(helper.get_current_comm, r11, 16), 'call get_current_comm: argument 1: r11 is only the base of loads and stores'],
    [line(), () => add(js(5), r1), 'add number: a register, got number'],
    [line(), () => mov(js(undefined), 1), 'mov undefined: a register, got undefined'],
    [line(), () => neg(js('r1')), 'neg: a register, got string'],
  ]);
});

// biome-ignore format: each row is one line
describe('widths are refused that plain JavaScript can mix', () => {
  refuses([
    [line(), () => mov(r1, js(w2)), 'mov r1: r1 and w2 differ in width; use both as r or both as w'],
    [line(), () => sub(w1, js(r2)), 'sub w1: w1 and r2 differ in width; use both as r or both as w'],
    [line(), () => movsx(r1, js(w2), 8), 'movsx: r1 and w2 differ in width; use both as r or both as w'],
    [line(), () => jeq(w1, js(r2), label()), 'if w1 ==: w1 and r2 differ in width; use both as r or both as w'],
    [line(), () => when(r1, '<', js(w2), []), 'if r1 >=: r1 and w2 differ in width; use both as r or both as w'],
    [line(), () => movsx(w1, w2, 32), 'movsx: w1 is extended from 8 or 16 bits, got 32'],
    [line(), () => movsx(r1, r2, js(64)), 'movsx: r1 is extended from 8, 16 or 32 bits, got 64'],
    [line(), () => lddw(js(w1), 2n ** 40n), 'lddw w1: it takes all 64 bits, so write r1, not w1'],
    [line(), () => bswap(js(w1), 16), 'bswap: it takes all 64 bits, so write r1, not w1'],
    [line(), () => bswap(r1, js(8)), 'bswap: 16, 32 or 64 bits, got 8'],
    [line(), () => addrSpaceCast(r1, js(w1), 1, 0), 'addrSpaceCast: it takes all 64 bits, so write r1, not w1'],
    [line(), () => gotox(js(w2)), 'gotox: it takes all 64 bits, so write r2, not w2'],
    [line(), () => lea(js(w2), stack(u64)), 'lea w2: it takes all 64 bits, so write r2, not w2'],
    [line(), () => ldInd(u8, js(w2), 0), 'ldInd: it takes all 64 bits, so write r2, not w2'],
    [line(), () => ldAbs(js(u64), 0), 'ldAbs: it loads 8, 16 or 32 bits of a packet, got 64'],
    [line(), () => load(r1, js(u32.at(r2))), 'load r1: u32 has 4 bytes, so it goes with w1, not r1'],
    [line(), () => load(w1, js(Event.at(r2).age)), 'load w1: event.age has 8 bytes, so it goes with r1, not w1'],
    [line(), () => load(w1, u32.at(js(w2))), 'load w1: it takes all 64 bits, so write r2, not w2'],
    [line(), () => store(Event.at(r7).pid, js(r6)), 'store event.pid: event.pid has 4 bytes, so it goes with w6, not r6'],
    [line(), () => loadSigned(js(w1), i32.at(r2)), 'loadSigned w1: it takes all 64 bits, so write r1, not w1'],
    [line(), () => loadSigned(r1, js(u64.at(r2))), 'loadSigned r1: u64 has 64 bits; load reads it whole'],
    [line(), () => atomicAdd(u64.at(r1), js(w1)), 'atomicAdd: u64 has 8 bytes, so it does not go with w1'],
    [line(), () => atomicAdd(u16.at(r1), w1), 'atomicAdd: atomic operations take 32 or 64 bits, and u16 has 16'],
    [line(), () => xchg(Inner.at(r1).flag, w1), 'xchg: atomic operations take 32 or 64 bits, and inner.flag has 32'],
    [line(), () => coreRead(r1, js(Task.at(r8()).tgid)), 'coreRead: task_struct.tgid goes into w1'],
    [line(), () => read(w1, js(Task.at(r8()).start_time)), 'read: task_struct.start_time goes into r1'],
  ]);
});
function r8() {
  return { kind: 'register', width: 64, index: 8 } as const;
}

// biome-ignore format: each row is one line
describe('numbers are refused that would not fit', () => {
  const load32 = 'put it in a register with mov first';
  refuses([
    [line(), () => and(r1, 0xffff_ffff), `and r1: the immediate is -2147483648 to 2147483647, got 4294967295; use w1, or ${load32}`],
    [line(), () => add(r1, 2 ** 31), `add r1: the immediate is -2147483648 to 2147483647, got 2147483648; use w1, or ${load32}`],
    [line(), () => add(r1, -(2 ** 31) - 1), `add r1: the immediate is -2147483648 to 2147483647, got -2147483649; ${load32}`],
    [line(), () => add(w1, 2 ** 32), `add w1: the immediate is -2147483648 to 4294967295, got 4294967296; ${load32}`],
    [line(), () => mov(w1, 2n ** 32n), `mov w1: the immediate is -2147483648 to 4294967295, got 4294967296; ${load32}`],
    [line(), () => sdiv(w1, 2 ** 31), `sdiv w1: the immediate is -2147483648 to 2147483647, got 2147483648; ${load32}`],
    [line(), () => jgt(r1, 2 ** 31, label()), `if r1 >: the immediate is -2147483648 to 2147483647, got 2147483648; ${load32}`],
    [line(), () => jsgt(w1, 2 ** 31, label()), `if w1 s>: the immediate is -2147483648 to 2147483647, got 2147483648; ${load32}`],
    [line(), () => add(r1, 1.5), 'add r1: 1.5 is not a whole number that JavaScript holds exactly; write it as a bigint'],
    [line(), () => mov(r1, 2 ** 60), 'mov r1: 1152921504606847000 is not a whole number that JavaScript holds exactly; write it as a bigint'],
    [line(), () => mov(r1, Number.NaN), 'mov r1: NaN is not a whole number that JavaScript holds exactly; write it as a bigint'],
    [line(), () => lddw(r1, 0.5), 'lddw r1: 0.5 is not a whole number that JavaScript holds exactly; write it as a bigint'],
    [line(), () => mov(r1, 2n ** 64n), 'mov r1: 18446744073709551616 does not fit in 64 bits'],
    [line(), () => lddw(r1, -(2n ** 63n) - 1n), 'lddw r1: -9223372036854775809 does not fit in 64 bits'],
    [line(), () => call(helper.redirect, 2n ** 65n, 0), 'call redirect: argument 1: 36893488147419103232 does not fit in 64 bits'],
    [line(), () => call(helper.redirect, 0, 0.5), 'call redirect: argument 2: 0.5 is not a whole number that JavaScript holds exactly; write it as a bigint'],
    [line(), () => add(r1, js('8')), 'add r1: a register or a number, got string'],
    [line(), () => add(r1, js(u32.at(r2))), 'add r1: a register or a number, got object'],
    [line(), () => mov(r1, js(null)), 'mov r1: a register or a number, got object'],
    [line(), () => mov(r1, js(u32.at(r2))), 'mov r1: a register or a number, got object'],
    [line(), () => lsh(r1, 64), 'lsh r1: a shift is 0 to 63 bits, got 64'],
    [line(), () => rsh(w1, 32), 'rsh w1: a shift is 0 to 31 bits, got 32'],
    [line(), () => arsh(r1, -1), 'arsh r1: a shift is 0 to 63 bits, got -1'],
    [line(), () => div(r1, 0), 'div r1: division by 0'],
    [line(), () => mod(w1, 0n), 'mod w1: division by 0'],
    [line(), () => addrSpaceCast(r1, r2, 65536, 0), 'addrSpaceCast: an address space is 0 to 65535, got 65536'],
    [line(), () => load(r1, u64.at(r2, 32768)), 'load r1: an offset is -32768 to 32767, got 32768; add the distance to the register first'],
    [line(), () => store(u64.at(r2, -32769), 0), 'store u64: an offset is -32768 to 32767, got -32769; add the distance to the register first'],
    [line(), () => lea(r1, u8.at(r2, 40_000)), 'lea r1: an offset is -32768 to 32767, got 40000; add the distance to the register first'],
    [line(), () => store(u8.at(r1), 256), 'store u8: 8 bits hold -128 to 255, got 256'],
    [line(), () => store(u8.at(r1), js(u8.at(r2))), 'store u8: a register or a number, got object'],
    [line(), () => store(u16.at(r1), -32769), 'store u16: 16 bits hold -32768 to 65535, got -32769'],
    [line(), () => store(u32.at(r1), 2 ** 32), `store u32: the immediate is -2147483648 to 4294967295, got 4294967296; ${load32}`],
    [line(), () => store(u64.at(r1), 2n ** 31n), `store u64: the immediate is -2147483648 to 2147483647, got 2147483648; ${load32}`],
    [line(), () => ldAbs(u8, 2 ** 31), 'ldAbs: the immediate is -2147483648 to 2147483647, got 2147483648; packets are shorter'],
    [line(), () => times(r6, 0, []), 'times: a loop runs from 1 time on, got 0'],
    [line(), () => times(r6, 2 ** 31, []), 'times: a loop runs from 1 time on, got 2147483648'],
    [line(), () => times(r6, r6, []), 'times: r6 cannot hold both the counter and the count'],
  ]);
});

// biome-ignore format: each row is one line
describe('places are refused that an instruction cannot reach', () => {
  refuses([
    [line(), () => load(w1, js(Event.at(r6).comm)), 'load w1: event.comm is no scalar but chars of 16 bytes'],
    [line(), () => store(js(Event.at(r6).inner), 1), 'store event.inner: event.inner is no scalar but struct of 4 bytes'],
    [line(), () => load(w1, js(Task.at(r6).real_parent.tgid)), 'load w1: task_struct.real_parent->tgid is behind a pointer; use coreRead or read'],
    [line(), () => store(js(Task.at(r6).tgid), 1), 'store task_struct.tgid: memory of the kernel is not stored to'],
    [line(), () => atomicAdd(js(Task.at(r6).start_time), r1), 'atomicAdd: memory of the kernel is not changed'],
    [line(), () => store(Inner.at(r6).flag, 1), 'store inner.flag: a bitfield is stored by loading its unit, masking and storing it'],
    [line(), () => loadSigned(r1, js(Inner.at(r6).flag)), 'loadSigned r1: inner.flag has 32 bits; load reads it whole'],
    [line(), () => stack(text(8)), 'stack: a text has no size of its own; put it in a struct'],
    [line(), () => stack(bitfield(u32, 3)), 'stack: a bitfield has no size of its own; put it in a struct'],
    [line(), () => stack(Task), "stack: the size of task_struct is the kernel's; copy the fields that you need"],
    [line(), () => stack(bytes(513)), 'stack: a frame has 512 bytes, got 513; use a per-CPU array of one entry'],
    [line(), () => fieldOffset(js(Event.at(r1).pid)), 'fieldOffset: a field of a kernelStruct'],
    [line(), () => call(helper.probe_read_kernel, stack(u64), 8, js(Task.at(r6).tgid)), "call probe_read_kernel: argument 3: task_struct.tgid is memory of the kernel's; pass its address in a register, with lea"],
    [line(), () => coreRead(Event.at(r1).pid, Task.at(r6).real_parent.tgid), 'coreRead: it destroys r0 to r5, so what it fills is addressed by r6 to r10, not by r1'],
    [line(), () => read(Event.at(r0).pid, Task.at(r6).tgid), 'read: it destroys r0 to r5, so what it fills is addressed by r6 to r10, not by r0'],
    [line(), () => coreReadString(Event.at(r3).comm, Task.at(r6).real_parent.comm), 'coreReadString: it destroys r0 to r5, so what it fills is addressed by r6 to r10, not by r3'],
    [line(), () => readDataLoc(Event.at(r2).comm, Record.at(r1).filename), 'readDataLoc: it destroys r0 to r5, so what it fills is addressed by r6 to r10, not by r2'],
    [line(), () => coreRead(Event.at(r6).small, Task.at(r7).tgid), 'coreRead: event.small has 1 bytes, but task_struct.tgid has 4; read it into a register and store that'],
    [line(), () => coreRead(stack(chars(8)), Task.at(r7).comm), 'coreRead: chars has 8 bytes, but task_struct.comm has 16'],
    [line(), () => coreRead(stack(chars(16)), js(Record.at(r6).comm)), 'coreRead: context.comm is in the context; pass its address with lea'],
    [line(), () => userReadString(r6, r1, js(undefined)), 'userReadString: give the size of the memory that the register points to'],
    [line(), () => coreReadString(r6, r1, 0), 'coreReadString: give the size of the memory that the register points to'],
  ]);
});

// biome-ignore format: each row is one line
describe('jumps and functions are refused', () => {
  refuses([
    [line(), () => ja(js('out')), "ja: a jump goes to a label, from label('name')"],
    [line(), () => jeq(r1, 0, js(undefined)), "if r1 ==: a jump goes to a label, from label('name')"],
    [line(), () => mayGoto(js(null)), "mayGoto: a jump goes to a label, from label('name')"],
    [line(), () => when(r1, js('==='), 0, []), 'if r1 ===: a comparison is one of == != > >= < <= s> s>= s< s<= &'],
    [line(), () => fn('9lives', 0, []), 'fn: a function needs a C identifier of at most 127 characters for a name, got "9lives"'],
    [line(), () => fn('a-b', 0, []), 'fn: a function needs a C identifier of at most 127 characters for a name, got "a-b"'],
    [line(), () => fn('a'.repeat(128), 0, []), `fn: a function needs a C identifier of at most 127 characters for a name, got "${'a'.repeat(128)}"`],
    [line(), () => fn('six', 6, []), 'fn six: a function takes 0 to 5 arguments, got 6'],
    [line(), () => call(fn('f', 2, []), r1), 'call f: it takes 2 arguments, got 1'],
    [line(), () => call(helper.get_current_comm, ...js([r1])), 'call get_current_comm: it takes 2 arguments (buf, size_of_buf), got 1'],
    [line(), () => call(helper.ktime_get_ns, ...js([0])), 'call ktime_get_ns: it takes 0 arguments (), got 1'],
    [line(), () => call(helper.trace_printk, ...js([stack(u64)])), 'call trace_printk: it takes 2 to 5 arguments (fmt, fmt_size, arg1, arg2, arg3), got 1'],
    [line(), () => call(helper.redirect, js('lo'), 0), 'call redirect: argument 1: a register, number, map, subprogram or place, got string'],
    [line(), () => call(helper.redirect, js(null), 0), 'call redirect: argument 1: a register, number, map, subprogram or place, got null'],
    [line(), () => call(js('redirect')), 'call: a helper, a subprogram or a kfunc, got string'],
    [line(), () => call(js(undefined)), 'call: a helper, a subprogram or a kfunc, got undefined'],
    [line(), () => lea(r1, js(5)), 'lea r1: a place, map or subprogram, got number'],
    [line(), () => build([mov(r0, 0), js(0)]), 'a program is made of instructions, labels and lists, got number 0 after this line'],
    [line(), () => build([mov(r0, 0), [[js({ kind: 'map' })]]]), 'a program is made of instructions, labels and lists, got {"kind":"map"} after this line'],
    [line(), () => { const top = label('top'); build([mov(r0, 0), mayGoto(top), Array.from({ length: 33_000 }, () => neg(r0)), top, exit()]); }, 'may_goto: label top is more than 32,767 instructions away; put a jump to it nearby'],
  ]);
});

// biome-ignore format: each row is one line
describe('programs are refused', () => {
  const big = fn('big', 0, [mov(r0, 0), exit()]);
  refuses([
    [line(), () => check([mov(r0, r2), exit()]), 'program p: r2 is read here, but nothing has written it'],
    [line(), () => check([mov(r0, r3), exit()], 2), 'program p: r3 is read here, but nothing has written it'],
    [line(), () => check([call(helper.ktime_get_ns), mov(r0, r1), exit()]), 'program p: r1 is read here, but nothing has written it since the last call, and calls destroy r1 to r5; keep it in r6 to r9'],
    [line(), () => check([call(big), store(u32.at(r10, -4), w3), exit()]), 'program p: r3 is read here, but nothing has written it since the last call, and calls destroy r1 to r5; keep it in r6 to r9'],
    [line(), () => check([mov(r6, r1), ldAbs(u8, 0), add(r0, r1), exit()]), 'program p: r1 is read here, but nothing has written it since the last call, and calls destroy r1 to r5; keep it in r6 to r9'],
    [line(), () => check([ldAbs(u8, 0), exit()]), 'program p: r6 is read here, but nothing has written it'],
    [line(), () => check([add(r0, r2), exit()]), 'program p: r0 is read here, but nothing has written it'],
    [line(), () => check([exit()]), 'program p: exit() returns r0, but nothing has written it'],
    [line(), () => check([cmpxchg(u64.at(r1), r1), exit()]), 'program p: r0 is read here, but nothing has written it'],
    [line(), () => check([gotox(r6)]), 'program p: r6 is read here, but nothing has written it'],
    [line(), () => check([call(fn('two', 2, []), r1, r2), exit()]), 'program p: r2 is read here, but nothing has written it'],
    [line(), () => check([mov(r0, 0), exit(), mov(r0, 1)]), 'program p: this instruction is never reached'],
    [line(), () => { const out = label('out'); check([mov(r0, 0), ja(out), neg(r0), out, exit()]); }, 'program p: this instruction is never reached'],
    [line(), () => check([mov(r0, 0), when(r0, '==', 0, [exit()], [exit()]), exit()]), 'program p: this instruction is never reached'],
    [line(), () => check([mov(r0, 0)]), 'program p: control runs off its end; end it with exit() or a jump'],
    [line(), () => check([]), 'program p: control runs off its end; end it with exit() or a jump'],
    [line(), () => { const out = label('out'); check([mov(r0, 0), jeq(r0, 0, out), exit(), out]); }, 'program p: control runs off its end; end it with exit() or a jump'],
    [line(), () => check([mov(r0, 0), either(hookExists('x'), [exit()], [])]), 'program p: control runs off its end; end it with exit() or a jump'],
    [line(), () => { const out = label('out'); check([mov(r0, 0), jeq(r0, 0, out), exit()]); }, 'program p: label out is not placed in this program; put it into its list'],
    [line(), () => { const out = label('out'); check([out, mov(r0, 0), out, exit()]); }, 'program p: label out is placed twice'],
    [line(), () => { const out = label('out'); check([mov(r0, 0), jeq(r0, 0, out), either(hookExists('x'), [out, neg(r0)], []), exit()]); }, 'program p: label out is in one way of an either, which may not be taken; jump to it from that way only'],
    [line(), () => { const out = label('out'); check([mov(r0, 0), either(hookExists('x'), [jeq(r0, 0, out)], [out, neg(r0)]), exit()]); }, 'program p: label out is in one way of an either, which may not be taken; jump to it from that way only'],
    [line(), () => build([lea(r1, stack(bytes(300))), lea(r2, stack(bytes(301))), mov(r0, 0), exit()]), 'the stack slots need 608 bytes, but a frame has 512; put large ones into a per-CPU array'],
    [line(), () => check([lea(r2, stack(u64)), store(u32.at(r10, -4), 1), mov(r0, 0), exit()]), 'program p: r10-4 is in the 8 bytes of the stack slots; make a slot with stack() for it'],
    [line(), () => check([lea(r2, stack(u64)), load(r0, u64.at(r10, -12)), exit()]), 'program p: r10-12 is in the 8 bytes of the stack slots; make a slot with stack() for it'],
    [line(), () => checkLicense('program p', [call(helper.get_current_task), exit()], 'MIT'), `program p: get_current_task is for programs under the GPL, and the licence is "MIT"; use 'GPL' or 'Dual MIT/GPL'`],
  ]);
});

describe('what is sound is not refused', () => {
  it('takes labels and jumps within one way of a choice, and out of it', () => {
    const [inner, out] = [label('inner'), label('out')];
    const way = [jeq(r0, 1, inner), jeq(r0, 2, out), inner, neg(r0)];
    expect(check([mov(r0, 0), either(hookExists('x'), way, [ja(out)]), out, exit()])).toEqual([]);
  });

  it('takes accesses below the slots, and beside them when there are none', () => {
    const slot = stack(u64);
    check([store(slot, 1), store(u64.at(r10, -16), 1), load(r0, slot), exit()]);
    check([store(u64.at(r10, -8), 1), load(r0, u64.at(r10, -8)), exit()]);
  });

  it('takes a register that some path has written', () => {
    const out = label('out');
    check([jeq(r1, 0, out), mov(r2, 1), out, mov(r0, r2), exit()]);
  });

  it('takes r11, whose arguments the caller has put on the stack', () => {
    check([load(r0, u64.at(r11, 8)), exit()]);
  });

  it('takes every licence that is compatible with the GPL', () => {
    for (const license of [
      'GPL',
      'GPL v2',
      'GPL and additional rights',
      'Dual BSD/GPL',
      'Dual MIT/GPL',
      'Dual MPL/GPL',
    ]) {
      checkLicense('program p', [call(helper.get_current_task), exit()], license);
    }
    checkLicense('program p', [call(helper.get_current_pid_tgid), exit()], 'MIT');
  });
});

describe('the encoder refuses', () => {
  it('labels of code that is assembled by itself', () => {
    const out = label('out');
    const assembled = (code: Code) => () => assemble(code, () => true);
    expect(assembled([jeq(r0, 0, out), exit()])).toThrow(
      /^label out is not placed; put it into the list \(refusals\.test\.ts:\d+\)$/,
    );
    expect(assembled([out, jeq(r0, 0, out), out, exit()])).toThrow(
      /^label out is placed twice \(refusals\.test\.ts:\d+\)$/,
    );
  });

  it('fields that are out of their range', () => {
    const refusal = (fields: Parameters<typeof make>[0]) => () => encode([make(fields)]);
    const message = /^instruction 0x\w+: a field is out of its range/;
    expect(refusal({ opcode: 256 })).toThrow(message);
    expect(refusal({ opcode: 0xb7, dst: 16 })).toThrow(message);
    expect(refusal({ opcode: 0xbf, src: -1 })).toThrow(message);
    expect(refusal({ opcode: 0x05, offset: 32768 })).toThrow(message);
    expect(refusal({ opcode: 0x05, offset: Number.NaN })).toThrow(message);
    expect(refusal({ opcode: 0xb7, imm: 2 ** 31 })).toThrow(message);
    expect(refusal({ opcode: 0x18, imm64: 2n ** 64n })).toThrow(message);
    expect(refusal({ opcode: 0x18, imm: 5 })).toThrow(message);
    expect(() => encode([lea(r1, stack(u64))].flat(9) as never)).toThrow(
      'a stack slot has no offset yet: assemble the program first',
    );
  });
});

describe('messages name the line', () => {
  /** A macro of a library, which blames its caller. */
  const libraryMacro = (): Code => restamp(callSite(libraryMacro), [mov(r0, 0), mov(r1, r5)]);

  it('of the user, for macros of the library', () => {
    const expected = line() + 1;
    expect(() => check([libraryMacro(), exit()])).toThrow(`(refusals.test.ts:${expected})`);
    // biome-ignore format: one line
    expect(() => check([mov(r0, 0), coreRead(w2, Task.at(r4).real_parent.tgid), exit()])).toThrow(`r4 is read here, but nothing has written it (refusals.test.ts:${line()})`);
  });
});
