import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { readObject } from '../../src/elf/index.ts';
import {
  type AnyMapSpec,
  arrayMap,
  arrayOfMaps,
  bitfield,
  bytes,
  call,
  chars,
  exit,
  fetchAdd,
  globals,
  hash,
  helper,
  jne,
  label,
  lea,
  load,
  mov,
  object,
  progArray,
  r1,
  r2,
  ringbuf,
  stackTrace,
  struct,
  tc,
  u8,
  u32,
  u64,
  w0,
} from '../../src/index.ts';
import { createMap, Globals, type LoadOptions, loadObject } from '../../src/kernel/index.ts';
import { type MapInfo, mapInfo, mapLookup } from '../../src/syscall/index.ts';
import { Judge, type Judged, objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, holdings, thrown } from './object-support.ts';

const PACKET = new Uint8Array(64);
const file = (name: string) => readObject(readFileSync(objectFile(name)));
const at = (index: number) => new Uint8Array(Uint32Array.of(index).buffer);
const valueAt = (fd: number, index: number, size: number): Uint8Array | undefined => {
  const value = new Uint8Array(size);
  return mapLookup(fd, at(index), value) ? value : undefined;
};

/** Under the names that libbpf has for its own: `globals.bss`, which is `.bss` here. */
const live = (maps: object, { name, internal }: { name: string; internal: boolean }) =>
  new Map(Object.entries(maps)).get(internal ? name.replace(/^[^.]*/, '') : name)!;

const noJudge =
  noBpf ?? (spawnSync('cc', ['--version']).status === 0 ? undefined : 'no C compiler');

describe.skipIf(noJudge)(kernel('the maps of an object file, as libbpf makes them'), () => {
  const OBJECTS = ['maps', 'maps-nested', 'maps-sockets', 'maps-storage', 'globals', 'kconfig'];
  const judged = new Map<string, Judged>();
  let judge: Judge;
  beforeAll(() => {
    judge = new Judge();
    for (const name of OBJECTS) judged.set(name, judge.judge(objectFile(name)));
  });
  afterAll(() => judge.close());

  const known = ({
    type,
    keySize,
    valueSize,
    maxEntries,
    btfKeyTypeId,
    btfValueTypeId,
  }: MapInfo) => ({
    ...{ type, keySize, valueSize, maxEntries },
    ...{ keyTypeId: btfKeyTypeId, valueTypeId: btfValueTypeId },
  });

  it.each(OBJECTS)('of %s have the same types, sizes and flags', (name) => {
    using tool = loadObject(file(name), { programs: [] });
    const theirs = judged.get(name)!.maps.filter((map) => map.name !== '.rodata.str1.1');
    expect(theirs.length).toBeGreaterThan(1);
    for (const map of theirs) {
      const info = mapInfo(live(tool.maps, map).fd);
      const { kind, name: kernelName, flags, ...rest } = { kind: '', ...map.kernel! };
      expect([map.name, known(info)]).toEqual([map.name, rest]);
      expect([map.name, info.flags]).toEqual([map.name, flags]);
      if (!map.internal) expect(info.name).toBe(kernelName);
    }
  });

  it('of globals have the same contents', () => {
    using tool = loadObject(file('globals'), { programs: [] });
    let compared = 0;
    for (const map of judged.get('globals')!.maps) {
      if (map.contents === undefined) continue;
      const { fd } = live(tool.maps, map);
      const bytes = valueAt(fd, 0, mapInfo(fd).valueSize)!;
      expect([map.name, Buffer.from(bytes).toString('hex')]).toEqual([map.name, map.contents]);
      compared++;
    }
    expect(compared).toBeGreaterThan(1);
  });

  it('hold the same maps and programs from the start', () => {
    using tool = loadObject(file('maps-nested'));
    const maps = judged.get('maps-nested')!.maps.filter(({ filled }) => filled);
    for (const map of maps) {
      const { fd } = live(tool.maps, map);
      const indices = Array.from({ length: mapInfo(fd).maxEntries }, (_, index) => index);
      const filled = indices.filter((index) => valueAt(fd, index, 4));
      expect([map.name, filled]).toEqual([map.name, map.filled]);
    }
    expect(maps.map(({ name }) => name).sort()).toEqual(
      expect.arrayContaining(['array_of_maps', 'steps']),
    );
  });
});

describe.skipIf(noBpf)(kernel('what maps hold from the start'), () => {
  const table = arrayMap(u64, { maxEntries: 2 });
  const { inner_a, inner_b, tables } = {
    inner_a: table,
    inner_b: { ...table },
    tables: {
      ...arrayOfMaps(table, { maxEntries: 3 }),
      initial: [undefined, table, undefined],
    } as AnyMapSpec,
  };

  it('is the maps of the same object, by index', () => {
    const spec = object({
      license: 'GPL',
      maps: { tables, inner_a, inner_b },
      programs: { program: tc(done) },
    });
    using tool = loadObject(spec);
    const { fd } = tool.maps.tables;
    const id = (index: number) =>
      new Uint32Array(valueAt(fd, index, 4)?.buffer ?? new ArrayBuffer(0))[0];
    expect([id(0), id(1), id(2)]).toEqual([undefined, tool.maps.inner_a.info().id, undefined]);
  });

  it('is refused when it is a map of another object', () => {
    const spec = object({ license: 'GPL', maps: { tables }, programs: { program: tc(done) } });
    const before = holdings();
    expect(thrown(() => loadObject(spec)).message).toBe(
      'map tables: what it holds at 1 is no map of the same object',
    );
    expect(holdings()).toEqual(before);
  });

  it('is programs by name, which tail calls find; those that are not loaded leave their slot empty', () => {
    const next = { ...progArray({ maxEntries: 4 }), initial: [undefined, 'seven', 'eight'] };
    const spec = object({
      license: 'GPL',
      maps: { next },
      programs: {
        start: tc([lea(r2, next), call(helper.tail_call, r1, r2, 1), mov(w0, 1), exit()]),
        seven: tc([mov(w0, 7), exit()]),
        eight: tc([mov(w0, 8), exit()]),
      },
    });
    using all = loadObject(spec);
    expect(all.programs.start.testRun({ dataIn: PACKET }).returnValue).toBe(7);
    expect([0, 1, 2, 3].map((index) => all.maps.next.get(index) !== undefined)).toEqual([
      false,
      true,
      true,
      false,
    ]);
    using alone = loadObject(spec, { programs: ['start', 'eight'] });
    expect(alone.programs.start.testRun({ dataIn: PACKET }).returnValue).toBe(1);
    expect(alone.maps.next.get(2)).toBe(alone.programs.eight.info().id);
    const wrong = { ...spec, maps: { next: { ...next, initial: ['nine'] } } };
    expect(thrown(() => loadObject(wrong, { programs: [] })).message).toBe(
      'map next: what it holds at 0 is "nine", which is no program of the object',
    );
  });

  it('is bytes, of the size of the value', () => {
    const two = {
      ...arrayMap(u32, { maxEntries: 2 }),
      initial: [undefined, Uint8Array.of(1, 2, 3, 4)],
    };
    using map = createMap('two', two);
    expect([map.get(0), map.get(1)]).toEqual([0, 0x04030201]);
    expect(() => createMap('two', { ...two, initial: [Uint8Array.of(1)] })).toThrow(
      'map two, initial value 0: expected 4 bytes, got 1',
    );
  });

  it('has room for ring buffers of any size, up to the next power of two of pages', () => {
    using ring = createMap('rings', {
      ...arrayOfMaps({ ...ringbuf(u64), maxEntries: 5000 } as AnyMapSpec, { maxEntries: 1 }),
    });
    expect(ring.info().maxEntries).toBe(1);
    using tool = loadObject(file('maps'), { programs: [] });
    expect(mapInfo(live(tool.maps, { name: 'ring', internal: false }).fd).maxEntries).toBe(8192);
  });
});

describe.skipIf(noBpf)(kernel('maps of a file whose types the kernel refuses'), () => {
  /** With a struct of a name that is none. */
  const refused = (name: string) => {
    const spec = file(name);
    const types = [...spec.types!.all()];
    const wrong = {
      kind: 'struct',
      id: types.length + 1,
      name: 'a b',
      size: 0,
      members: [],
    } as const;
    return { ...spec, types: BtfBuilder.of([...types, wrong]).build() };
  };

  it('are created without them, unless they are nothing without', () => {
    using tool = loadObject(refused('maps'), { programs: [] });
    expect(mapInfo(live(tool.maps, { name: 'by_key', internal: false }).fd).btfId).toBe(0);
    const before = holdings();
    for (const [name, message] of [
      [
        'locks',
        'map values holds a bpf_spin_lock, which takes type information: cannot load the BTF: EINVAL',
      ],
      [
        'maps-storage',
        /^map (tasks|sockets|inodes|cgroups) is of type \w+_storage, which takes type information: /,
      ],
    ] as const) {
      const error = thrown(() => loadObject(refused(name), { programs: [] }));
      expect([error.name, error.message]).toEqual([
        'RequirementError',
        expect.stringMatching(message),
      ]);
    }
    expect(holdings()).toEqual(before);
  });
});

describe.skipIf(noBpf)(kernel('global variables'), () => {
  const loadGlobals = (values: LoadOptions['globals']) =>
    loadObject(file('globals'), { globals: values, programs: ['count'] });
  const of = (tool: { readonly maps: object }, name: string) =>
    (live(tool.maps, { name, internal: false }) as Globals<Record<string, typeof u32>>).values();

  it('of a file get their values by name, before the programs are verified', () => {
    using tool = loadGlobals({
      target_pid: 42,
      verbose: false,
      prefix: 'hive',
      level: -7,
      total: 5n,
    });
    expect(of(tool, '.rodata')).toMatchObject({
      target_pid: 42,
      verbose: false,
      threshold: 0x1122334455667788n,
      prefix: 'hive',
      origin: { tag: 0x6f, x: -1, y: 2 },
    });
    expect(of(tool, '.data')).toMatchObject({ level: -7, table: [1, 2, 3, 5, 8], small: -1 });
    expect(of(tool, '.bss')).toMatchObject({ total: 5n, calls: 0 });
    expect(live(tool.maps, { name: '.bss', internal: false })).toBeInstanceOf(Globals);
  });

  it('of a file are read and written while it runs', () => {
    using tool = loadGlobals({});
    const bss = live(tool.maps, { name: '.bss', internal: false }) as Globals<{
      total: typeof u64;
    }>;
    expect(bss.mapped).toBe(true);
    bss.set('total', 9n);
    expect(bss.get('total')).toBe(9n);
    const constants = live(tool.maps, { name: '.rodata', internal: false }) as Globals<
      Record<string, typeof u32>
    >;
    expect(() => constants.set('target_pid', 1)).toThrow('map .rodata is read-only');
  });

  it('are what the verifier goes by: what a constant rules out is not verified', () => {
    const Options = struct('options', { skip: u32 });
    const options = globals(Options, { readonly: true });
    const out = label('out');
    const program = tc([
      lea(r2, options),
      load(w0, Options.at(r2).skip),
      jne(w0, 0, out),
      mov(r1, 8),
      load(w0, Options.at(r1).skip),
      out,
      done,
    ]);
    const spec = object({ license: 'GPL', maps: { options }, programs: { program } });
    expect(thrown(() => loadObject(spec)).name).toBe('VerifierError');
    using tool = loadObject(spec, { globals: { skip: 1 } });
    expect(tool.maps.options.get('skip')).toBe(1);
  });

  it('of our own are merged with their first values, bit fields too', () => {
    const Settings = struct('settings', {
      low: bitfield(u8, 3),
      high: bitfield(u8, 5),
      name: chars(7),
      limit: u64,
    });
    const settings = globals(Settings, { initial: { low: 5, high: 9, name: 'bee', limit: 1n } });
    const counts = globals(struct('counts', { runs: u64.number }));
    const body = [
      lea(r1, counts),
      mov(r2, 1),
      fetchAdd(struct('c', { runs: u64 }).at(r1).runs, r2),
      done,
    ];
    const spec = object({
      license: 'GPL',
      maps: { settings, counts },
      programs: { program: tc(body) },
    });
    using tool = loadObject(spec, { globals: { high: 31, limit: 7, runs: 100 } });
    expect(tool.maps.settings.values()).toEqual({ low: 5, high: 31, name: 'bee', limit: 7n });
    tool.programs.program.testRun({ dataIn: PACKET });
    expect(tool.maps.counts.get('runs')).toBe(101);
  });

  it('are refused by name when there is none, or the value does not fit', () => {
    expect(thrown(() => loadGlobals({ no_such: 1 })).message).toMatch(
      /^there is no global variable "no_such": target_pid, /,
    );
    expect(thrown(() => loadGlobals({ level: 2 ** 40 })).message).toBe(
      'globals.level: expected an i32 (-2147483648 to 2147483647), got 1099511627776',
    );
    expect(thrown(() => loadGlobals({ prefix: 7 })).name).toBe('TypeError');
    expect(thrown(() => loadGlobals({ prefix: 'much too long' })).name).toBe('RangeError');
  });

  it('that are constants belong to every program, used or not', () => {
    using tool = loadObject(file('globals'), { programs: ['custom'] });
    const ids = tool.programs.custom!.info().mapIds;
    expect(ids).toContain(mapInfo(live(tool.maps, { name: '.rodata', internal: false }).fd).id);
  });
});

describe.skipIf(noBpf)(kernel('a map of the caller'), () => {
  const counts = hash(u32, u64, { maxEntries: 8 });
  const spec = () =>
    object({
      license: 'GPL',
      maps: { counts },
      programs: { program: tc([lea(r1, counts), done]) },
    });

  it('is used in place of a new one, and stays open', () => {
    using mine = createMap('mine', { ...counts, maxEntries: 100 });
    {
      using tool = loadObject(spec(), { maps: { counts: mine } });
      expect(tool.maps.counts).toBe(mine);
      expect(tool.programs.program.info().mapIds).toEqual([mine.info().id]);
    }
    expect(mine.closed).toBe(false);
    mine.set(1, 2n);
  });

  it('is refused when it has another shape, and when the object has no such map', () => {
    using other = createMap('other', hash(u64, u64, { maxEntries: 8 }));
    expect(thrown(() => loadObject(spec(), { maps: { counts: other } })).message).toBe(
      'map counts: the map to use in its place differs: key size 8, not 4',
    );
    expect(thrown(() => loadObject(spec(), { maps: { other } })).message).toBe(
      'there is no map "other" to replace: counts',
    );
    using program = loadObject(spec());
    const wrong = program.programs.program as never;
    expect(thrown(() => loadObject(spec(), { maps: { counts: wrong } })).message).toMatch(
      /^map counts: the map to use in its place differs: it is no map$/,
    );
    expect(other.closed).toBe(false);
  });
});

describe.skipIf(noBpf)(kernel('sizes of maps'), () => {
  const spec = object({
    license: 'GPL',
    maps: { table: hash(u32, u64), stacks: stackTrace(bytes(80)) },
    programs: {},
  });

  it('are those of the spec unless others are given', () => {
    using loaded = loadObject(spec, {
      sizes: { table: { maxEntries: 3 }, stacks: { maxEntries: 7, valueSize: 24 } },
    });
    expect(loaded.maps.table.info()).toMatchObject({ maxEntries: 3, valueSize: 8 });
    expect(loaded.maps.stacks.info()).toMatchObject({ maxEntries: 7, valueSize: 24 });
  });

  it('are refused for maps that are not there', () => {
    expect(() => loadObject(spec, { sizes: { tables: { maxEntries: 1 } } })).toThrow(
      'there is no map "tables" to resize: table, stacks',
    );
  });
});
