import { describe, expect, it } from 'vitest';
import {
  array,
  bitfield,
  bool,
  bytes,
  chars,
  enumeration,
  hookArguments,
  i32,
  i64,
  kernelStruct,
  type Layout,
  pointer,
  struct,
  text,
  tracepointFields,
  u8,
  u32,
  u64,
  union,
} from '../../src/layout/index.ts';

describe('a struct', () => {
  it('has its fields where C has them, and is padded to its alignment', () => {
    const Event = struct('event', { a: u8, b: u64, c: chars(5), d: u32 });
    expect(Event.members.map(({ name, offset }) => [name, offset])).toEqual([
      ['a', 0],
      ['b', 8],
      ['c', 16],
      ['d', 24],
    ]);
    expect([Event.size, Event.align]).toEqual([32, 8]);
  });

  it('may point to itself, through a getter', () => {
    const Node = struct('node', {
      value: u64,
      get next() {
        return pointer(Node);
      },
    });
    expect(Node.size).toBe(16);
    expect(Node.members[1]!.layout).toMatchObject({ kind: 'pointer', to: Node });
  });

  it('cannot contain itself', () => {
    const Node: Layout = struct('node', {
      get next() {
        return array(Node, 2);
      },
    });
    const message = 'struct node contains itself; it can hold a pointer() to itself';
    expect(() => Node.size).toThrow(new TypeError(message));
    expect(() => Node.size).toThrow(new TypeError(message));
  });

  it('may be empty', () => {
    expect(struct('nothing', {})).toMatchObject({ size: 0, align: 1 });
  });

  it('is frozen, as are scalars, arrays and pointers', () => {
    for (const layout of [struct('s', { a: u8 }), u8, u64, u64.number, array(u8, 2), pointer()]) {
      expect(Object.isFrozen(layout)).toBe(true);
    }
  });

  it('has C identifiers for names, any of them', () => {
    expect(() => struct('bad name', {})).toThrow(TypeError);
    for (const name of ['', 'a-b', '1a', 'a b', 'é', 'a;', '"']) {
      expect(() => struct('s', { [name]: u8 })).toThrow(
        `struct s: field needs a C identifier for a name, got ${JSON.stringify(name)}`,
      );
    }
    const odd = Object.fromEntries(['__proto__', 'kind', 'then'].map((name) => [name, u8]));
    expect(struct('s', odd)).toMatchObject({ size: 3 });
  });

  it('says so when { __proto__: u8 } sets a prototype where a field was meant', () => {
    const fields = { a: u8, __proto__: u8 };
    expect(() => struct('s', fields)).toThrow(
      new TypeError("struct s: a field named __proto__ is written ['__proto__']: u32"),
    );
  });

  it('takes layouts only', () => {
    for (const value of [undefined, null, 4, 'u32', {}]) {
      expect(() => struct('s', { a: value })).toThrow(
        new TypeError('struct s: field a needs a layout, such as u32 or chars(16)'),
      );
    }
    expect(() => array(undefined as never, 2)).toThrow(TypeError);
  });

  it('ends in a text or has none', () => {
    const Line = struct('line', { n: u32, s: text(8) });
    expect(Line).toMatchObject({ size: 4 });
    expect(() => struct('s', { a: text(8), b: u8 })).toThrow(TypeError);
    expect(() => union('u', { a: text(8) })).toThrow(TypeError);
    expect(() => array(text(8), 2)).toThrow(TypeError);
    expect(() => array(Line, 2)).toThrow(TypeError);
    expect(() => struct('s', { a: u8, line: Line })).toThrow(
      new TypeError('struct s: field line ends in a text(), which only the outermost struct can'),
    );
  });

  it("holds no kernel struct, whose size is the kernel's business", () => {
    const Task = kernelStruct('task_struct', { tgid: i32 });
    expect(() => struct('s', { task: Task })).toThrow(
      'struct s: field task cannot hold task_struct, whose size only the kernel knows',
    );
    expect(() => struct('s', { tasks: array(array(Task, 2), 2) })).toThrow(TypeError);
    expect(struct('s', { task: pointer(Task) }).size).toBe(8);
    expect(kernelStruct('list', { first: Task, all: array(Task, 2) }).origin).toBe('kernel');
  });

  it('knows where its offsets come from', () => {
    expect(struct('s', {}).origin).toBe('local');
    expect(kernelStruct('s', {}).origin).toBe('kernel');
    expect(hookArguments({}).origin).toBe('arguments');
    expect(tracepointFields({}).origin).toBe('tracepoint');
  });
});

describe('lengths are whole and positive', () => {
  it.each([chars, bytes, text])('%o', (make) => {
    for (const length of [0, -1, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => make(length)).toThrow(RangeError);
    }
  });

  it('but an array may be empty', () => {
    expect(array(u32, 0)).toMatchObject({ size: 0, align: 4, length: 0 });
    expect(() => array(u32, -1)).toThrow(RangeError);
  });

  it('and a bitfield is as wide as its type at most', () => {
    expect(bitfield(i64, 64).width).toBe(64);
    expect(() => bitfield(u8, 9)).toThrow('a bitfield of u8 is 1 to 8 bits wide, got 9');
    expect(() => bitfield(bool, 2)).toThrow(RangeError);
    expect(() => bitfield(u32, 0)).toThrow(RangeError);
  });
});

describe('an enumeration', () => {
  it('is signed when a value is negative', () => {
    expect(enumeration('e', { A: 0, B: 0xffff_ffff }).signed).toBe(false);
    expect(enumeration('e', { A: -1, B: 0x7fff_ffff }).signed).toBe(true);
  });

  it('fits in 32 bits', () => {
    for (const value of [2 ** 32, -(2 ** 31) - 1, 1.5]) {
      expect(() => enumeration('e', { A: value })).toThrow(RangeError);
    }
    expect(() => enumeration('e', { A: -1, B: 2 ** 31 })).toThrow(
      'enumeration e: no 32-bit integer holds both negative values and 2147483648',
    );
  });
});
