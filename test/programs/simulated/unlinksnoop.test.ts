import { describe, expect, it } from 'vitest';
import type { Column } from '../../../src/programs/tool.ts';
import { unlinksnoop } from '../../../src/programs/unlinksnoop.ts';
import { simulate } from '../../../src/testing/index.ts';

const AT_REMOVEDIR = 0x200;
const ENOENT = -2;
const ENAMETOOLONG = -36;
const world = { task: { pid: 8, tgid: 7, comm: 'rm' } };
const event = { tid: 8, pid: 7, comm: 'rm' };

type Options = Parameters<typeof unlinksnoop.object>[0];
type Context = Parameters<ReturnType<typeof simulate>['programs']['program']['run']>[0];

/** The deletion of files, as the programs see it. Programs that options leave out are not there. */
const deleting = (options: Options = {}, without: readonly string[] = []) => {
  const machine = simulate(unlinksnoop.object(options), { ...world, without });
  const programs = machine.programs as unknown as Readonly<
    Record<string, { run(context?: Context): { returnValue: number } } | undefined>
  >;
  const byRegisters = without.includes('fentry') || options?.kprobe;
  const filename = (path: string | null) => ({ name: path });
  return {
    machine,
    programs,
    /** One call of the kernel's function. */
    remove: (path: string | null, retval: number) => {
      const name = filename(path);
      const args = [-100, machine.kernel.place('filename', name)];
      programs.enter!.run(byRegisters ? { args } : { dfd: -100, name });
      return programs.exit!.run(byRegisters ? { retval } : { dfd: -100, name, retval });
    },
  };
};

describe.each([
  ['fentry and fexit', []],
  ['kprobe and kretprobe', ['fentry', 'fexit']],
])('unlinksnoop at %s', (_, without) => {
  it("reports what the kernel's function deletes, with the name from its start", () => {
    const { machine, remove } = deleting({}, without);
    expect(remove('/tmp/there', 0)).toReturnValue(0);
    remove('/tmp/gone', ENOENT);
    expect([...machine.maps.events]).toEqual([
      { ...event, result: 0, pathSize: 11, path: '/tmp/there' },
      { ...event, result: ENOENT, pathSize: 10, path: '/tmp/gone' },
    ]);
    expect(machine).toHaveMap('unlinkings', []);
  });

  it('shows failures only, when asked, and forgets the rest', () => {
    const { machine, remove } = deleting({ failed: true }, without);
    remove('/tmp/there', 0);
    remove('/tmp/gone', ENOENT);
    expect([...machine.maps.events]).toMatchObject([{ path: '/tmp/gone' }]);
    expect(machine).toHaveMap('unlinkings', []);
  });

  it('shows one process only, when asked', () => {
    const { machine, remove } = deleting({ pid: 9 }, without);
    remove('/tmp/there', 0);
    expect(machine.maps.events).not.toEmit();
    machine.task = { pid: 10, tgid: 9, comm: 'rm' };
    remove('/tmp/there', 0);
    expect(machine.maps.events).toEmit({ pid: 9, tid: 10 });
  });

  it('does not show a call that began before it', () => {
    const { machine, programs } = deleting({}, without);
    programs.exit!.run(without.length > 0 ? { retval: 0 } : { dfd: -100, retval: 0 });
    expect(machine.maps.events).not.toEmit();
  });

  it('counts what a full buffer refuses', () => {
    const { machine, remove } = deleting({ buffer: 4096 }, without);
    for (let turn = 0; turn < 10; turn++) remove(`/${'x'.repeat(998)}`, 0);
    // 32 bytes before the path, 1000 of it, and 8 of a header: three fit into 4096.
    expect(machine.losses()).toEqual({ events: 7, unlinkings: 0 });
    expect([...machine.maps.events]).toHaveLength(3);
  });
});

describe('unlinksnoop at the system calls', () => {
  const calls = ['fentry', 'fexit', 'kprobe', 'kretprobe'];

  it('is there only where the kernel has no hook for the function', () => {
    const names = (without: readonly string[]) => Object.keys(deleting({}, without).programs);
    expect(names([])).toEqual(['enter', 'exit']);
    expect(names(calls)).toEqual(['enter', 'exit', 'enterUnlink', 'exitUnlink']);
    const arm64 = ['tracepoint/syscalls/sys_enter_unlink', 'tracepoint/syscalls/sys_exit_unlink'];
    expect(names([...calls, ...arm64])).toEqual(['enter', 'exit']);
  });

  it('reports both calls, but no directories', () => {
    const { machine, programs } = deleting({}, calls);
    programs.enter!.run({ args: [-100, '/tmp/file', 0] });
    programs.exit!.run({ ret: 0 });
    programs.enter!.run({ args: [-100, '/tmp/directory', AT_REMOVEDIR] });
    programs.exit!.run({ ret: 0 });
    programs.enterUnlink!.run({ args: ['/tmp/other'] });
    programs.exitUnlink!.run({ ret: ENOENT });
    programs.enterUnlink!.run({ args: [0x1000] });
    programs.exitUnlink!.run({ ret: -14 });
    expect([...machine.maps.events]).toEqual([
      { ...event, result: 0, pathSize: 10, path: '/tmp/file' },
      { ...event, result: ENOENT, pathSize: 11, path: '/tmp/other' },
      { ...event, result: -14, pathSize: -14, path: '' },
    ]);
  });

  it('marks a path that is longer than the kernel takes', () => {
    const { machine, programs } = deleting({}, calls);
    programs.enterUnlink!.run({ args: [`/${'x'.repeat(5000)}`] });
    programs.exitUnlink!.run({ ret: ENAMETOOLONG });
    const [found, ...rest] = [...machine.maps.events];
    expect(rest).toEqual([]);
    const path = `/${'x'.repeat(4095)}`;
    expect(found).toEqual({ ...event, result: ENAMETOOLONG, pathSize: 4097, path });
    const { columns, json } = unlinksnoop.output as unknown as {
      columns: (options: object) => readonly Column<unknown>[];
      json: (event: unknown, options: object) => object;
    };
    expect(columns({}).at(-1)!.text(found, { time: '', epochMs: 0 })).toBe(`${path}...`);
    expect(json(found, {})).toMatchObject({ path, pathCut: true });
    expect(json({ ...event, pathSize: 4096, path: '' }, {})).toMatchObject({ pathCut: false });
  });
});
