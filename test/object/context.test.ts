/** The contexts of programs: arguments of hooks, records of tracepoints, system calls. */
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/asm/index.ts';
import type { BtfBuilder } from '../../src/btf/index.ts';
import {
  array,
  bool,
  coreRead,
  dataLoc,
  either,
  exit,
  fieldExists,
  hookArguments,
  i32,
  jeq,
  kernelStruct,
  label,
  lea,
  load,
  mov,
  pointer,
  r0,
  r1,
  r6,
  rawTracepoint,
  SyscallEnter,
  SyscallExit,
  tpBtf,
  tracepoint,
  tracepointFields,
  u8,
  u32,
  u64,
  w1,
} from '../../src/index.ts';
import { parseFormat } from '../../src/kernel/tracefs.ts';
import { argumentNames } from '../../src/object/index.ts';
import {
  int,
  kernelWith,
  linked,
  linkedText,
  messageOf,
  u32 as uint,
  u64 as ulong,
  world,
} from './support.ts';

type Hook = typeof tpBtf;
const program = (hook: Hook, name: string, code: Code) =>
  hook(name, [mov(r6, r1), code, mov(r0, 0), exit()]);
const text = (hook: Hook, name: string, code: Code, into: ReturnType<typeof world>) =>
  linkedText(program(hook, name, code), into)
    .split('\n')
    .slice(1, -2)
    .map((line) => line.replace(/^ *\d+: \(..\) /, '').replace(/ +;.*/, ''));

describe('the arguments of a hook', () => {
  const Arguments = hookArguments({ p: pointer(), group_dead: bool });
  const args = Arguments.at(r6);
  /** `__bpf_trace_exit(void *__data, ...)` with these arguments. */
  const withArguments = (...names: string[]) =>
    kernelWith((b: BtfBuilder) => {
      const params = ['__data', ...names].map((name) => ({ name, type: b.ptr(0) }));
      b.func('__bpf_trace_exit', b.funcProto(0, params));
    });

  it('are found by name', () => {
    const kernel = withArguments('cpu', 'p', 'group_dead');
    expect(text(tpBtf, 'exit', [load(r1, args.p), load(w1, args.group_dead)], kernel)).toEqual([
      'r1 = *(u64 *)(r6 +8)',
      'r1 = *(u8 *)(r6 +16)',
    ]);
  });

  it('are found by name in the function that older kernels have', () => {
    const kernel = kernelWith((b) => {
      b.func(
        '__bpf_trace_exit',
        b.funcProto(0, [
          { name: '', type: 0 },
          { name: '', type: 0 },
        ]),
      );
      b.func(
        '__traceiter_exit',
        b.funcProto(0, [
          { name: '__data', type: b.ptr(0) },
          { name: 'cpu', type: int(b) },
          { name: 'p', type: b.ptr(0) },
        ]),
      );
    });
    expect(argumentNames(kernel.btf, 'exit')).toEqual(['cpu', 'p']);
    expect(text(rawTracepoint, 'exit', load(r1, args.p), kernel)).toEqual(['r1 = *(u64 *)(r6 +8)']);
  });

  it('are taken in their order where BTF has no names, or there is none', () => {
    for (const kernel of [kernelWith(int), world()]) {
      expect(argumentNames(kernel.btf, 'exit')).toBeUndefined();
      expect(text(rawTracepoint, 'exit', load(w1, args.group_dead), kernel)).toEqual([
        'r1 = *(u8 *)(r6 +8)',
      ]);
    }
  });

  it('exist where this kernel names them, and without names they may not', () => {
    const code = either(fieldExists(args.group_dead), load(w1, args.group_dead), mov(w1, 7));
    expect(text(tpBtf, 'exit', code, withArguments('p', 'group_dead'))).toEqual([
      'r1 = *(u8 *)(r6 +8)',
    ]);
    expect(text(tpBtf, 'exit', code, withArguments('p'))).toEqual(['w1 = 7']);
    expect(text(rawTracepoint, 'exit', code, world())).toEqual(['w1 = 7']);
  });

  it('are poisoned where this kernel has none of that name', () => {
    const kernel = withArguments('p', 'code');
    const { poisoned } = linked(program(tpBtf, 'exit', load(w1, args.group_dead)), kernel);
    expect([...poisoned]).toEqual([
      [1, 'tp_btf/exit has no argument group_dead in this kernel: it has p, code'],
    ]);
  });

  it('are asked for once, however many there are', () => {
    const kernel = withArguments('p', 'group_dead');
    let asked = 0;
    const counted = {
      ...kernel,
      get btf() {
        asked++;
        return kernel.btf;
      },
    };
    text(tpBtf, 'exit', [load(r1, args.p), load(w1, args.group_dead), load(r1, args.p)], counted);
    expect(asked).toBe(1);
  });
});

describe("the fields of a tracepoint's record", () => {
  const FORMAT = `name: open
ID: 700
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:unsigned long ip;	offset:24;	size:8;	signed:0;
	field:__data_loc char[] name;	offset:32;	size:4;	signed:0;
	field:u16 port;	offset:36;	size:2;	signed:0;
	field:short code;	offset:38;	size:2;	signed:1;
	field:unsigned long args[6];	offset:40;	size:48;	signed:0;
	field:bool gone;	offset:88;	size:1;	signed:0;

print fmt: "%s", REC->comm
`;
  const kernel = world({
    tracepointFields: (category, name) =>
      category === 'fs' && name === 'open' ? parseFormat(FORMAT) : undefined,
  });
  const at = (code: Code, into = kernel) =>
    text((_name, body) => tracepoint('fs/open', body), '', code, into);
  const Fields = tracepointFields({
    ip: u64,
    name: dataLoc,
    args: array(u64, 6),
    gone: u8,
    absent: u32,
  });
  const fields = Fields.at(r6);

  it('are where the format file says', () => {
    expect(
      at([
        load(r1, fields.ip),
        load(w1, fields.name),
        load(r1, fields.args[5]),
        load(w1, fields.gone),
      ]),
    ).toEqual([
      'r1 = *(u64 *)(r6 +24)',
      'r1 = *(u32 *)(r6 +32)',
      'r1 = *(u64 *)(r6 +80)',
      'r1 = *(u8 *)(r6 +88)',
    ]);
  });

  it('have an address', () => {
    const Names = tracepointFields({ comm: array(u8, 16) });
    expect(at(lea(r1, Names.at(r6).comm))).toEqual(['r1 = r6', 'r1 += 8']);
  });

  it('are loaded with the size of this kernel where both are unsigned and it is smaller', () => {
    const Wide = tracepointFields({ port: u32 });
    expect(at(load(w1, Wide.at(r6).port))).toEqual(['r1 = *(u16 *)(r6 +36)']);
    const Low = tracepointFields({ ip: u32 });
    expect(at(load(w1, Low.at(r6).ip))).toEqual(['r1 = *(u32 *)(r6 +24)']);
  });

  it.each<[string, Code]>([
    ['a signed field', load(w1, tracepointFields({ code: i32 }).at(r6).code)],
    ['a field that is signed there', load(w1, tracepointFields({ code: u32 }).at(r6).code)],
  ])('are poisoned where a load would lose the sign: %s', (_title, code) => {
    const { poisoned } = linked(
      tracepoint('fs/open', [mov(r6, r1), code, mov(r0, 0), exit()]),
      kernel,
    );
    expect([...poisoned.values()]).toEqual([
      'code has 2 bytes in this kernel (short code), and is declared with 4',
    ]);
  });

  it('exist or not', () => {
    const has = (field: Parameters<typeof fieldExists>[0]) =>
      at(either(fieldExists(field), mov(w1, 1), mov(w1, 0)));
    expect([has(fields.gone), has(fields.absent)]).toEqual([['w1 = 1'], ['w1 = 0']]);
  });

  it('are poisoned where there is none, also behind a check that is made at run time', () => {
    const skip = label('skip');
    const code = [
      mov(r1, fieldExists(fields.absent)),
      jeq(r1, 0, skip),
      load(w1, fields.absent),
      skip,
    ];
    const { poisoned } = linked(
      tracepoint('fs/open', [mov(r6, r1), code, mov(r0, 0), exit()]),
      kernel,
    );
    expect([...poisoned]).toEqual([
      [
        3,
        'tracepoint/fs/open has no field absent in this kernel: it has common_type, common_pid, comm, ip, name, port, code, args, gone',
      ],
    ]);
  });

  it('are refused by name where there is no such tracepoint', () => {
    expect(messageOf(() => at(load(r1, fields.ip), world()))).toBe(
      'there is no tracepoint/fs/open in this kernel',
    );
  });
});

describe('the contexts of system calls', () => {
  /** `struct syscall_trace_enter` behind a header of so many bytes: 8, or 12 on RHEL 8. */
  const header = (bytes: number) =>
    kernelWith((b) => {
      const entry = b.struct('trace_entry', bytes, [
        { name: 'type', type: b.int('unsigned short', 2), bitOffset: 0 },
      ]);
      const args = Math.ceil((bytes + 4) / 8) * 8;
      b.struct('syscall_trace_enter', args, [
        { name: 'ent', type: entry, bitOffset: 0 },
        { name: 'nr', type: int(b), bitOffset: bytes * 8 },
        { name: 'args', type: b.array(ulong(b), 0), bitOffset: args * 8 },
      ]);
      b.struct('syscall_trace_exit', args + 8, [
        { name: 'ent', type: entry, bitOffset: 0 },
        { name: 'nr', type: int(b), bitOffset: bytes * 8 },
        { name: 'ret', type: b.int('long', 8, 'signed'), bitOffset: args * 8 },
      ]);
    });
  const enter = SyscallEnter.at(r6);
  const code = [load(r1, enter.args[0]), load(r1, enter.args[5]), load(w1, enter.nr)];
  const at = (body: Code, bytes: number) =>
    text((_name, list) => tracepoint('syscalls/sys_enter_openat', list), '', body, header(bytes));

  it('are those of this kernel: the header of RHEL is longer', () => {
    expect(at(code, 8)).toEqual([
      'r1 = *(u64 *)(r6 +16)',
      'r1 = *(u64 *)(r6 +56)',
      'r1 = *(u32 *)(r6 +8)',
    ]);
    expect(at(code, 12)).toEqual([
      'r1 = *(u64 *)(r6 +16)',
      'r1 = *(u64 *)(r6 +56)',
      'r1 = *(u32 *)(r6 +12)',
    ]);
    expect(at(code, 16)[0]).toBe('r1 = *(u64 *)(r6 +24)');
    expect(at(load(r1, SyscallExit.at(r6).ret), 12)).toEqual(['r1 = *(u64 *)(r6 +16)']);
  });
});

describe('pointers among arguments', () => {
  it('lead on: loaded from the context, then followed', () => {
    const Task = kernelStruct('task_struct', { tgid: u32 });
    const Arguments = hookArguments({ p: pointer(Task) });
    const kernel = kernelWith((b) => {
      b.struct('task_struct', 64, [{ name: 'tgid', type: uint(b), bitOffset: 160 }]);
    });
    const listed = text(rawTracepoint, 'exit', coreRead(w1, Arguments.at(r6).p.tgid), kernel);
    expect(listed[0]).toBe('r3 = *(u64 *)(r6 +0)');
    expect(listed).toContain('r3 += 20');
  });
});
