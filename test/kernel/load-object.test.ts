import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  add,
  arrayMap,
  arrayOfMaps,
  call,
  exit,
  fetchAdd,
  fn,
  globals,
  hash,
  helper,
  jeq,
  label,
  lea,
  load,
  mov,
  mul,
  object,
  optional,
  progArray,
  r0,
  r1,
  r2,
  r6,
  rawTracepoint,
  ringbuf,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tpBtf,
  tracepoint,
  u32,
  u64,
  w0,
} from '../../src/index.ts';
import { loadObject, VerifierError } from '../../src/kernel/index.ts';
import { createMap } from '../../src/kernel/map-create.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, expectGone, holdings, inKernel, only, thrown } from './object-support.ts';

const PACKET = new Uint8Array(64);
const Counter = struct('counter', { count: u64.number });
const hasBpftool = spawnSync('bpftool', ['version']).status === 0;

/** Counts its runs. */
const counting = () => {
  const counter = globals(Counter);
  const body = [lea(r1, counter), mov(r2, 1), fetchAdd(Counter.at(r1).count, r2), done];
  return { counter, body };
};

describe.skipIf(noBpf)(kernel('a loaded object'), () => {
  it('runs, and counts in the globals that user space sees', () => {
    const { counter, body } = counting();
    const spec = object({ license: 'GPL', maps: { counter }, programs: { filter: tc(body) } });
    using tool = loadObject(spec);
    tool.programs.filter.testRun({ dataIn: PACKET, repeat: 10 });
    expect(tool.maps.counter.get('count')).toBe(10);
    expect([tool.missing, tool.links, tool.closed]).toEqual([[], [], false]);
  });

  it('is attached and detached, again and again', () => {
    const { counter, body } = counting();
    using tool = loadObject(
      object({
        license: 'GPL',
        maps: { counter },
        programs: { onSwitch: rawTracepoint('sys_enter', body) },
      }),
    );
    for (let round = 0; round < 3; round++) {
      expect(tool.links).toEqual([]);
      tool.attach();
      expect(tool.links.map(({ hook }) => hook)).toEqual(['raw_tp/sys_enter']);
      expect(thrown(() => tool.attach()).message).toBe('the object is attached already');
      const before = tool.maps.counter.get('count');
      execFileSync('true');
      expect(tool.maps.counter.get('count')).toBeGreaterThan(before);
      tool.detach();
      tool.detach();
      const after = tool.maps.counter.get('count');
      execFileSync('true');
      expect(tool.maps.counter.get('count')).toBe(after);
    }
  });

  it('is gone after close(), which can be called twice', async () => {
    const before = holdings();
    const { counter, body } = counting();
    const tool = loadObject(
      object({
        license: 'GPL',
        maps: { lo_counter: counter },
        programs: { lo_gone: tpBtf('sched_process_exit', body) },
      }),
    );
    tool.attach();
    expect(inKernel('lo_gone', 'lo_counter')).toEqual(['link', 'map lo_counter', 'prog lo_gone']);
    tool.close();
    tool.close();
    await expectGone('lo_gone', 'lo_counter');
    expect(holdings()).toEqual(before);
    expect(tool.closed).toBe(true);
    expect(thrown(() => tool.attach()).message).toBe('the object is closed');
    expect(thrown(() => tool.programs.lo_gone.fd).message).toBe('program lo_gone is closed');
    expect(thrown(() => tool.maps.lo_counter.fd).message).toBe('map lo_counter is closed');
    expect(tool.losses()).toEqual({ refused: {}, missed: { lo_gone: 0 }, total: 0 });
  });

  it('is closed where `using` ends, also by an error', () => {
    const before = holdings();
    const failing = () => {
      using tool = loadObject(only(tpBtf('sched_process_exit', done)));
      tool.attach();
      throw new Error('on the way');
    };
    expect(thrown(failing).message).toBe('on the way');
    expect(holdings()).toEqual(before);
  });

  it('leaves out what is optional and not there', () => {
    using tool = loadObject(
      object({
        license: 'GPL',
        programs: {
          there: optional(tpBtf('sched_process_exit', done)),
          gone: optional(tracepoint('sched/no_such_tracepoint', done)),
        },
      }),
    );
    tool.attach();
    expect([
      tool.programs.there?.name,
      tool.programs.gone,
      tool.missing,
      tool.links.length,
    ]).toEqual(['there', undefined, ['gone'], 1]);
  });

  it('keeps long names; the kernel has the first 15 characters', () => {
    const aMapWithAVeryLongName = hash(u32, u64);
    using tool = loadObject(
      object({
        license: 'GPL',
        maps: { aMapWithAVeryLongName },
        programs: { aProgramWithAVeryLongName: tc([lea(r1, aMapWithAVeryLongName), done]) },
      }),
    );
    const { aProgramWithAVeryLongName: program } = tool.programs;
    expect([program.name, program.info().name]).toEqual([
      'aProgramWithAVeryLongName',
      'aProgramWithAVe',
    ]);
    expect(tool.maps.aMapWithAVeryLongName.info().name).toBe('aMapWithAVeryLo');
  });
});

describe.skipIf(noBpf)(kernel('programs in the kernel'), () => {
  it('call static and global functions', () => {
    const triple = fn('triple', 1, [mov(r0, r1), mul(r0, 3), exit()]);
    const next = fn('next', 1, [mov(r0, r1), add(r0, 1), exit()], { global: true });
    using tool = loadObject(
      only(tc([mov(r1, 7), call(triple, r1), call(next, r0), call(triple, r0), exit()])),
    );
    expect(tool.programs.program.testRun({ dataIn: PACKET }).returnValue).toBe(66);
  });

  it('hand functions to helpers', () => {
    const { counter } = counting();
    const step = fn('step', 2, [
      lea(r1, counter),
      mov(r2, 1),
      fetchAdd(Counter.at(r1).count, r2),
      done,
    ]);
    using tool = loadObject(
      object({
        license: 'GPL',
        maps: { counter },
        programs: { program: tc([call(helper.loop, 100, step, 0, 0), exit()]) },
      }),
    );
    expect(tool.programs.program.testRun({ dataIn: PACKET }).returnValue).toBe(100);
    expect(tool.maps.counter.get('count')).toBe(100);
  });

  it('go on in other programs by tail calls', () => {
    const next = progArray({ maxEntries: 2 });
    using tool = loadObject(
      object({
        license: 'GPL',
        maps: { next },
        programs: {
          first: tc([call(helper.tail_call, r1, next, 1), mov(r0, 1), exit()]),
          second: tc([mov(r0, 2), exit()]),
        },
      }),
    );
    const run = () => tool.programs.first.testRun({ dataIn: PACKET }).returnValue;
    expect(run()).toBe(1);
    tool.maps.next.set(1, tool.programs.second);
    expect(run()).toBe(2);
  });

  it('look up maps in maps', () => {
    const inner = arrayMap(u64, { maxEntries: 1 });
    const outer = arrayOfMaps(inner, { maxEntries: 2 });
    const key = stack(u32);
    const out = label('out');
    using tool = loadObject(
      object({
        license: 'GPL',
        maps: { outer },
        programs: {
          program: tc([
            store(key, 1),
            call(helper.map_lookup_elem, outer, key),
            jeq(r0, 0, out),
            mov(r6, r0),
            store(key, 0),
            call(helper.map_lookup_elem, r6 as never, key),
            jeq(r0, 0, out),
            load(r0, u64.at(r0)),
            out,
            exit(),
          ]),
        },
      }),
    );
    const run = () => tool.programs.program.testRun({ dataIn: PACKET }).returnValue;
    expect(run()).toBe(0);
    using table = createMap('table', inner);
    table.set(0, 77n);
    tool.maps.outer.set(1, table);
    expect(run()).toBe(77);
  });

  it('have BTF for their functions and maps', () => {
    const entries = hash(u32, Counter);
    const one = fn('one', 0, [mov(r0, 1), exit()]);
    using tool = loadObject(
      object({
        license: 'GPL',
        maps: { entries },
        programs: { program: tc([lea(r1, entries), call(one), exit()]) },
      }),
    );
    const { btfId } = tool.programs.program.info();
    expect(btfId).toBeGreaterThan(0);
    expect(tool.maps.entries.info()).toMatchObject({ btfId });
  });

  it.skipIf(!hasBpftool)(
    `show our lines in bpftool when they are asked for${hasBpftool ? '' : ' (skipped: there is no bpftool)'}`,
    () => {
      const twice = fn('twice', 0, [mov(r0, 2), exit()]);
      using tool = loadObject(
        only(
          tc([
            mov(r6, 5), // the first line
            call(twice),
            exit(),
          ]),
        ),
        { lines: true },
      );
      const { id } = tool.programs.program.info();
      const dump = execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', String(id), 'linum'], {
        encoding: 'utf8',
      });
      expect(dump).toMatch(
        /; mov\(r6, 5\), \/\/ the first line \[file:.*load-object\.test\.ts line_num:\d+ line_col:\d+\]\n +0: \(b7\) r6 = 5/,
      );
      expect(dump).toMatch(/; call\(twice\), \[file/);
      expect(dump).toMatch(/unsigned long long twice\(\):\n; const twice = fn/);
    },
  );
});

describe.skipIf(noBpf)(kernel('an error on the way leaves nothing behind'), () => {
  const good = () => ({ table: hash(u32, u64), ring: ringbuf(Counter) });

  it('when a map cannot be created', async () => {
    const before = holdings();
    const { table, ring } = good();
    const huge = arrayMap(struct('huge', { a: u64 }), { maxEntries: 0xffff_ffff });
    const spec = object({
      license: 'GPL',
      maps: { lo_table: table, lo_ring: ring, lo_huge: huge },
      programs: { program: tc([lea(r1, table), lea(r1, huge), done]) },
    });
    const error = thrown(() => loadObject(spec));
    expect(error.message).toMatch(/^cannot create the array map 'lo_huge': (ENOMEM|E2BIG) /);
    expect(holdings()).toEqual(before);
    await expectGone('lo_table', 'lo_ring', 'lo_huge');
  });

  it('when the second program is refused', async () => {
    const before = holdings();
    const { table, ring } = good();
    const key = stack(u32);
    const spec = object({
      license: 'GPL',
      maps: { lo_table: table, lo_ring: ring },
      programs: {
        lo_good: tc([lea(r1, table), done]),
        lo_bad: tc([
          store(key, 1),
          call(helper.map_lookup_elem, table, key),
          load(r0, u64.at(r0)),
          exit(),
        ]),
      },
    });
    expect(thrown(() => loadObject(spec))).toBeInstanceOf(VerifierError);
    expect(holdings()).toEqual(before);
    await expectGone('lo_table', 'lo_ring', 'lo_good');
  });

  it('when the second program cannot be attached: then none is, and the object can still be used', () => {
    const before = holdings();
    const spec = object({
      license: 'GPL',
      programs: {
        lo_first: tpBtf('sched_process_exit', done),
        lo_filter: socketFilter([mov(w0, 7), exit()]),
        lo_nowhere: tracepoint('sched/no_such_tracepoint', done),
      },
    });
    {
      using tool = loadObject(spec);
      const loaded = holdings();
      expect(thrown(() => tool.attach()).message).toBe(
        'there is no tracepoint/sched/no_such_tracepoint in this kernel',
      );
      expect(tool.links).toEqual([]);
      expect(holdings()).toEqual(loaded);
      expect(inKernel('lo_first', 'lo_filter')).toEqual(['prog lo_filter', 'prog lo_first']);
      expect(tool.programs.lo_filter.testRun({ dataIn: PACKET }).returnValue).toBe(7);
    }
    expect(holdings()).toEqual(before);
  });

  it('when the program has no hook here', () => {
    const before = holdings();
    const error = thrown(() => loadObject(only(tpBtf('no_such_tracepoint', done))));
    expect([error.name, error.message]).toEqual([
      'RequirementError',
      'program: this kernel does not have tp_btf/no_such_tracepoint',
    ]);
    expect(holdings()).toEqual(before);
  });
});
