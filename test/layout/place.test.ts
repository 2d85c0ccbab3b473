import { describe, expect, it } from 'vitest';
import {
  type Access,
  array,
  type Base,
  bitfield,
  describePlace,
  i32,
  isPlace,
  kernelStruct,
  locationOf,
  type Mem,
  pointer,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../src/layout/index.ts';

const r7: Base = { kind: 'register', width: 64 };
const r8: Base = { kind: 'register', width: 64 };

/** Base, access, and for each step its path and offset. */
const where = (place: Mem<unknown, Access>) => {
  const { access, steps } = locationOf(place);
  return [access, ...steps.map(({ path, offset }) => `${path.join('.')}+${offset}`)];
};

const Task = kernelStruct('task_struct', {
  tgid: i32,
  start_time: u64,
  get real_parent() {
    return pointer(Task);
  },
  mm: pointer(kernelStruct('mm_struct', { counters: array(u64, 4) })),
});

describe('plain places', () => {
  const Inner = struct('inner', { a: u8, b: u32 });
  const Event = struct('event', { ts: u64, in: Inner, grid: array(array(u16, 3), 2), u: Inner });
  const event = Event.at(r7, 16);

  it('are their offset from the base', () => {
    expect(where(event)).toEqual(['plain', '+16']);
    expect(where(event.ts)).toEqual(['plain', 'ts+16']);
    expect(where(event.in)).toEqual(['plain', 'in+24']);
    expect(where(event.in.b)).toEqual(['plain', 'in.b+28']);
    expect(where(event.grid)).toEqual(['plain', 'grid+32']);
    expect(where(event.grid[1]![2]!)).toEqual(['plain', 'grid.1.2+42']);
    expect(where(event.grid.at(1).at(2))).toEqual(['plain', 'grid.1.2+42']);
    expect(where(u32.at(r7, -4))).toEqual(['plain', '+-4']);
    expect(locationOf(event.in.b)).toMatchObject({ base: r7, layout: u32 });
    expect(locationOf(Event.at(r8).ts).base).toBe(r8);
  });

  it('are one with the fields of a union, and in the unit of a bitfield', () => {
    const U = union('u', { a: u8, b: u64 });
    expect(where(U.at(r7).b)).toEqual(['plain', 'b+0']);
    const Bits = struct('bits', { a: u32, b: bitfield(u8, 3), c: bitfield(u8, 6) });
    expect(where(Bits.at(r7).c)).toEqual(['plain', 'c+5']);
  });

  it('have a name for messages', () => {
    expect(describePlace(event.in.b)).toBe('event.in.b');
    expect(describePlace(event.grid.at(1).at(2))).toBe('event.grid.1.2');
    expect(describePlace(event)).toBe('event');
    expect(describePlace(u32.at(r7))).toBe('u32');
  });

  it('start at a whole number of bytes', () => {
    expect(() => Event.at(r7, 1.5)).toThrow(RangeError);
    expect(() => u32.at(r7, Number.NaN)).toThrow(RangeError);
  });

  it('are outside the array beyond its elements', () => {
    for (const index of [-1, 2, 0.5, Number.NaN]) {
      expect(() => event.grid.at(index)).toThrow(
        new RangeError(`element ${index} is outside the array of 2`),
      );
    }
  });
});

describe("places in the kernel's structs", () => {
  const task = Task.at(r8);

  it('are looked up, and each pointer on the way is a hop', () => {
    expect(where(task.tgid)).toEqual(['core', 'tgid+0']);
    expect(where(task.real_parent)).toEqual(['core', 'real_parent+16']);
    expect(where(task.real_parent.tgid)).toEqual(['chain', 'real_parent+16', 'tgid+0']);
    expect(where(task.real_parent.real_parent.start_time)).toEqual([
      'chain',
      'real_parent+16',
      'real_parent+16',
      'start_time+8',
    ]);
    expect(where(task.mm.counters.at(3))).toEqual(['chain', 'mm+24', 'counters.3+24']);
    expect(describePlace(task.real_parent.tgid)).toBe('task_struct.real_parent->tgid');
  });

  it('know the struct that each step starts from', () => {
    const { steps } = locationOf(task.mm.counters[2]);
    expect(steps.map(({ root }) => root?.name)).toEqual(['task_struct', 'mm_struct']);
  });

  it('start at the start', () => {
    expect(() => Task.at(r8, 8)).toThrow(RangeError);
  });
});

describe('every C field name works', () => {
  const names = ['kind', 'size', 'at', 'then', 'constructor', '__proto__', 'toString', 'length'];
  const Odd = struct('odd', Object.fromEntries(names.map((name) => [name, u8])));

  it.each(names)('%s', (name) => {
    const place = Odd.at(r7)[name]!;
    expect(isPlace(place)).toBe(true);
    expect(where(place)).toEqual(['plain', `${name}+${names.indexOf(name)}`]);
  });

  it('behind a pointer too', () => {
    const Holder = kernelStruct('holder', { odd: pointer(Odd) });
    for (const name of names) {
      const hop = (Holder.at(r7).odd as unknown as Record<string, Mem<unknown, Access>>)[name]!;
      expect(where(hop)).toEqual(['chain', 'odd+0', `${name}+${names.indexOf(name)}`]);
    }
  });

  it('and a place has nothing else: a bare scalar is no thenable and has no methods', async () => {
    const place = u32.at(r7);
    for (const name of names) expect(name in place).toBe(false);
    expect(await place).toBe(place);
    const Small = struct('small', { a: u8 });
    expect([...names].filter((name) => name in Small.at(r7))).toEqual([]);
  });
});

it('a place is told from anything else', () => {
  expect(isPlace(u32.at(r7))).toBe(true);
  for (const value of [null, undefined, 1, 'x', {}, u32, r7]) expect(isPlace(value)).toBe(false);
});
