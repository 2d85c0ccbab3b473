import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import {
  array,
  bitfield,
  bool,
  bytes,
  chars,
  enumeration,
  type Fields,
  type Input,
  i8,
  i16,
  i32,
  i64,
  type Struct,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../src/layout/index.ts';
import { globals } from '../../src/object/index.ts';
import {
  FileDescriptor,
  mapLookup,
  mapUpdate,
  progLoad,
  progTestRun,
} from '../../src/syscall/index.ts';
import { insn, kernel, noBpf, thrownBy } from '../syscall/support.ts';
import { hammer } from './map-support.ts';

interface Options<F extends Fields> {
  readonly initial?: Input<Struct<F>>;
  readonly readonly?: boolean;
}
const Point = struct('point', { x: i32, y: i32 });
const Mode = enumeration('mode', { off: 0, on: 1, auto: 2 });
const All = struct('all', {
  a: u8,
  b: i8,
  c: u16,
  d: i16,
  e: u32,
  f: u64,
  g: u64.number,
  h: i64,
  i: bool,
  mode: Mode,
  low: bitfield(u32, 3),
  middle: bitfield(i32, 5),
  high: bitfield(u32, 24),
  wide: bitfield(u64, 40),
  name: chars(11),
  raw: bytes(3),
  point: Point,
  slots: array(u64.number, 5),
  last: u8,
});
const values = {
  a: 255,
  b: -128,
  c: 65535,
  d: -32768,
  e: 0xffff_ffff,
  f: 2n ** 64n - 1n,
  g: Number.MAX_SAFE_INTEGER,
  h: -(2n ** 63n),
  i: true,
  mode: 'auto' as const,
  low: 5,
  middle: -16,
  high: 0xabcdef,
  wide: 2n ** 40n - 1n,
  name: 'hello world',
  raw: Uint8Array.of(1, 2, 3),
  point: { x: -1, y: 7 },
  slots: [1, 2, 3, 4, 5],
  last: 77,
};
type Values = typeof values;
const names = Object.keys(values) as (keyof Values)[];

const WAYS = [
  { title: 'through shared memory', without: new Set<string>(), mapped: true },
  { title: 'by system calls', without: new Set(['mmap']), mapped: false },
];

describe.skipIf(noBpf)(kernel('global variables'), () => {
  describe.each(WAYS)('$title', ({ without, mapped }) => {
    const create = <F extends Fields>(layout: Struct<F>, options: Options<F> = {}) =>
      createMap('vars', globals(layout, options), { without });

    it('are read and written one by one, whatever their layout', () => {
      using vars = create(All);
      expect(vars.mapped).toBe(mapped);
      expect(vars.get('name')).toBe('');
      for (const name of names) {
        vars.set(name, values[name] as never);
        expect(vars.get(name)).toEqual(values[name]);
      }
      expect(vars.values()).toEqual(values);
      // And back to zeros in another order, with nothing beside them changed.
      for (const [index, name] of [...names].reverse().entries()) {
        const zero = create(All);
        vars.set(name, zero.get(name) as never);
        zero.close();
        const rest = names.slice(0, names.length - 1 - index);
        for (const other of rest) expect(vars.get(other)).toEqual(values[other]);
      }
    });

    it('start with their initial values', () => {
      using vars = create(All, { initial: values });
      expect(vars.values()).toEqual(values);
      expect(vars.spec.section).toBe('data');
    });

    it('are those of the program', () => {
      const Pair = struct('pair', { calls: u64.number, limit: u32 });
      using vars = create(Pair);
      vars.set('limit', 30);
      // calls += limit, atomically; returns limit
      const insns = Uint8Array.from([
        ...insn(0x18, 1, 2, 0, vars.fd),
        ...insn(0),
        ...insn(0x61, 0, 1, 8), // w0 = *(u32 *)(r1 + 8)
        ...insn(0xdb, 1, 0, 0, 0), // lock *(u64 *)(r1 + 0) += r0
        ...insn(0x95),
      ]);
      using program = new FileDescriptor(
        progLoad({ type: 1, insns, license: 'GPL' }).fd,
        'program',
      );
      const run = () => progTestRun(program.fd, { dataIn: new Uint8Array(64) }).returnValue;
      expect([run(), run()]).toEqual([30, 30]);
      expect(vars.get('calls')).toBe(60);
      vars.set('limit', 2 ** 31);
      for (let i = 0; i < 4; i++) run();
      expect(vars.values()).toEqual({ calls: 60 + 4 * 2 ** 31, limit: 2 ** 31 });
    });

    it('can be read-only', () => {
      using vars = create(Point, { initial: { x: 1, y: -2 }, readonly: true });
      expect(vars.values()).toEqual({ x: 1, y: -2 });
      expect(vars.get('y')).toBe(-2);
      expect(() => vars.set('x', 5)).toThrow(
        new TypeError('map vars is read-only: its values are given when it is created'),
      );
      // Frozen for everyone.
      expect(
        thrownBy(() => mapUpdate(vars.fd, new Uint8Array(4), new Uint8Array(8))),
      ).toMatchObject({ code: 'EPERM' });
    });

    it('say what does not fit', () => {
      using vars = create(All);
      expect(() => vars.set('e', -1)).toThrow(
        new RangeError('map vars, e: u32: expected a u32 (0 to 4294967295), got -1'),
      );
      expect(() => vars.set('point', { x: 1, y: 'z' as never })).toThrow(
        /^map vars, point: point.y: expected an i32/,
      );
      expect(() => vars.get('nothing' as never)).toThrow(
        /^map vars has no variable "nothing": a, b/,
      );
      expect(() => vars.set('__proto__' as never, 1 as never)).toThrow(TypeError);
    });

    it('are out of reach when it is closed, and the process lives on', () => {
      const vars = create(All, { initial: values });
      vars.close();
      vars.close();
      vars[Symbol.dispose]();
      const closed = new Error('map vars is closed');
      expect(() => vars.get('g')).toThrow(closed);
      expect(() => vars.set('g', 1)).toThrow(closed);
      expect(() => vars.set('low', 1)).toThrow(closed);
      expect(() => vars.values()).toThrow(closed);
      expect(() => vars.fd).toThrow(closed);
    });
  });

  it('are seen in the map at once', () => {
    using vars = createMap('vars', globals(struct('one', { a: u32, b: u32 })));
    vars.set('b', 0x01020304);
    const value = new Uint8Array(8);
    mapLookup(vars.fd, new Uint8Array(4), value);
    expect([...value]).toEqual([0, 0, 0, 0, 4, 3, 2, 1]);
    mapUpdate(vars.fd, new Uint8Array(4), Uint8Array.of(9, 0, 0, 0, 8, 0, 0, 0));
    expect(vars.values()).toEqual({ a: 9, b: 8 });
  });

  it('may be larger than a page', () => {
    const Large = struct('large', { first: u64, rest: array(u64.number, 5000), end: u8 });
    using vars = createMap('vars', globals(Large));
    vars.set('end', 200);
    vars.set(
      'rest',
      Array.from({ length: 5000 }, (_, i) => i * i),
    );
    expect(vars.get('rest')[4999]).toBe(4999 * 4999);
    expect(vars.get('end')).toBe(200);
    expect(vars.get('first')).toBe(0n);
  });

  it('are read whole while a program on another CPU writes', async () => {
    const Flip = struct('flip', { odd: u32, count: u64.number, wide: u64, list: array(u64, 2) });
    const mask = 0x000f_ffff_ffff_ffffn;
    using vars = createMap('vars', globals(Flip));
    // Each of the four words is flipped between 0 and the mask.
    const insns = Uint8Array.from([
      ...[...insn(0x18, 1, 2, 0, vars.fd), ...insn(0)],
      ...[...insn(0x18, 2, 0, 0, 0xffff_ffff), ...insn(0, 0, 0, 0, 0x000f_ffff)],
      ...[8, 16, 24, 32].flatMap((at) => [
        ...insn(0x79, 0, 1, at), // r0 = *(u64 *)(r1 + at)
        ...insn(0xaf, 0, 2), // r0 ^= r2
        ...insn(0x7b, 1, 0, at), // *(u64 *)(r1 + at) = r0
      ]),
      ...insn(0xb7),
      ...insn(0x95),
    ]);
    using program = new FileDescriptor(progLoad({ type: 1, insns, license: 'GPL' }).fd, 'program');
    const end = await hammer(
      program.fd,
      'words[0] = fd; words[2] = 64; pointer(4, 256); words[8] = 100000;',
      'bpf(10, 80);', // BPF_PROG_TEST_RUN
    );
    const seen = { count: new Set<number>(), wide: new Set<bigint>(), list: new Set<bigint>() };
    for (const until = Date.now() + 300; Date.now() < until; ) {
      for (let i = 0; i < 1000; i++) {
        seen.count.add(vars.get('count'));
        seen.wide.add(vars.get('wide'));
        for (const value of vars.get('list')) seen.list.add(value);
        seen.count.add(vars.values().count);
      }
    }
    expect(await end()).toBeGreaterThan(0);
    expect([...seen.count].sort()).toEqual([0, Number(mask)]);
    expect([...seen.wide].sort()).toEqual([0n, mask]);
    expect([...seen.list].sort()).toEqual([0n, mask]);
  });
});
