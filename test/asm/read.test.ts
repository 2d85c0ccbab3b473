/**
 * @module
 * Reads along places, run on the kernel. A map's value plays the kernel's structs, whose offsets and sizes differ from
 * the declared ones; the test relocates as a loader would. User memory is a buffer of this process.
 */
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  add,
  assemble,
  type Code,
  type Condition,
  classOf,
  coreRead,
  coreReadString,
  exit,
  type Instruction,
  lea,
  load,
  mov,
  type R,
  type Relocation,
  r0,
  r1,
  r6,
  r7,
  r8,
  r9,
  read,
  readDataLoc,
  readString,
  stack,
  store,
  userRead,
  userReadString,
  w1,
  w6,
} from '../../src/asm/index.ts';
import {
  array,
  bitfield,
  bytes,
  chars,
  dataLoc,
  hookArguments,
  i8,
  i32,
  kernelStruct,
  locationOf,
  pointer,
  struct,
  tracepointFields,
  u8,
  u16,
  u32,
  u64,
} from '../../src/layout/index.ts';
import {
  missing,
  missingBefore,
  readArray,
  run,
  titled,
  withArray,
  withProgram,
  writeArray,
} from './kernel.ts';

const Node = kernelStruct('node', {
  longer: u32,
  shorter: u64,
  short: u32,
  negative: i32,
  name: chars(8),
  text: pointer(),
  flag: bitfield(u32, 3),
  level: bitfield(i32, 5),
  same: u16,
  get next() {
    return pointer(Node);
  },
  label: chars(16),
});

/** Where "this kernel" has the fields: offset, size, and the shifts of its bitfields. */
const FIELDS: Readonly<
  Record<string, { offset: number; size: number; left?: number; right?: number }>
> = {
  longer: { offset: 0, size: 8 },
  shorter: { offset: 8, size: 4, left: 32, right: 32 },
  short: { offset: 12, size: 2, left: 48, right: 48 },
  negative: { offset: 14, size: 1, left: 56, right: 56 },
  name: { offset: 16, size: 4 },
  text: { offset: 24, size: 8 },
  // bits 9 to 11 and 12 to 16 of a 32-bit unit
  flag: { offset: 32, size: 4, left: 64 - 12, right: 61 },
  level: { offset: 32, size: 4, left: 64 - 17, right: 59 },
  same: { offset: 38, size: 2 },
  next: { offset: 40, size: 8 },
  label: { offset: 48, size: 16 },
  'label.0': { offset: 48, size: 1 },
  'label.8': { offset: 56, size: 1 },
  // a tracepoint's record and a hook's arguments
  location: { offset: 4, size: 4 },
  code: { offset: 16, size: 8 },
  pointer: { offset: 40, size: 8 },
};
const factOf = ({ kind, path }: Relocation): number => {
  const { offset, size, left = 0, right = 0 } = FIELDS[path.join('.')]!;
  switch (kind) {
    case 'field_byte_offset':
      return offset;
    case 'field_byte_size':
      return size;
    case 'field_lshift_u64':
      return left;
    case 'field_rshift_u64':
      return right;
    default:
      throw new Error(kind);
  }
};
const relocate = (instruction: Instruction): Instruction => {
  if (!instruction.relocation) return instruction;
  const fact = factOf(instruction.relocation);
  return classOf(instruction.opcode) < 4
    ? { ...instruction, offset: fact }
    : { ...instruction, imm: fact };
};

const memory: AnyMap = { kind: 'map', type: 'array', key: u32, value: bytes(256) };
const OUT = 192;

/** Runs `body` with r9 (and r8) at `before`; the 64 bytes from OUT on are the result. */
const execute = (body: Code, before: Uint8Array, trusted = false): DataView => {
  const choose = (condition: Condition) => {
    if (condition.test === 'core') return factOf(condition.relocation) >= condition.least;
    return condition.test !== 'trusted' || trusted;
  };
  const assembly = assemble([lea(r9, memory), mov(r8, r9), body, mov(r0, 0), exit()], choose);
  const relocated = { ...assembly, instructions: assembly.instructions.map(relocate) };
  return withArray(256, (fd) =>
    withProgram(relocated, { maps: new Map([[memory, fd]]) }, (program) => {
      const value = new Uint8Array(256);
      value.set(before);
      writeArray(fd, value);
      run(program.fd);
      return new DataView(readArray(fd, 256).buffer, OUT);
    }),
  );
};

const Out = struct('out', {
  wide: u64,
  narrow: u32,
  small: u8,
  name: chars(8),
  half: u16,
  long: chars(16),
});
const out = Out.at(r9, OUT);
/** Stores the whole register, so that its upper half shows. */
const keep = (register: R) => store(u64.at(r9, OUT), register);
const wide = (view: DataView) => view.getBigUint64(0, true);

/** A node whose fields hold known values; its `next` leads to a second node, 64 bytes on, when `linked` has run. */
const node = (at = 0): Uint8Array => {
  const view = new DataView(new ArrayBuffer(256));
  for (const base of [0, 64]) {
    view.setBigUint64(base, 0xffff_ffff_8000_0001n + BigInt(base), true);
    view.setUint32(base + 8, 0xfedc_ba98, true);
    view.setUint16(base + 12, 0x8765, true);
    view.setInt8(base + 14, -5);
    new Uint8Array(view.buffer).set(Buffer.from('ab\0d'), base + 16);
    view.setUint32(base + 32, (5 << 9) | ((-3 & 31) << 12) | 0xfff0_01ff, true);
    view.setUint16(base + 38, 0xbeef, true);
    new Uint8Array(view.buffer).set(Buffer.from('sixteen letters!'), base + 48);
  }
  return new Uint8Array(view.buffer, at);
};
const linked: Code = [
  mov(r6, r9),
  add(r6, 64),
  store(u64.at(r9, 40), r6),
  mov(r6, r9),
  add(r6, 16),
  store(u64.at(r9, 24), r6),
  store(u64.at(r9, 64 + 24), r6),
];

const reason = missingBefore('5.8');

describe.skipIf(reason)(titled('coreRead', reason), () => {
  const task = Node.at(r8);

  it('reads fields that this kernel has longer or shorter, zero or sign extended to the declared size', () => {
    const value = (code: Code) => wide(execute([mov(r6, -1), code, keep(r6)], node()));
    expect(value(coreRead(w6, task.longer))).toBe(0x8000_0001n);
    expect(value(coreRead(r6, task.shorter))).toBe(0xfedc_ba98n);
    expect(value(coreRead(w6, task.short))).toBe(0x8765n);
    expect(value(coreRead(w6, task.negative))).toBe(0xffff_fffbn);
    expect(value(coreRead(w6, task.same))).toBe(0xbeefn);
  });

  it('reads bitfields where this kernel has them, and clears the rest of the register', () => {
    const value = (code: Code) => wide(execute([mov(r6, -1), code, keep(r6)], node()));
    expect(value(coreRead(w6, task.flag))).toBe(5n);
    expect(value(coreRead(w6, task.level))).toBe(0xffff_fffdn);
  });

  it('fills memory, of which it changes no other byte', () => {
    const result = execute(
      [
        store(out.wide, -1),
        store(out.narrow, -1),
        store(out.half, -1),
        coreRead(out.wide, task.shorter),
        coreRead(out.narrow, task.negative),
        coreRead(out.half, task.same),
        coreRead(out.name, task.name),
      ],
      node(),
    );
    expect(wide(result)).toBe(0xfedc_ba98n);
    expect(result.getUint32(8, true)).toBe(0xffff_fffb);
    expect(result.getUint8(12)).toBe(0);
    expect(Buffer.from(result.buffer, OUT + 13, 8).toString('latin1')).toBe('ab\0d\0\0\0\0');
    expect(result.getUint16(22, true)).toBe(0xbeef);
  });

  it('follows pointers', () => {
    const value = (code: Code) => wide(execute([linked, mov(r6, -1), code, keep(r6)], node()));
    expect(value(coreRead(w6, task.next.longer))).toBe(0x8000_0041n);
    expect(value(coreRead(w6, task.next.level))).toBe(0xffff_fffdn);
    // a pointer that is null reads as zeros
    expect(value(coreRead(r6, task.next.next.shorter))).toBe(0n);
  });

  it('needs one slot for all pointers on the way', () => {
    const { functions } = assemble(
      [coreRead(w6, task.next.next.next.same), mov(r0, 0), exit()],
      () => true,
    );
    expect(functions[0]!.frame).toBe(8);
  });

  it('reads the context directly, and what it points to by copies', () => {
    const Arguments = hookArguments({ pointer: pointer(Node), code: u64 });
    const context = Arguments.at(r8);
    expect(wide(execute([linked, coreRead(r6, context.pointer.shorter), keep(r6)], node()))).toBe(
      0xfedc_ba98n,
    );
    expect(wide(execute([coreRead(r6, context.code), keep(r6)], node()))).toBe(0x6400_6261n);
  });
});

describe.skipIf(reason)(titled('read', reason), () => {
  it('loads directly where pointers are trusted, and copies elsewhere: the same value', () => {
    for (const trusted of [true, false]) {
      const value = (code: Code) => wide(execute([mov(r6, -1), code, keep(r6)], node(), trusted));
      expect(value(read(w6, Node.at(r8).same))).toBe(0xbeefn);
      expect(value(read(w6, Node.at(r8).longer))).toBe(0x8000_0001n);
      const filled = execute(read(out.narrow, Node.at(r8).longer), node(), trusted);
      expect(filled.getUint32(8, true)).toBe(0x8000_0001);
    }
  });

  it('has no call where pointers are trusted', () => {
    const direct = assemble([read(w6, Node.at(r8).next.same), mov(r0, 0), exit()], () => true);
    expect(direct.instructions.map(({ opcode }) => opcode)).toEqual([0x79, 0x69, 0xb7, 0x95]);
  });

  it('takes small blocks directly as well, in units that are aligned where they go', () => {
    const label = Node.at(r8).label;
    for (const trusted of [true, false]) {
      const read16 = execute([linked, read(out.long, label)], node(), trusted);
      expect(Buffer.from(read16.buffer, OUT + 24, 16).toString('latin1')).toBe('sixteen letters!');
      // In four units it would take more than the call does. And this kernel has 4 of the 8 bytes.
      const read8 = execute([linked, read(out.name, Node.at(r8).name)], node(), trusted);
      expect(Buffer.from(read8.buffer, OUT + 13, 8).toString('latin1')).toBe('ab\0d\0\0\0\0');
    }
    const opcodes = (code: Code) =>
      assemble([code, mov(r0, 0), exit()], () => true).instructions.map(({ opcode }) => opcode);
    expect(opcodes(read(out.long, label))).toEqual([0x79, 0x7b, 0x79, 0x7b, 0xb7, 0x95]);
    expect(opcodes(read(out.long, Node.at(r8).next.label))).toEqual([
      0x79, 0x79, 0x7b, 0x79, 0x7b, 0xb7, 0x95,
    ]);
    expect(opcodes(read(out.name, Node.at(r8).name))).toContain(0x85);
  });
});

describe.skipIf(reason)(titled('strings', reason), () => {
  const textOf = (view: DataView) =>
    Buffer.from(view.buffer, OUT + 24, 16)
      .toString('latin1')
      .replace(/\0.*$/s, '');

  it('are read from char arrays and through pointers, with their length in r0', () => {
    for (const trusted of [true, false]) {
      for (const from of [
        Node.at(r8).name,
        Node.at(r8).text,
        Node.at(r8).next.text,
        Node.at(r8).next.name,
      ] as const) {
        const code = trusted ? readString(out.long, from) : coreReadString(out.long, from);
        const result = execute([linked, code, keep(r0)], node());
        expect([textOf(result), wide(result)]).toEqual(['ab', 3n]);
      }
    }
  });

  it('are read into memory that a register addresses, and cut', () => {
    const result = execute(
      [linked, lea(r7, out.long), mov(r6, r9), add(r6, 16), coreReadString(r7, r6, 2), keep(r0)],
      node(),
    );
    expect([textOf(result), wide(result)]).toEqual(['a', 2n]);
  });

  it('are found by __data_loc', () => {
    const Record = tracepointFields({ location: dataLoc });
    for (const base of [r8, r1] as const) {
      const before = node();
      new DataView(before.buffer).setUint32(4, (3 << 16) | 16, true);
      const code = [mov(r1, r8), readDataLoc(out.long, Record.at(base).location), keep(r0)];
      const result = execute(code, before);
      expect([textOf(result), wide(result)]).toEqual(['ab', 3n]);
    }
  });
});

describe.skipIf(missing ?? reason)(titled('userRead', missing ?? reason), () => {
  const Inner = struct('inner', {
    low: bitfield(u32, 9),
    flag: bitfield(u32, 3),
    level: bitfield(i32, 5),
    tail: array(u8, 2),
  });
  const User = struct('user', { value: u32, text: pointer(), inner: pointer(Inner), signed: i8 });
  const strings = Buffer.allocUnsafeSlow(64).fill(0);
  strings.write('path/to/it');
  strings.writeUInt32LE(((5 << 9) | ((-3 & 31) << 12)) >>> 0, 32);
  strings.writeUInt8(0x77, 37 - 1);
  const user = Buffer.allocUnsafeSlow(32).fill(0);
  user.writeUInt32LE(0xdead_beef);
  user.writeBigUInt64LE(koffi.address(strings), 8);
  user.writeBigUInt64LE(koffi.address(strings) + 32n, 16);
  user.writeInt8(-1, 24);
  const place = User.at(r7);
  // A function, so that the tests keep the buffer alive whose address they take.
  const start = () => mov(r7, koffi.address(user));

  it('reads values, through pointers, and bitfields, by the declared layout', () => {
    const value = (code: Code) => wide(execute([start(), mov(r6, -1), code, keep(r6)], node()));
    expect(value(userRead(w6, place.value))).toBe(0xdead_beefn);
    expect(value(userRead(r6, place.text))).toBe(koffi.address(strings));
    expect(value(userRead(w6, place.inner.flag))).toBe(5n);
    expect(value(userRead(w6, place.inner.level))).toBe(0xffff_fffdn);
    expect(value(userRead(w6, place.signed))).toBe(0xffn);
  });

  it('fills memory', () => {
    const result = execute(
      [start(), userRead(out.narrow, place.inner.level), userRead(out.wide, place.text)],
      node(),
    );
    expect(result.getUint32(8, true)).toBe(0xffff_fffd);
    expect(wide(result)).toBe(koffi.address(strings));
  });

  it('reads strings', () => {
    const result = execute([start(), userReadString(out.long, place.text), keep(r0)], node());
    expect(Buffer.from(result.buffer, OUT + 24, 11).toString('latin1')).toBe('path/to/it\0');
    expect(wide(result)).toBe(11n);
  });
});

describe.skipIf(reason)(titled('bitfields of plain memory', reason), () => {
  it('are loaded by their shifts', () => {
    const Bits = struct('bits', {
      a: bitfield(u32, 3),
      b: bitfield(i32, 7),
      c: array(struct('pair', { d: bitfield(u8, 2), e: bitfield(i8, 6) }), 2),
    });
    const slot = stack(Bits);
    const word =
      0b101 |
      ((-9 & 127) << 3) |
      (0b01 << 16) |
      ((-11 & 63) << 18) |
      (0b10 << 24) |
      ((7 & 63) << 26);
    const value = (code: Code) =>
      wide(
        execute(
          [
            mov(r6, -1),
            mov(w1, word >>> 0),
            store(u32.at(locationOf(slot).base), w1),
            code,
            keep(r6),
          ],
          node(),
        ),
      );
    expect(value(load(w6, slot.a))).toBe(5n);
    expect(value(load(w6, slot.b))).toBe(BigInt(-9 >>> 0));
    expect(value(load(w6, slot.c[0].d))).toBe(1n);
    expect(value(load(w6, slot.c[0].e))).toBe(BigInt(-11 >>> 0));
    expect(value(load(w6, slot.c[1].d))).toBe(2n);
    expect(value(load(w6, slot.c[1].e))).toBe(7n);
  });
});
