import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  array,
  call,
  chars,
  hash,
  helper,
  hookArguments,
  i32,
  iter,
  jeq,
  kernelStruct,
  label,
  load,
  mov,
  object,
  pointer,
  r1,
  r6,
  r7,
  r8,
  read,
  stack,
  store,
  struct,
  times,
  u32,
  u64,
  w9,
} from '../../src/index.ts';
import { type AttachOptions, loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { inCgroup } from './attach-cgroup-checks.ts';
import { done, expectGone, holdings, inKernel, thrown } from './object-support.ts';

const Task = kernelStruct('task_struct', { pid: i32, tgid: i32, comm: chars(16) });
const Meta = kernelStruct('bpf_iter_meta', { seq: pointer() });
const Context = hookArguments({ meta: pointer(Meta), task: pointer(Task) });
const Row = struct('row', { tgid: i32, pid: i32, comm: chars(16) });

/** Writes a row for each thread. */
const tasks = () => {
  const out = label('out');
  const row = stack(Row);
  const context = Context.at(r6);
  return object({
    license: 'GPL',
    programs: {
      it_tasks: iter('task', [
        mov(r6, r1),
        load(r7, context.task),
        jeq(r7, 0, out),
        read(row.pid, Task.at(r7).pid),
        read(row.tgid, Task.at(r7).tgid),
        read(row.comm, Task.at(r7).comm),
        load(r8, context.meta),
        load(r1, Meta.at(r8).seq),
        call(helper.seq_write, r1, row, Row.size),
        out,
        done,
      ]),
    },
  });
};

describe.skipIf(noBpf)(kernel('an iterator'), () => {
  it('sees every task whenever it is opened', async () => {
    const before = holdings();
    const child = spawn('/bin/sleep', ['60']);
    try {
      await once(child, 'spawn');
      using tool = loadObject(tasks());
      const loaded = holdings();
      expect(tool.attach()).toEqual([]);
      const [link] = tool.links;
      expect(link!.info().target).toEqual({ kind: 'iter', name: 'task', mapId: 0 });
      for (let i = 0; i < 2; i++) {
        using file = link!.open();
        const seen = [...file.records(Row)];
        expect(seen).toContainEqual({ tgid: child.pid, pid: child.pid, comm: 'sleep' });
        expect(seen).toContainEqual(
          expect.objectContaining({ tgid: process.pid, pid: process.pid }),
        );
        expect(file.read()).toBeUndefined();
      }
      tool.detach();
      expect(thrown(() => link!.open()).message).toBe('link iter/task is closed');
      expect(holdings()).toEqual(loaded);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await expect.poll(holdings, { timeout: 5000, interval: 20 }).toEqual(before);
    await expectGone('it_tasks');
  });

  it('writes records of one length, and says so when they are not of the layout', () => {
    using tool = loadObject(tasks());
    tool.attach();
    using file = tool.links[0]!.open();
    const Longer = struct('longer', { row: Row, more: array(u64, 5000) });
    expect(() => [...file.records(Longer)]).toThrow(/^\d+ bytes are left, and a record has 40024$/);
  });

  it('is confined to one thread or one process', () => {
    using tool = loadObject(tasks());
    const seen = (options: AttachOptions) => {
      using link = tool.programs.it_tasks.attach(options);
      using file = link.open();
      return [...file.records(Row)];
    };
    expect(seen({ task: process.pid })).toEqual([
      expect.objectContaining({ tgid: process.pid, pid: process.pid }),
    ]);
    const own = seen({ process: process.pid });
    expect(own.length).toBeGreaterThan(4);
    expect(new Set(own.map(({ tgid }) => tgid))).toEqual(new Set([process.pid]));
    expect(seen({ task: 0x3fff_ffff })).toEqual([]);
  });

  it('sees the elements of the map that it is attached to', () => {
    const Element = hookArguments({
      meta: pointer(Meta),
      map: pointer(),
      key: pointer(),
      value: pointer(),
    });
    const table = hash(u32, u64);
    const out = label('out');
    const element = Element.at(r6);
    const dump = iter('bpf_map_elem', [
      mov(r6, r1),
      load(r7, element.value),
      jeq(r7, 0, out),
      load(r8, element.meta),
      load(r1, Meta.at(r8).seq),
      call(helper.seq_write, r1, r7, 8),
      out,
      done,
    ]);
    const spec = object({ license: 'GPL', maps: { it_table: table }, programs: { it_dump: dump } });
    using tool = loadObject(spec);
    for (let key = 0; key < 10; key++) tool.maps.it_table.set(key, BigInt(key * 7));
    expect(thrown(() => tool.attach()).message).toBe(
      'iter/bpf_map_elem sees the elements of a map: attach it with { map }',
    );
    using link = tool.programs.it_dump.attach({ map: tool.maps.it_table });
    expect(link.info().target).toMatchObject({ kind: 'iter', name: 'bpf_map_elem' });
    using file = link.open();
    const bytes = file.bytes();
    const values = [...new BigUint64Array(bytes.buffer, 0, bytes.length / 8)].map(Number);
    expect(values.sort((a, b) => a - b)).toEqual([0, 7, 14, 21, 28, 35, 42, 49, 56, 63]);
  });

  it('writes text, of which a run has more than one read takes', () => {
    const word = stack(u32);
    const out = label('out');
    const context = Context.at(r6);
    const lines = iter('task', [
      mov(r6, r1),
      load(r7, context.task),
      jeq(r7, 0, out),
      load(r8, context.meta),
      load(r8, Meta.at(r8).seq),
      store(word, 0x0a796568), // "hey\n"
      times(w9, 200, [call(helper.seq_write, r8, word, 4)]),
      out,
      done,
    ]);
    using tool = loadObject(object({ license: 'GPL', programs: { it_lines: lines } }));
    using link = tool.programs.it_lines.attach({ process: process.pid });
    using file = link.open();
    const text = file.text();
    expect(text.length).toBeGreaterThan(0);
    expect(text.replaceAll('hey\n', '')).toBe('');
    expect(text.length % 800).toBe(0);
  });

  it('closes what it has opened when it is refused', () =>
    inCgroup((path) => {
      using tool = loadObject(tasks());
      const before = holdings();
      const refusal = (cgroup: string) =>
        thrown(() => tool.programs.it_tasks.attach({ cgroup })).message;
      expect(refusal(path)).toContain('attach the program');
      expect(refusal('/no/such')).toContain('/no/such is not a directory of a cgroup2 file system');
      expect(holdings()).toEqual(before);
      expect(inKernel('it_tasks')).toEqual(['prog it_tasks']);
    }));
});
