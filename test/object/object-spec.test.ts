import { describe, expect, it } from 'vitest';
import {
  call,
  eventBuffer,
  exit,
  fn,
  hash,
  helper,
  kernelStruct,
  label,
  lea,
  load,
  mov,
  object,
  optional,
  output,
  r0,
  r1,
  r6,
  reserve,
  ringbuf,
  socketFilter,
  stack,
  store,
  struct,
  tpBtf,
  u32,
  u64,
  update,
  w1,
} from '../../src/index.ts';
import { link, lossOf, TypeInfo } from '../../src/object/index.ts';
import { messageOf, withoutLine, world } from './support.ts';

const done = [mov(r0, 0), exit()];
const refusal = (run: () => unknown) => withoutLine(messageOf(run));
const Event = struct('event', { pid: u32 });

/** Sets key 0 of a map. */
const set = (map: Parameters<typeof update>[0]) => {
  const key = stack(u32);
  const value = stack(u64);
  return [store(key, 0), store(value, 0), update(map, key, value)];
};

describe('an object', () => {
  it('is frozen data', () => {
    const spec = object({ license: 'GPL', programs: { filter: socketFilter(done) } });
    expect(spec).toMatchObject({ kind: 'object', license: 'GPL', maps: {}, hidden: {} });
    expect(Object.isFrozen(spec)).toBe(true);
  });

  it('brings along the counters of its maps, where a program counts', () => {
    const events = ringbuf(Event);
    const starts = hash(u32, u64);
    const quiet = hash(u32, u64);
    const full = label('full');
    const spec = object({
      license: 'GPL',
      maps: { events, starts, quiet },
      programs: {
        send: socketFilter([
          set(starts),
          reserve(r6, events, full),
          call(helper.ringbuf_submit, r6, 0),
          full,
          done,
        ]),
      },
    });
    expect(spec.hidden).toEqual({
      'starts.lost': lossOf(starts),
      'events.lost': lossOf(events),
    });
    expect(lossOf(quiet)).toBeUndefined();
  });

  it('brings along no counter that only another object uses', () => {
    const starts = hash(u32, u64);
    const counting = object({
      license: 'GPL',
      maps: { starts },
      programs: { set: socketFilter([set(starts), done]) },
    });
    const reading = object({
      license: 'GPL',
      maps: { starts },
      programs: { get: socketFilter([lea(r1, starts), done]) },
    });
    expect(Object.keys(counting.hidden)).toEqual(['starts.lost']);
    expect(reading.hidden).toEqual({});
  });

  it('finds maps in subprograms, in optional programs, and in both buffers of an event buffer', () => {
    const events = eventBuffer(Event);
    const event = stack(Event);
    const send = fn('send', 1, [
      mov(r6, r1),
      store(event.pid, 0),
      output(r6, events, event, 4),
      done,
    ]);
    const spec = object({
      license: 'GPL',
      maps: { events },
      programs: { each: optional(socketFilter([call(send, r1), exit()])) },
    });
    expect(Object.keys(spec.hidden)).toEqual(['events.lost']);
  });
});

describe('an object is refused, when', () => {
  const filter = socketFilter(done);

  it.each(['a-b', '', '1st', 'a b', 'ü', 'a'.repeat(128)])('a name is %j', (name) => {
    const message = `object: maps and programs have C identifiers of at most 127 characters for names, got ${JSON.stringify(name)} (object-spec.test.ts)`;
    expect(refusal(() => object({ license: 'GPL', programs: { [name]: filter } }))).toBe(message);
    expect(
      refusal(() =>
        object({ license: 'GPL', maps: { [name]: hash(u32, u64) }, programs: { filter } }),
      ),
    ).toBe(message);
  });

  it('a map has two names', () => {
    const map = hash(u32, u64);
    expect(
      refusal(() => object({ license: 'GPL', maps: { a: map, b: map }, programs: { filter } })),
    ).toBe('object: b is a map that has another name already (object-spec.test.ts)');
  });

  it('a program uses a map that is not among its own: the line is that of the use', () => {
    const map = hash(u32, u64);
    const using = socketFilter([lea(r1, map), done]);
    const [line] = /:\d+\)$/.exec(
      messageOf(() => object({ license: 'GPL', programs: { using } })),
    )!;
    expect(refusal(() => object({ license: 'GPL', programs: { using } }))).toBe(
      'object: using uses a hash that is not among its maps; name it there (object-spec.test.ts)',
    );
    const source = (using.body as readonly { site?: { stack?: string } }[])[0]!.site!.stack!;
    expect(source).toContain(`object-spec.test.ts${line.slice(0, -1)}:`);
  });

  it('its licence does not allow a helper', () => {
    const printing = tpBtf('sched_switch', [call(helper.get_current_task), exit()]);
    expect(refusal(() => object({ license: 'MIT', programs: { printing } }))).toBe(
      "printing: get_current_task is for programs under the GPL, and the licence is \"MIT\"; use 'GPL' or 'Dual MIT/GPL' (object-spec.test.ts)",
    );
  });
});

describe('linking an object', () => {
  const events = eventBuffer(Event);
  const ring = ringbuf(Event);
  const table = hash(u32, u64);
  const withoutRings = world({ hasMap: (type) => type !== 'ringbuf' });
  const program = socketFilter([lea(r1, table), done]);

  it('takes the other buffer where the kernel has no ring buffers', () => {
    const spec = object({ license: 'GPL', maps: { events, table }, programs: { program } });
    expect(link(spec, world()).maps.events!.type).toBe('ringbuf');
    expect(link(spec, withoutRings).maps.events!.type).toBe('perf_event_array');
  });

  it('leaves out a map that the kernel does not know and no program needs', () => {
    const spec = object({ license: 'GPL', maps: { ring, table }, programs: { program } });
    const { maps, missing } = link(spec, withoutRings);
    expect([Object.keys(maps), missing]).toEqual([['table'], ['ring']]);
  });

  it('says which program needs a map that the kernel does not know', () => {
    const needing = socketFilter([lea(r1, ring), done]);
    const spec = object({ license: 'GPL', maps: { ring }, programs: { needing } });
    expect(messageOf(() => link(spec, withoutRings))).toBe(
      'needing needs the map ring: a ringbuf, which this kernel does not have (Linux 5.8)',
    );
  });

  it('says what is left out', () => {
    const spec = object({
      license: 'GPL',
      maps: { table },
      programs: { program, more: optional(tpBtf('none', done)) },
    });
    const { programs, missing } = link(spec, world({ hasHook: ({ type }) => type === 'socket' }));
    expect([programs.map(({ name }) => name), missing]).toEqual([['program'], ['more']]);
  });

  it('links the programs that are asked for, and knows no others', () => {
    const programs = { program, other: tpBtf('x', done) };
    const spec = object({ license: 'GPL', maps: { table }, programs });
    const linked = link(spec, world(), { programs: ['other'] });
    expect(linked.programs.map(({ name }) => name)).toEqual(['other']);
    expect(() => link(spec, world(), { programs: ['othre'] })).toThrow(
      new TypeError('there is no program "othre" to link: program, other'),
    );
  });

  it('says what kernel types are needed for', () => {
    const Task = kernelStruct('task_struct', { pid: u32 });
    const spec = object({
      license: 'GPL',
      programs: { program: tpBtf('x', [load(w1, Task.at(r1).pid), done]) },
    });
    expect(messageOf(() => link(spec, world()))).toBe(
      'this kernel has no type information, which the fields of task_struct are looked up in: it needs /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF, and sysfs on /sys)',
    );
  });

  it('gives every function an id in its BTF', () => {
    const one = fn('one', 0, [mov(r0, 1), exit()]);
    const spec = object({
      license: 'GPL',
      programs: { a: socketFilter([call(one), exit()]), b: socketFilter(done) },
    });
    const { programs, types } = link(spec, world());
    const btf = types.builder.build();
    expect(types).toBeInstanceOf(TypeInfo);
    expect(programs.map(({ functionIds }) => functionIds.map((id) => btf.name(id)))).toEqual([
      ['a', 'one'],
      ['b'],
    ]);
  });
});
