import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { statusOf } from '../../src/cli/errors.ts';
import { run as link } from '../../src/cli/show-link.ts';
import { run as map } from '../../src/cli/show-map.ts';
import { run as prog } from '../../src/cli/show-prog.ts';
import { readObject } from '../../src/elf/index.ts';
import {
  array,
  arrayMap,
  arrayOfMaps,
  call,
  chars,
  enumeration,
  exit,
  hash,
  hashOfMaps,
  helper,
  i16,
  iter,
  lpmTrie,
  lruHash,
  mov,
  object,
  percpuArray,
  percpuHash,
  progArray,
  queueMap,
  r0,
  r1,
  r6,
  rawTracepoint,
  ringbuf,
  socketFilter,
  stack,
  stackTrace,
  store,
  struct,
  tpBtf,
  tracepoint,
  u8,
  u16,
  u32,
  u64,
  when,
} from '../../src/index.ts';
import { createMap, loadObject, type Program } from '../../src/kernel/index.ts';
import { MAP_TYPES } from '../../src/object/index.ts';
import { BPF_MAP_TYPE, closeFd, mapCreate, mapInfo } from '../../src/syscall/index.ts';
import { objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { beespoke, objects } from './support.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever bpftool prints
const bpftool = (...args: readonly string[]): any =>
  JSON.parse(execFileSync('bpftool', ['-j', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 }));

const scratch = mkdtempSync(join(tmpdir(), 'beespoke-show-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const COMMANDS = { prog, map, link };
type Kind = keyof typeof COMMANDS;

// Each command listens to it, and there are many in this process.
process.stdout.setMaxListeners(0);

/** What a command prints, in this process: a process for each takes a minute. */
const printed = async (kind: Kind, ...args: readonly string[]): Promise<string> => {
  let stdout = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  try {
    expect(await COMMANDS[kind](args)).toBe(0);
    return stdout;
  } finally {
    write.mockRestore();
  }
};

const rows = async (kind: Kind, ...args: readonly string[]) =>
  objects({ status: 0, stderr: '', stdout: await printed(kind, ...args, '--json') });

/** One object a line, by id. */
const shown = async (kind: Kind) =>
  new Map((await rows(kind, 'show')).map((each) => [each.id as number, each]));

const us = { pid: process.pid, comm: readFileSync('/proc/self/comm', 'utf8').trimEnd() };

const done = [mov(r0, 0), exit()];
const Mode = enumeration('mode', { off: 0, on: 7 });
const Key = struct('show_key', { pid: u32, kind: i16, mode: u8 });
const Inner = struct('show_inner', { a: u32, list: u64 });
const Value = struct('show_value', { ns: u64, comm: chars(16), mode: Mode, inner: Inner });
const Prefix = struct('show_prefix', { length: u32, address: u32 });

const nest = hash(u32, u64, { maxEntries: 4 });

const OURS = object({
  license: 'GPL',
  maps: {
    plain: arrayMap(Value, { maxEntries: 3 }),
    starts: hash(Key, Value, { maxEntries: 3000 }),
    recent: lruHash(u64, u32, { maxEntries: 16 }),
    per_cpu: percpuArray(Inner, { maxEntries: 2 }),
    per_cpu_hash: percpuHash(u32, u64, { maxEntries: 8 }),
    trie: lpmTrie(Prefix, u32, { maxEntries: 8 }),
    waiting: queueMap(u32, { maxEntries: 4 }),
    events: ringbuf(Value, { maxEntries: 65536 }),
    jumps: progArray({ maxEntries: 3 }),
    by_index: arrayOfMaps(nest, { maxEntries: 3 }),
    by_key: hashOfMaps(u32, nest, { maxEntries: 3 }),
  },
  programs: {
    typed: tpBtf('sched_process_exec', done),
    a_name_that_the_kernel_has_to_cut: rawTracepoint('sched_process_exec', done),
    classic: tracepoint('sched/sched_process_exec', done),
    tasks: iter('task', done),
    packets: socketFilter(done),
  },
});

describe.skipIf(noBpf)(kernel('what is loaded'), () => {
  let loaded: ReturnType<typeof loadOurs>;
  const loadOurs = () => loadObject(OURS);

  beforeAll(() => {
    loaded = loadOurs();
    const { maps, programs } = loaded;
    const value = (n: number) => ({
      ns: 2n ** 40n + BigInt(n),
      comm: `process ${n}`,
      mode: 'on' as const,
      inner: { a: n, list: 3n },
    });
    maps.plain.set(2, value(2));
    for (let pid = 0; pid < 2500; pid++) maps.starts.set({ pid, kind: -pid, mode: 1 }, value(pid));
    maps.recent.set(5n, 6);
    maps.per_cpu.set(1, { a: 4, list: 5n });
    maps.per_cpu_hash.set(9, 11n);
    maps.trie.set({ length: 8, address: 10 }, 1);
    maps.trie.set({ length: 24, address: 0x0101_0a }, 2);
    maps.waiting.push(77);
    maps.waiting.push(78);
    maps.jumps.set(1, programs.packets);
    {
      using inner = createMap('inner', nest);
      maps.by_index.set(2, inner);
      maps.by_key.set(4711, inner);
    }
  });
  afterAll(() => loaded.close());

  describe('programs', () => {
    /** What bpftool says, in our words. */
    // biome-ignore lint/suspicious/noExplicitAny: whatever bpftool prints
    const inOurs = (judged: any) => ({
      id: judged.id,
      type: judged.type,
      name: judged.name ?? '',
      tag: judged.tag,
      gplCompatible: judged.gpl_compatible,
      uid: judged.uid,
      xlatedBytes: judged.bytes_xlated,
      jitedBytes: judged.bytes_jited ?? 0,
      memoryBytes: judged.bytes_memlock,
      mapIds: judged.map_ids ?? [],
      ...(judged.btf_id && { btfId: judged.btf_id }),
    });

    const expectSame = async (programs: Readonly<Record<string, Program>>) => {
      const all = await shown('prog');
      const list = Object.values(programs);
      expect(list.length).toBeGreaterThan(0);
      for (const program of list) {
        const { id } = program.info();
        const judged = bpftool('prog', 'show', 'id', String(id));
        expect(all.get(id)).toMatchObject({ ...inOurs(judged), heldBy: [us] });
        const seconds = Date.parse(all.get(id).loadedAt) / 1000;
        expect(Math.abs(seconds - judged.loaded_at)).toBeLessThanOrEqual(2);
      }
    };

    it('are as bpftool shows ours, with whole names', async () => {
      await expectSame(loaded.programs);
      const { id } = loaded.programs.a_name_that_the_kernel_has_to_cut.info();
      expect((await shown('prog')).get(id).name).toBe('a_name_that_the_kernel_has_to_cut');
    });

    it.each(['globals', 'maps', 'linkage'])('are as bpftool shows those of %s.o', async (name) => {
      using file = loadObject(readObject(readFileSync(objectFile(name))), { pinPath: '' });
      await expectSame(file.programs as Readonly<Record<string, Program>>);
    });

    it('can be chosen by id, name and path', async () => {
      const { id } = loaded.programs.classic.info();
      const text = await printed('prog', 'show', String(id));
      expect(text).toMatch(new RegExp(`^id +${id}\\ntype +tracepoint\\nname +classic\\n`));
      for (const words of [['classic'], ['name', 'classic']]) {
        const named = await rows('prog', 'show', ...words);
        expect(named.map((each) => each.id)).toContain(id);
      }
      expect((await rows('prog', 'show', 'id', String(id)))[0].id).toBe(id);
      const path = `/sys/fs/bpf/beespoke_show_${process.pid}`;
      loaded.programs.classic.pin(path);
      try {
        for (const args of [['pinned', path], [path]])
          expect((await rows('prog', 'show', ...args))[0].id).toBe(id);
        await expect(map(['show', path])).rejects.toThrow(
          `what is pinned at ${path} is a program, not a map`,
        );
      } finally {
        unlinkSync(path);
      }
    });

    it('are dumped as bpftool writes them to a file', async () => {
      const { id } = loaded.programs.typed.info();
      const [ours, theirs] = [join(scratch, 'ours'), join(scratch, 'theirs')];
      await printed('prog', 'dump', String(id), '-o', ours);
      execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', String(id), 'file', theirs]);
      expect(readFileSync(ours).equals(readFileSync(theirs))).toBe(true);
      await expect(prog(['dump', String(id), '-o', scratch])).rejects.toThrow(
        `cannot write ${scratch}: it is a directory`,
      );
      await expect(prog(['dump', String(id), '-o', ours, '--json'])).rejects.toThrow(
        '--output writes bytes, and --json prints: give one of them',
      );
      const listing = await printed('prog', 'dump', String(id));
      expect(listing).toContain('typed:\n   0: (b7) r0 = 0\n   1: (95) exit\n');
    });

    it('show their machine code, under the symbol that the kernel gives it', async () => {
      // Not against bpftool: Debian's is built without libbfd and shows none.
      const { id, jitedLength, tag } = loaded.programs.typed.info();
      const file = join(scratch, 'jited');
      await printed('prog', 'dump', String(id), '--jited', '-o', file);
      const code = readFileSync(file);
      expect(code.length).toBe(jitedLength);
      const [block] = await rows('prog', 'dump', String(id), '--jited');
      expect(block).toMatchObject({ name: `bpf_prog_${tag}_typed`, bytes: code.toString('hex') });
      expect(readFileSync('/proc/kallsyms', 'latin1')).toContain(
        `\n${block.address} t bpf_prog_${tag}_typed\t[bpf]\n`,
      );
    });
  });

  describe('maps', () => {
    // biome-ignore lint/suspicious/noExplicitAny: whatever bpftool prints
    const inOurs = (judged: any) => ({
      id: judged.id,
      type: judged.type,
      name: judged.name ?? '',
      keyBytes: judged.bytes_key,
      valueBytes: judged.bytes_value,
      maxEntries: judged.max_entries,
      flags: judged.flags,
      memoryBytes: judged.bytes_memlock,
      frozen: judged.frozen === 1,
      ...(judged.owner_prog_type && { ownerType: judged.owner_prog_type }),
      ...(judged.btf_id && { btfId: judged.btf_id }),
    });

    it('are as bpftool shows ours', async () => {
      const all = await shown('map');
      for (const map of Object.values<{ readonly fd: number }>(loaded.maps)) {
        const { id } = mapInfo(map.fd);
        const judged = bpftool('map', 'show', 'id', String(id));
        expect(all.get(id)).toMatchObject({ ...inOurs(judged), heldBy: [us] });
      }
    });

    it('are as bpftool shows them, of every type that is made without types', async () => {
      const sizes: Readonly<Record<string, object>> = {
        ringbuf: { maxEntries: 65536 },
        user_ringbuf: { maxEntries: 65536 },
        queue: { valueSize: 4 },
        stack: { valueSize: 4 },
        bloom_filter: { valueSize: 4 },
        stack_trace: { keySize: 4, valueSize: 8 },
        lpm_trie: { keySize: 8, valueSize: 4, flags: 1 },
        cgroup_storage: { keySize: 8, valueSize: 4, maxEntries: 0 },
        percpu_cgroup_storage: { keySize: 8, valueSize: 4, maxEntries: 0 },
      };
      const needTypes = /_storage$|^struct_ops$|^arena$|_of_maps$/;
      const types = Object.entries(MAP_TYPES).filter(
        ([type]) => !needTypes.test(type) || sizes[type] !== undefined,
      );
      const fds = types.map(([type, { number }]) =>
        mapCreate({
          type: number,
          keySize: 0,
          valueSize: 0,
          maxEntries: 4,
          name: 'beespoke_show',
          ...(sizes[type] ?? { keySize: 4, valueSize: 4 }),
        }),
      );
      try {
        const all = await shown('map');
        expect(types.length).toBeGreaterThanOrEqual(25);
        for (const fd of fds) {
          const { id } = mapInfo(fd);
          const judged = bpftool('map', 'show', 'id', String(id));
          expect(all.get(id)).toMatchObject(inOurs(judged));
        }
      } finally {
        fds.forEach(closeFd);
      }
    });

    const dumped = (id: number) => rows('map', 'dump', String(id));

    /** Ours in bpftool's way: 64-bit numbers are numbers, and the CPUs are numbered. */
    const asJudged = (value: unknown): unknown => {
      if (typeof value === 'string' && /^\d+$/.test(value)) return Number(value);
      if (Array.isArray(value)) return value.map(asJudged);
      if (typeof value !== 'object' || value === null) return value;
      const fields = Object.entries(value).map(([name, each]) => [name, asJudged(each)]);
      return Object.fromEntries(fields);
    };
    // biome-ignore lint/suspicious/noExplicitAny: whatever is printed
    const perCpu = ({ key, value, values }: any) =>
      values === undefined
        ? { key, value }
        : { key, values: values.map((each: unknown, cpu: number) => ({ cpu, value: each })) };
    const sorted = (entries: readonly unknown[]) =>
      entries.map((each) => JSON.stringify(each)).sort();

    it.each(['plain', 'starts', 'recent', 'per_cpu', 'per_cpu_hash', 'trie'] as const)(
      'have the entries, and the types, that bpftool dumps of %s',
      async (name) => {
        const { id } = loaded.maps[name].info();
        const judged = (bpftool('map', 'dump', 'id', String(id)) as { formatted: unknown }[]).map(
          ({ formatted }) => formatted,
        );
        expect(judged.length).toBeGreaterThan(0);
        const ours = (await dumped(id)).map((each) => asJudged(perCpu(each)));
        expect(sorted(ours)).toEqual(sorted(judged));
      },
    );

    // What the kernel takes no types for is bytes.
    it('hold maps and programs by their ids', async () => {
      const [inner] = bpftool('map', 'dump', 'id', String(loaded.maps.by_index.info().id));
      const id = loaded.maps.by_index.get(2);
      const bytes = Buffer.from(inner.value.map((each: string) => Number(each)));
      expect(bytes.readUInt32LE()).toBe(id);
      expect(await dumped(loaded.maps.by_index.info().id)).toEqual([{ key: 2, mapId: id }]);
      expect(await dumped(loaded.maps.by_key.info().id)).toEqual([{ key: '67120000', mapId: id }]);
      const progId = loaded.programs.packets.info().id;
      const jumps = loaded.maps.jumps.info().id;
      expect(await dumped(jumps)).toEqual([{ key: 1, progId }]);
      expect(await printed('map', 'dump', String(jumps))).toBe(`1: prog ${progId} (packets)\n`);
    });

    it('show the next of a queue, and leave it there', async () => {
      const { id } = loaded.maps.waiting.info();
      expect(await dumped(id)).toEqual([{ value: '4d000000' }]);
      expect(await dumped(id)).toEqual([{ value: '4d000000' }]);
    });

    it('show stacks as addresses, up to the last frame', async () => {
      const Event = struct('show_stack', { id: u64 });
      const stacks = stackTrace(array(u64, 16), { maxEntries: 64 });
      const ids = arrayMap(Event, { maxEntries: 1 });
      const key = stack(u32);
      const seen = object({
        license: 'GPL',
        maps: { stacks, ids },
        programs: {
          take: rawTracepoint('sys_enter', [
            call(helper.get_stackid, r1, stacks, 0),
            mov(r6, r0),
            store(key, 0),
            call(helper.map_lookup_elem, ids, key),
            when(r0, '!=', 0, [store(Event.at(r0).id, r6)]),
            done,
          ]),
        },
      });
      using file = loadObject(seen);
      file.attach();
      readFileSync('/proc/self/comm');
      file.detach();
      const id = Number(BigInt.asUintN(32, file.maps.ids.get(0)!.id));
      const entries = await dumped(file.maps.stacks.info().id);
      const found = entries.find(({ key }) => key === id);
      const judged = bpftool('map', 'dump', 'id', String(file.maps.stacks.info().id)) as {
        key: string[];
        value: string[];
      }[];
      const bytesOf = (hex: readonly string[]) => Buffer.from(hex.map(Number));
      const { value } = judged.find(({ key }) => bytesOf(key).readUInt32LE() === id)!;
      const frames = new BigUint64Array(Uint8Array.from(bytesOf(value)).buffer);
      const expected = [...frames].filter(Boolean).map((frame) => `0x${frame.toString(16)}`);
      expect(expected.length).toBeGreaterThan(0);
      expect(found).toEqual({ key: id, addresses: expected });
      const text = await printed('map', 'dump', String(file.maps.stacks.info().id));
      expect(text).toMatch(new RegExp(`^${id}: .*\\b(do_syscall_64|el0_svc)\\+0x`, 'm'));
    });

    it('say why they cannot be looked into', async () => {
      const { id } = mapInfo(loaded.maps.events.fd);
      expect(beespoke('map', 'dump', String(id))).toMatchObject({
        status: 3,
        stdout: '',
        stderr:
          'beespoke: a ringbuf cannot be looked into: its records go to the process that reads it\n',
      });
    });

    it('are bytes where there are no types, and numbers have no quotes in text', async () => {
      const fd = mapCreate({
        type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH,
        keySize: 3,
        valueSize: 5,
        maxEntries: 2,
      });
      try {
        using untyped = createMap('untyped', hash(u32, u64, { maxEntries: 2 }));
        untyped.set(0x0102, 3n);
        expect(await dumped(untyped.info().id)).toEqual([
          { key: '02010000', value: '0300000000000000' },
        ]);
        expect(await printed('map', 'dump', String(mapInfo(fd).id))).toBe('');
        const { id } = loaded.maps.plain.info();
        const lines = (await printed('map', 'dump', String(id))).split('\n');
        expect(lines[2]).toBe(
          '2: { ns: 1099511627778, comm: "process 2", mode: "on", inner: { a: 2, list: 3 } }',
        );
      } finally {
        closeFd(fd);
      }
    });

    it('count what is many times in a row, in text', async () => {
      const Row = struct('row', { a: u8, many: array(u16, 20), few: array(u16, 8) });
      const rows = hash(u32, Row, { maxEntries: 2 });
      const programs = { packets: socketFilter(done) };
      using file = loadObject(object({ license: 'GPL', maps: { rows }, programs }));
      const map = file.maps.rows;
      const many = Array.from({ length: 20 }, (_, index) => (index < 10 ? 7 : index));
      map.set(1, { a: 1, many, few: Array(8).fill(0) });
      const { id } = map.info();
      expect(await printed('map', 'dump', String(id))).toBe(
        '1: { a: 1, many: [7 (10 times), 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], few: [0, 0, 0, 0, 0, 0, 0, 0] }\n',
      );
    });

    it('say on stderr when nothing is in them', () => {
      using map = createMap('hollow', hash(u32, u32, { maxEntries: 2 }));
      const { id } = map.info();
      const expected = { status: 0, stdout: '', stderr: `map ${id} has no entries\n` };
      expect(beespoke('map', 'dump', String(id))).toMatchObject(expected);
      expect(beespoke('map', 'dump', 'id', String(id), '--json').stderr).toBe('');
    });

    it('show global variables of a file by name, as bpftool does', async () => {
      using file = loadObject(readObject(readFileSync(objectFile('globals'))), { pinPath: '' });
      const { id } = (file.maps as Record<string, { info(): { id: number } }>)['.bss']!.info();
      const [judged] = bpftool('map', 'dump', 'id', String(id));
      // bpftool prints a section as a list of its variables.
      const [[, variables]] = Object.entries(judged.formatted.value) as [[string, object[]]];
      const names = variables.flatMap((each) => Object.keys(each));
      expect(Object.keys((await dumped(id))[0].value).sort()).toEqual(names.sort());
    });
  });

  describe('links', () => {
    it('are as bpftool shows them, with what they are at', async () => {
      loaded.attach();
      try {
        const all = await shown('link');
        const where: string[] = [];
        for (const link of loaded.links) {
          const { id } = link.info();
          const judged = bpftool('link', 'show', 'id', String(id));
          const ours = all.get(id);
          expect(ours).toMatchObject({
            id,
            type: judged.type,
            progId: judged.prog_id,
            heldBy: [us],
          });
          if (judged.tp_name) expect(ours.name).toBe(judged.tp_name);
          if (judged.target_name) expect(ours.name).toBe(judged.target_name);
          where.push(ours.where);
        }
        expect(where.sort()).toEqual([
          'iter/task',
          'raw_tp/sched_process_exec',
          'tp_btf/sched_process_exec',
          'tracepoint sched_process_exec',
        ]);
      } finally {
        loaded.detach();
      }
    });

    it('of a map are told with the map', async () => {
      using file = loadObject(readObject(readFileSync(objectFile('struct-ops-link'))), {
        pinPath: '',
      });
      file.attach();
      const found = [...(await shown('link')).values()].filter(({ type }) => type === 'struct_ops');
      expect(found.length).toBeGreaterThan(0);
      const mine = found.find(({ heldBy }) =>
        heldBy.some(({ pid }: { pid: number }) => pid === us.pid),
      );
      const judged = bpftool('link', 'show', 'id', String(mine.id));
      expect(judged.type).toBe('struct_ops');
      // bpftool 7.1 does not say which.
      expect(bpftool('map', 'show', 'id', String(mine.mapId)).type).toBe('struct_ops');
      expect(mine.where).toBe(`struct_ops of map ${mine.mapId} (${mine.map})`);
    });
  });

  it('is nothing that does not exist', async () => {
    const refusals: readonly (readonly [readonly string[], number, string])[] = [
      [['prog', 'show', '4294967295'], 1, 'there is no program 4294967295'],
      [['map', 'show', 'no such map'], 1, 'there is no map of the name "no such map"'],
      [['map', 'dump'], 2, 'map dump takes an id, a name, or pinned PATH: which map?'],
      [['link', 'dump', '1'], 2, 'link has no "dump": beespoke link show'],
      [['prog'], 2, 'prog what? beespoke prog show|dump'],
      [['prog', 'show', '1', '2'], 2, 'prog: unexpected argument "2"'],
      [['prog', 'show', 'id', '1', '2'], 2, 'prog: unexpected argument "2"'],
      [['map', 'show', 'id', 'x'], 2, 'map: an id is a number below 2^32, got "x"'],
      [['map', 'show', 'name', '1'], 1, 'there is no map of the name "1"'],
      [['map', 'show', 'pinned', '/tmp'], 1, '/tmp is a directory'],
      [
        ['prog', 'show', 'pinned', import.meta.filename],
        1,
        `${import.meta.filename} is not in a BPF file system, where programs and maps are pinned`,
      ],
    ];
    const refusalOf = ([kind, ...args]: readonly string[]) =>
      COMMANDS[kind as Kind](args).then(
        () => undefined,
        (error: Error) => [statusOf(error), error.message],
      );
    for (const [args, status, message] of refusals)
      expect([args, await refusalOf(args)]).toEqual([args, [status, message]]);
    expect(await refusalOf(['prog', 'show', '/sys/fs/bpf/no_such'])).toEqual([
      1,
      expect.stringContaining('Nothing is pinned there'),
    ]);
  });
});
