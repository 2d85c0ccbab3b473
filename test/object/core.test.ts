/** CO-RE of programs that are written here, against kernels made by hand. */
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/asm/index.ts';
import type { BtfBuilder } from '../../src/btf/index.ts';
import {
  array,
  bitfield,
  call,
  chars,
  coreRead,
  either,
  enumValue,
  enumValueExists,
  exit,
  fieldExists,
  fieldLeftShift,
  fieldOffset,
  fieldRightShift,
  fieldSigned,
  fieldSize,
  fn,
  i32,
  jeq,
  kernelEnum,
  kernelStruct,
  kernelUnion,
  label,
  lea,
  load,
  loadSigned,
  mov,
  pointer,
  r0,
  r1,
  r6,
  read,
  type Struct,
  tc,
  tpBtf,
  typeExists,
  typeIdLocal,
  typeIdTarget,
  typeMatches,
  typeSize,
  u16,
  u32,
  u64,
  w0,
  w1,
} from '../../src/index.ts';
import {
  int,
  kernelWith,
  linked,
  linkedText,
  messageOf,
  u32 as uint,
  u64 as ulong,
} from './support.ts';

const Task: Struct<
  {
    pid: typeof u32;
    exit_code: typeof i32;
    start_time: typeof u64;
    comm: ReturnType<typeof chars>;
    readonly real_parent: unknown;
  },
  'core'
> = kernelStruct('task_struct', {
  pid: u32,
  exit_code: i32,
  start_time: u64,
  comm: chars(16),
  get real_parent(): unknown {
    return pointer(Task);
  },
});

type Members = Parameters<BtfBuilder['struct']>[2];
/** A task_struct with these members. */
const tasks = (members: (b: BtfBuilder) => Members, size = 64) =>
  kernelWith((b) => b.struct('task_struct', size, members(b)));

/** The text of a trusted program, whose r6 is a task, between its first and its last two instructions. */
const text = (code: Code, into: ReturnType<typeof kernelWith>, hook = tpBtf) =>
  linkedText(hook('x', [mov(r6, r1), code, mov(r0, 0), exit()]), into)
    .split('\n')
    .slice(1, -2)
    .map((line) => line.replace(/^ *\d+: \(..\) /, '').replace(/ +;.*/, ''));
/** Why an instruction was poisoned. */
const poison = (code: Code, into: ReturnType<typeof kernelWith>) => [
  ...linked(tpBtf('x', [mov(r6, r1), code, mov(r0, 0), exit()]), into).poisoned,
];

describe('a load of a field', () => {
  const task = Task.at(r6);

  it('takes the offset of this kernel', () => {
    const kernel = tasks((b) => [
      { name: 'start_time', type: ulong(b), bitOffset: 128 },
      { name: 'pid', type: uint(b), bitOffset: 320 },
    ]);
    expect(text(load(w1, task.pid), kernel)).toEqual(['r1 = *(u32 *)(r6 +40)']);
    expect(text(load(r1, task.start_time), kernel)).toEqual(['r1 = *(u64 *)(r6 +16)']);
  });

  it('takes the size of this kernel, where both are unsigned', () => {
    const small = tasks((b) => [
      { name: 'pid', type: b.int('unsigned short', 2), bitOffset: 32 },
      { name: 'start_time', type: uint(b), bitOffset: 64 },
    ]);
    expect(text([load(w1, task.pid), load(r1, task.start_time)], small)).toEqual([
      'r1 = *(u16 *)(r6 +4)',
      'r1 = *(u32 *)(r6 +8)',
    ]);
  });

  it('is poisoned where a signed field has another size', () => {
    const kernel = tasks((b) => [
      { name: 'exit_code', type: b.int('long', 8, 'signed'), bitOffset: 0 },
    ]);
    expect(text(load(w1, task.exit_code), kernel)).toEqual([
      expect.stringMatching(/^call .*195896080$/),
    ]);
    expect(poison(load(w1, task.exit_code), kernel)).toEqual([
      [
        1,
        'struct task_struct.exit_code (0:1 @ offset 4) has 8 bytes in this kernel, not 4, and is signed or no integer; use read or coreRead',
      ],
    ]);
  });

  it('is poisoned where the field is a bitfield', () => {
    const kernel = tasks((b) => [{ name: 'pid', type: uint(b), bitOffset: 3, bitSize: 5 }]);
    expect(poison(load(w1, task.pid), kernel)).toEqual([
      [
        1,
        'struct task_struct.pid (0:0 @ offset 0) is a bitfield in this kernel; use read or coreRead',
      ],
    ]);
  });

  it('is poisoned where the field is no more', () => {
    const kernel = tasks((b) => [{ name: 'tgid', type: int(b), bitOffset: 0 }]);
    expect(poison(load(w1, task.pid), kernel)).toEqual([
      [1, 'struct task_struct has no member pid in this kernel'],
    ]);
  });

  it('is poisoned where the struct is no more', () => {
    expect(poison(load(w1, task.pid), kernelWith(int))).toEqual([
      [1, 'there is no struct task_struct in this kernel'],
    ]);
  });

  it('extends a sign, which is poisoned where the size differs', () => {
    const Signed = kernelStruct('task_struct', { nice: i32 });
    const of = (size: number) =>
      tasks((b) => [{ name: 'nice', type: b.int('int', size, 'signed'), bitOffset: 64 }]);
    const code = loadSigned(r1, Signed.at(r6).nice);
    expect(text(code, of(4))).toEqual(['r1 = *(s32 *)(r6 +8)']);
    expect(text(code, { ...of(4), isaV4: false })).toEqual([
      'r1 = *(u32 *)(r6 +8)',
      'r1 <<= 32',
      'r1 s>>= 32',
    ]);
    expect(poison(code, of(2))).toHaveLength(1);
    const Unsigned = kernelStruct('task_struct', { nice: u32 });
    const unsigned = tasks((b) => [{ name: 'nice', type: b.int('u16', 2), bitOffset: 64 }]);
    expect(poison(loadSigned(r1, Unsigned.at(r6).nice), unsigned)).toEqual([
      [
        1,
        'task_struct.nice has 2 bytes in this kernel, so that loadSigned takes the wrong sign; use read',
      ],
    ]);
  });

  it('is refused by name beyond the reach of one load', () => {
    const kernel = tasks((b) => [{ name: 'pid', type: uint(b), bitOffset: 40_000 * 8 }], 50_000);
    expect(messageOf(() => text(load(w1, task.pid), kernel))).toBe(
      'task_struct.pid is 40000 bytes into it in this kernel, too far for one load; use coreRead',
    );
  });

  it('finds fields in anonymous structs and unions, and in nested ones', () => {
    const Sock = kernelStruct('sock', {
      __sk_common: kernelStruct('sock_common', { skc_daddr: u32 }),
    });
    const kernel = kernelWith((b) => {
      const pair = b.struct('', 8, [
        { name: 'skc_daddr', type: uint(b), bitOffset: 0 },
        { name: 'skc_rcv_saddr', type: uint(b), bitOffset: 32 },
      ]);
      const both = b.union('', 8, [
        { name: 'skc_addrpair', type: ulong(b), bitOffset: 0 },
        { name: '', type: pair, bitOffset: 0 },
      ]);
      const common = b.struct('sock_common', 24, [{ name: '', type: both, bitOffset: 128 }]);
      b.struct('sock', 32, [{ name: '__sk_common', type: common, bitOffset: 64 }]);
    });
    expect(text(load(w1, Sock.at(r6).__sk_common.skc_daddr), kernel)).toEqual([
      'r1 = *(u32 *)(r6 +24)',
    ]);
  });

  it('finds elements of arrays', () => {
    const Table = kernelStruct('table', { slots: array(u64, 4), names: array(chars(8), 3) });
    const kernel = kernelWith((b) =>
      b.struct('table', 96, [
        { name: 'names', type: b.array(b.array(b.int('char', 1), 8), 3), bitOffset: 0 },
        { name: 'slots', type: b.array(ulong(b), 8), bitOffset: 256 },
      ]),
    );
    const table = Table.at(r6);
    expect(text([load(r1, table.slots[3]), lea(r1, table.names[2])], kernel)).toEqual([
      'r1 = *(u64 *)(r6 +56)',
      'r1 = r6',
      'r1 += 16',
    ]);
  });

  it('finds fields of unions', () => {
    const Address = kernelUnion('address', { v4: u32, v6: array(u16, 8) });
    const kernel = kernelWith((b) =>
      b.union('address', 16, [
        { name: 'v6', type: b.array(b.int('unsigned short', 2), 8), bitOffset: 0 },
        { name: 'v4', type: uint(b), bitOffset: 0 },
      ]),
    );
    expect(text(load(w1, Address.at(r6).v6[7]), kernel)).toEqual(['r1 = *(u16 *)(r6 +14)']);
  });

  it('takes a flavour for the type without its suffix', () => {
    const Old = kernelStruct('task_struct___old', { state: u64 });
    const New = kernelStruct('task_struct', { __state: u32 });
    const code = either(
      fieldExists(New.at(r6).__state),
      load(w1, New.at(r6).__state),
      load(r1, Old.at(r6).state),
    );
    const state = (name: string) =>
      tasks((b) => [{ name, type: name === 'state' ? ulong(b) : uint(b), bitOffset: 192 }]);
    expect(text(code, state('__state'))).toEqual(['r1 = *(u32 *)(r6 +24)']);
    expect(text(code, state('state'))).toEqual(['r1 = *(u64 *)(r6 +24)']);
  });
});

describe('a bitfield', () => {
  const Flags = kernelStruct('flags', { first: bitfield(u32, 3), second: bitfield(u32, 5) });
  const flags = Flags.at(r6);
  /** `second` with 5 bits at a bit, in units of a type. */
  const at = (bitOffset: number, unit: (b: BtfBuilder) => number, bitSize = 5) =>
    kernelWith((b) =>
      b.struct('flags', 64, [{ name: 'second', type: unit(b), bitOffset, bitSize }]),
    );

  it('is loaded with the unit and the shifts of this kernel', () => {
    expect(text(load(w1, flags.second), at(43, uint))).toEqual([
      'r1 = *(u32 *)(r6 +4)',
      'r1 <<= 48',
      'r1 >>= 59',
    ]);
  });

  it('is loaded with a unit of another size than declared', () => {
    expect(
      text(
        load(w1, flags.second),
        at(75, (b) => b.int('unsigned char', 1)),
      ),
    ).toEqual(['r1 = *(u8 *)(r6 +9)', 'r1 <<= 56', 'r1 >>= 59']);
    expect(text(load(w1, flags.second), at(43, ulong))).toEqual([
      'r1 = *(u64 *)(r6 +0)',
      'r1 <<= 16',
      'r1 >>= 59',
    ]);
  });

  it('is loaded where this kernel made a plain field of it', () => {
    expect(
      text(
        load(w1, flags.second),
        at(64, (b) => b.int('unsigned char', 1), 0),
      ),
    ).toEqual(['r1 = *(u8 *)(r6 +8)', 'r1 <<= 56', 'r1 >>= 56']);
  });

  it('is loaded by read in trusted programs, and copied elsewhere', () => {
    const code = read(w1, flags.second);
    expect(text(code, at(43, uint))).toEqual(['r1 = *(u32 *)(r6 +4)', 'r1 <<= 48', 'r1 >>= 59']);
    const copied = linkedText(tc([mov(r6, r1), code, mov(r0, 0), exit()]), at(43, uint));
    expect(`\n${copied}\n`).toMatchInlineSnapshot(`
      "
         0: (bf) r6 = r1
         1: (7a) *(u64 *)(r10 -8) = 0
         2: (bf) r1 = r10
         3: (07) r1 += -8
         4: (b7) r2 = 4                                        ; field_byte_size flags.second
         5: (bf) r3 = r6
         6: (07) r3 += 4                                       ; field_byte_offset flags.second
         7: (85) call bpf_probe_read_kernel#113
         8: (79) r1 = *(u64 *)(r10 -8)
         9: (67) r1 <<= 48                                     ; field_lshift_u64 flags.second
        10: (77) r1 >>= 59                                     ; field_rshift_u64 flags.second
        11: (b7) r0 = 0
        12: (95) exit
      "
    `);
  });

  it('has shifts and a sign as numbers', () => {
    const kernel = at(43, (b) => b.int('int', 4, 'signed'));
    expect(
      text(
        [
          mov(w1, fieldLeftShift(flags.second)),
          mov(w1, fieldRightShift(flags.second)),
          mov(w1, fieldSigned(flags.second)),
          mov(w1, fieldSize(flags.second)),
        ],
        kernel,
      ),
    ).toEqual(['w1 = 48', 'w1 = 59', 'w1 = 1', 'w1 = 4']);
  });
});

describe('a copy of a field', () => {
  it('asks for the size of this kernel only where it is shorter than declared', () => {
    const Old = kernelStruct('task_struct', { state: u64 });
    const code = coreRead(r1, Old.at(r6).state);
    const of = (type: (b: BtfBuilder) => number) =>
      tasks((b) => [{ name: 'state', type: type(b), bitOffset: 192 }]);
    expect(text(code, of(ulong), tpBtf)).toContain('r2 = 8');
    expect(text(code, of(ulong))).not.toContain('r1 <<= 32');
    expect(text(code, of(uint))).toEqual(
      expect.arrayContaining(['r2 = 4', 'r1 <<= 32', 'r1 >>= 32']),
    );
  });

  it('goes along pointers, each offset from its own struct', () => {
    const kernel = tasks((b) => [
      { name: 'real_parent', type: b.ptr(0), bitOffset: 256 },
      { name: 'pid', type: uint(b), bitOffset: 128 },
    ]);
    const Child = kernelStruct('task_struct', {
      real_parent: pointer(kernelStruct('task_struct', { pid: u32 })),
    });
    const listed = text(coreRead(w1, Child.at(r6).real_parent.pid), kernel);
    expect(listed.filter((line) => line.includes('+= '))).toEqual([
      expect.stringMatching(/^r1 \+= -/),
      'r3 += 32',
      expect.stringMatching(/^r1 \+= -/),
      'r3 += 16',
    ]);
  });
});

describe('numbers about the kernel', () => {
  const Kind = kernelEnum('kind', { first: 0, second: 1, gone: 2 });
  const kernel = kernelWith((b) => {
    const kind = b.enum('kind', { second: 5, first: 4 });
    b.struct('task_struct', 9000, [
      { name: 'pid', type: uint(b), bitOffset: 64 },
      { name: 'kind', type: kind, bitOffset: 96 },
      { name: 'comm', type: b.array(b.int('char', 1), 32), bitOffset: 128 },
    ]);
  });
  const task = Task.at(r6);
  const Absent = kernelStruct('absent', { a: u32 });

  it.each<[string, Code, string]>([
    ['fieldOffset', mov(r1, fieldOffset(task.comm)), 'r1 = 16'],
    ['fieldSize', mov(r1, fieldSize(task.comm)), 'r1 = 32'],
    ['fieldExists', mov(r1, fieldExists(task.pid)), 'r1 = 1'],
    ['fieldExists of a field that is no more', mov(r1, fieldExists(task.start_time)), 'r1 = 0'],
    ['typeExists', mov(r1, typeExists(Task)), 'r1 = 1'],
    ['typeExists of no type', mov(r1, typeExists(Absent)), 'r1 = 0'],
    ['typeSize', mov(r1, typeSize(Task)), 'r1 = 9000'],
    ['typeSize of no type', mov(r1, typeSize(Absent)), 'r1 = 0'],
    ['typeIdTarget', mov(r1, typeIdTarget(Task)), 'r1 = 6'],
    ['typeMatches', mov(r1, typeMatches(kernelStruct('task_struct', { pid: u32 }))), 'r1 = 1'],
    ['typeMatches of another shape', mov(r1, typeMatches(Task)), 'r1 = 0'],
    ['enumValue', mov(r1, enumValue(Kind, 'second')), 'r1 = 0x5'],
    ['enumValue in 32 bits', mov(w1, enumValue(Kind, 'first')), 'w1 = 4'],
    ['enumValueExists', mov(r1, enumValueExists(Kind, 'second')), 'r1 = 1'],
    ['enumValueExists of none', mov(r1, enumValueExists(Kind, 'gone')), 'r1 = 0'],
  ])('are filled in: %s', (_title, code, expected) => {
    expect(text(code, kernel)).toEqual([expected]);
  });

  it('have the id of a type in our own BTF', () => {
    const program = tpBtf('x', [mov(r0, typeIdLocal(Task)), exit()]);
    expect(linkedText(program, kernel)).toContain('r0 = 1 ');
  });

  it('are poisoned where there is none: both halves of a wide load', () => {
    const code = mov(r1, enumValue(Kind, 'gone'));
    expect(text(code, kernel)).toHaveLength(2);
    expect(poison(code, kernel)).toEqual([[1, 'enum kind has no value gone in this kernel']]);
  });

  it('are of 64 bits, and refused where they do not fit', () => {
    const wide = kernelWith((b) => b.enum64('kind', { first: 2n ** 40n, second: -1n }));
    expect(text(mov(r1, enumValue(Kind, 'first')), wide)).toEqual(['r1 = 0x10000000000']);
    expect(text(mov(r1, enumValue(Kind, 'second')), wide)).toEqual(['r1 = 0xffffffffffffffff']);
    expect(text(mov(w1, enumValue(Kind, 'second')), wide)).toEqual(['w1 = -1']);
    expect(messageOf(() => text(mov(w1, enumValue(Kind, 'first')), wide))).toBe(
      'kind.first is 1099511627776 in this kernel, too large for 32 bits; use a 64-bit register',
    );
  });

  it('choose between two ways', () => {
    const code = either(fieldExists(task.pid), mov(r1, 1), mov(r1, 2));
    expect(text(code, kernel)).toEqual(['r1 = 1']);
    expect(text(code, kernelWith(int))).toEqual(['r1 = 2']);
  });
});

describe('poison', () => {
  const task = Task.at(r6);
  const none = kernelWith((b) => b.struct('task_struct', 8, []));

  it('stands where the instruction stood, so that jumps still reach', () => {
    const skip = label('skip');
    const code = [
      mov(r1, fieldExists(task.pid)),
      jeq(r1, 0, skip),
      load(w1, task.pid),
      skip,
      mov(w0, w1),
    ];
    const listed = text(code, none);
    expect(listed.slice(0, 3)).toEqual([
      'r1 = 0',
      'if r1 == 0x0 goto skip',
      expect.stringMatching(/195896080/),
    ]);
  });

  it('is found in subprograms, by its slot in the whole program', () => {
    const pid = fn('pid', 1, [load(w0, Task.at(r1).pid), exit()]);
    const { poisoned, assembly } = linked(tpBtf('x', [call(pid, r1), exit()]), none);
    expect([...poisoned.keys()]).toEqual([assembly.functions[1]!.start]);
  });

  it('is nothing where no field is missing', () => {
    expect(poison(mov(r1, fieldExists(task.pid)), none)).toEqual([]);
  });
});
