import { describe, expect, it } from 'vitest';
import { opensnoop } from '../../../src/programs/opensnoop.ts';
import type { System } from '../../../src/programs/system.ts';
import type { EventOutput } from '../../../src/programs/tool.ts';
import { defaults } from '../../../src/programs/tool.ts';
import type { Mock } from '../../../src/sim/index.ts';
import { simulate } from '../../../src/testing/index.ts';

const AT_FDCWD = -100;
const cat = { pid: 8, tgid: 7, comm: 'cat' };
const world = { task: cat, uid: 1000 };
const output = opensnoop.output as EventOutput<typeof opensnoop.options, unknown>;
const moment = { time: '', epochMs: 0 };
const json = (event: unknown) => output.json(event, defaults(opensnoop.options), moment);

/** With room for so many calls. */
const sized = opensnoop.object as (
  given: object,
  calls: number,
) => ReturnType<typeof opensnoop.object>;

describe('opensnoop', () => {
  it.each([
    ['a ring buffer', []],
    ['a perf buffer', ['ringbuf']],
  ])('reports an open when it returns, through %s', (_, without) => {
    const machine = simulate(opensnoop.object(), { ...world, without });
    const { enterOpenat, exitOpenat } = machine.programs;
    expect(enterOpenat.run({ args: [AT_FDCWD, '/etc/passwd', 0, 0] })).toReturnValue(0);
    expect(machine).toHaveMap('openings', [[8, { path: 0x5555_0000_0000n }]] as never);
    const result = exitOpenat.run({ ret: 3 });
    expect(result).toReturnValue(0);
    expect(result.unwritten).toEqual([]);
    expect(machine).toHaveMap('openings', []);
    expect([...machine.maps.events].map(json)).toEqual([
      {
        pid: 7,
        tid: 8,
        uid: 1000,
        comm: 'cat',
        fd: 3,
        err: 0,
        path: '/etc/passwd',
        pathCut: false,
      },
    ]);
  });

  it('has programs for the calls that the kernel has', () => {
    const names = (without: readonly string[]) =>
      Object.keys(simulate(opensnoop.object(), { without }).programs);
    const always = ['enterOpenat', 'exitOpenat'];
    const open = ['enterOpen', 'exitOpen'];
    const openat2 = ['enterOpenat2', 'exitOpenat2'];
    const hooks = (call: string) => [
      `tracepoint/syscalls/sys_enter_${call}`,
      `tracepoint/syscalls/sys_exit_${call}`,
    ];
    expect(names([])).toEqual([...open, ...always, ...openat2]);
    expect(names(hooks('open'))).toEqual([...always, ...openat2]); // arm64
    expect(names(hooks('openat2'))).toEqual([...open, ...always]); // before Linux 5.6
  });

  it('finds the path of each call in its place', () => {
    const { programs, maps } = simulate(opensnoop.object(), world);
    programs.enterOpen.run({ args: ['first', 0, 0] });
    programs.exitOpen.run({ ret: -2 });
    programs.enterOpenat2.run({ args: [AT_FDCWD, 'second', 0, 24] });
    programs.exitOpenat2.run({ ret: 4 });
    expect([...maps.events]).toMatchObject([
      { path: 'first', pathSize: 6, result: -2 },
      { path: 'second', pathSize: 7, result: 4 },
    ]);
  });

  it('says that a path could not be read, and cuts one that is too long', () => {
    const { programs, maps } = simulate(opensnoop.object(), world);
    programs.enterOpenat.run({ args: [AT_FDCWD, 0x1000, 0, 0] });
    programs.exitOpenat.run({ ret: -14 });
    programs.enterOpenat.run({ args: [AT_FDCWD, 'x'.repeat(5000), 0, 0] });
    programs.exitOpenat.run({ ret: -36 });
    const events = [...maps.events];
    expect(events).toMatchObject([
      { path: '', pathSize: -14 },
      { path: 'x'.repeat(4096), pathSize: 4097 },
    ]);
    expect(events.map(json)).toMatchObject([{ pathCut: false }, { pathCut: true }]);
  });

  it('does not show a call that began before it', () => {
    const { programs, maps } = simulate(opensnoop.object(), world);
    programs.exitOpenat.run({ ret: 3 });
    expect(maps.events).not.toEmit();
  });

  it.each([
    ['pid', { pid: 7 }, { pid: 9, tgid: 9 }],
    ['tid', { tid: 8 }, { pid: 9, tgid: 7 }],
  ])('shows one %s only, when asked', (_, options, other) => {
    const machine = simulate(opensnoop.object(options), world);
    machine.programs.enterOpenat.run({ args: [AT_FDCWD, 'mine', 0, 0] });
    machine.task = other;
    machine.programs.enterOpenat.run({ args: [AT_FDCWD, 'not mine', 0, 0] });
    expect([...machine.maps.openings.keys()]).toEqual([8]);
  });

  it('shows one user only, when asked', () => {
    const kept = (uid: number) => {
      const machine = simulate(opensnoop.object({ uid: 1000 }), { ...world, uid });
      machine.programs.enterOpenat.run({ args: [AT_FDCWD, 'name', 0, 0] });
      return machine.maps.openings.count();
    };
    expect([kept(1000), kept(0)]).toEqual([1, 0]);
  });

  it('shows failures only, when asked, and forgets the rest', () => {
    const machine = simulate(opensnoop.object({ failed: true }), world);
    machine.programs.enterOpenat.run({ args: [AT_FDCWD, 'there', 0, 0] });
    machine.programs.exitOpenat.run({ ret: 3 });
    expect(machine).toHaveMap('openings', []);
    expect(machine.maps.events).not.toEmit();
    machine.programs.enterOpenat.run({ args: [AT_FDCWD, 'not there', 0, 0] });
    machine.programs.exitOpenat.run({ ret: -2 });
    expect(machine.maps.events).toEmit({ path: 'not there', result: -2 });
  });

  it('reports flags and mode of the arguments, of which an int is half a register', () => {
    const { programs, maps } = simulate(opensnoop.object({ extended: true }), world);
    const rest = 0xdead_beef_0000_0000n;
    programs.enterOpenat.run({ args: [AT_FDCWD, 'new', rest | 0o101n, rest | 0o644n] });
    programs.exitOpenat.run({ ret: 3 });
    expect(maps.events).toEmit({ flags: 0o101n, mode: 0o644n });
  });

  it('reports flags and mode of openat2 from the struct of the process', () => {
    const machine = simulate(opensnoop.object({ extended: true }), world);
    const how = new Uint8Array(new BigUint64Array([0o100n, 0o600n, 0n]).buffer);
    machine.programs.enterOpenat2.run({
      args: [AT_FDCWD, 'new', machine.user.put(how), 24],
    });
    machine.programs.exitOpenat2.run({ ret: -2 });
    expect(machine.maps.events).toEmit({ flags: 0o100n, mode: 0o600n, result: -2 });
  });

  describe('with callers', () => {
    const user = [0x5581_0000_1234n, 0x5581_0000_2345n];
    const callers = { callers: true } as const;
    const shown = (given: object, more: object) => {
      const machine = simulate(opensnoop.object({ ...callers, ...given }), { ...world, ...more });
      machine.programs.enterOpenat.run({ args: [AT_FDCWD, '/etc/passwd', 0, 0] });
      const result = machine.programs.exitOpenat.run({ ret: 3 });
      expect(result).toReturnValue(0);
      expect(result.unwritten).toEqual([]);
      return [...machine.maps.events];
    };

    it.each([
      ['a ring buffer', []],
      ['a perf buffer', ['ringbuf']],
    ])('sends the stack of the process before the path, through %s', (_, without) => {
      const stack = [...user, ...Array(14).fill(0n)];
      const event = { pid: 7, stack, path: '/etc/passwd' };
      expect(shown({}, { stack: { user }, without })).toMatchObject([event]);
      expect(shown({ fullPath: true }, { stack: { user }, without })).toMatchObject([event]);
    });

    it('takes 16 calls, and none where the kernel finds no stack', () => {
      const deep = Array.from({ length: 20 }, (_, index) => BigInt(index + 1));
      expect(shown({}, { stack: { user: deep } })).toMatchObject([{ stack: deep.slice(0, 16) }]);
      expect(shown({}, { stack: {} })).toMatchObject([{ stack: Array(16).fill(0n) }]);
    });

    it('asks for names once for all events, and puts them below the row and into JSON', () => {
      const options = { ...defaults(opensnoop.options), callers: true };
      const asked: unknown[] = [];
      const system = {
        userStacks: (stacks: readonly unknown[]) => {
          asked.push(stacks);
          return stacks.map((__, index) => [`f${index}`, 'main']);
        },
      } as unknown as System;
      const events = [...shown({}, { stack: { user } }), ...shown({}, { stack: {} })];
      const whole = output.complete!(events, options, system);
      expect(asked).toEqual([
        [
          { pid: 7, addresses: user },
          { pid: 7, addresses: [] },
        ],
      ]);
      expect(whole.map((event) => output.below!(event, options))).toEqual([
        ['f0', 'main'],
        ['f1', 'main'],
      ]);
      expect(whole.map((event) => output.json(event, options, moment).callers)).toEqual([
        ['f0', 'main'],
        ['f1', 'main'],
      ]);
      expect(output.columns(options).at(-1)!.title).toBe('PATH/CALLER');
    });

    it('leaves out the process that looks up the names', () => {
      const kept = (given: object) => {
        const machine = simulate(opensnoop.object({ ...callers, ...given }), world);
        machine.programs.enterOpenat.run({ args: [AT_FDCWD, 'name', 0, 0] });
        return machine.maps.openings.count();
      };
      expect([kept({ self: 7 }), kept({ self: 9 })]).toEqual([0, 1]);
      expect([kept({ self: 7, pid: 7 }), kept({ self: 9, pid: 7 })]).toEqual([0, 1]);
      const system = { ownPid: () => 5 } as unknown as System;
      expect(opensnoop.find!({ ...defaults(opensnoop.options), callers: true }, system)).toEqual({
        self: 5,
      });
      expect(opensnoop.find!(defaults(opensnoop.options), system)).toEqual({});
    });

    it('costs nothing without', () => {
      const sizeOf = (given: object) => opensnoop.object(given).maps.scratch.value.size;
      expect([sizeOf({}), sizeOf(callers)]).toEqual([8520, 8520 + 16 * 8]);
      const machine = simulate(opensnoop.object(), { ...world, stack: { user } });
      machine.programs.enterOpenat.run({ args: [AT_FDCWD, 'name', 0, 0] });
      machine.programs.exitOpenat.run({ ret: 3 });
      const [event] = [...machine.maps.events];
      expect(event).not.toHaveProperty('stack');
      expect(json(event)).not.toHaveProperty('callers');
      expect(output.columns(defaults(opensnoop.options)).at(-1)!.title).toBe('PATH');
      const { exitOpenat } = simulate(opensnoop.object(callers)).programs;
      expect(exitOpenat).toUseAtMost({ instructions: 51 + 6 });
    });
  });

  describe('with full paths', () => {
    /** /home is a mount with work in it, which is the working directory; descriptor 3 is /srv. */
    const inWork = () => {
      const machine = simulate(opensnoop.object({ fullPath: true }), world);
      const { kernel } = machine;
      const entry = (name: string, d_parent?: number) => ({ d_name: { name }, d_parent });
      const top: Mock & { d_parent?: Mock } = entry('/') as never;
      top.d_parent = top;
      const root = kernel.place('dentry', top);
      const mounted: Mock & { d_parent?: Mock } = entry('/') as never;
      mounted.d_parent = mounted;
      const homeRoot = kernel.place('dentry', mounted);
      const home = kernel.place('dentry', entry('home', root));
      const work = kernel.place('dentry', entry('work', homeRoot));
      const srv = kernel.place('dentry', entry('srv', root));
      const first: Mock & { mnt_parent?: Mock } = { mnt: { mnt_root: root }, mnt_mountpoint: root };
      first.mnt_parent = first;
      const rootMount = kernel.place('mount', first);
      const homeMount = kernel.place('mount', {
        mnt: { mnt_root: homeRoot },
        mnt_mountpoint: home,
        mnt_parent: rootMount,
      });
      const file = kernel.place('file', { f_path: { mnt: rootMount, dentry: srv } });
      const descriptors = new Uint8Array(BigUint64Array.of(0n, 0n, 0n, BigInt(file)).buffer);
      machine.task = {
        ...cat,
        fs: { pwd: { mnt: homeMount, dentry: work } },
        files: { fdt: { max_fds: 4, fd: kernel.placeBytes(descriptors) } },
      };
      return machine;
    };
    const shown = (directory: number, path: string) => {
      const { programs, maps } = inWork();
      programs.enterOpenat.run({ args: [directory, path, 0, 0] });
      programs.exitOpenat.run({ ret: 3 });
      return [...maps.events].map((event) => json(event).path);
    };

    it('walks from the working directory to the root, across mounts', () => {
      expect(shown(AT_FDCWD, 'notes.txt')).toEqual(['/home/work/notes.txt']);
    });

    it("walks from openat's own directory", () => {
      expect(shown(3, 'notes.txt')).toEqual(['/srv/notes.txt']);
    });

    it('leaves absolute paths, and those of descriptors that are not open', () => {
      expect(shown(AT_FDCWD, '/etc/passwd')).toEqual(['/etc/passwd']);
      expect(shown(2, 'notes.txt')).toEqual(['notes.txt']);
      expect(shown(99, 'notes.txt')).toEqual(['notes.txt']);
    });
  });

  it('counts the calls that a full map refuses, and the events that a full buffer does', () => {
    const machine = simulate(sized({ buffer: 4096 }, 2), world);
    const { enterOpenat, exitOpenat } = machine.programs;
    for (const pid of [1, 2, 3]) {
      machine.task = { pid, tgid: pid };
      enterOpenat.run({ args: [AT_FDCWD, 'name', 0, 0] });
    }
    expect(machine.losses()).toEqual({ events: 0, openings: 1 });
    machine.task = { pid: 1, tgid: 1 };
    for (let turn = 0; turn < 10; turn++) {
      enterOpenat.run({ args: [AT_FDCWD, 'x'.repeat(999), 0, 0] });
      exitOpenat.run({ ret: 3 });
    }
    // 64 bytes before the path, 1000 of it, and 8 of a header: three fit into 4096.
    expect(machine.losses()).toEqual({ events: 7, openings: 1 });
    expect([...machine.maps.events]).toHaveLength(3);
  });

  it('stays small', () => {
    const { enterOpenat, exitOpenat } = simulate(opensnoop.object()).programs;
    expect(enterOpenat).toUseAtMost({ instructions: 19 });
    expect(exitOpenat).toUseAtMost({ instructions: 51 });
  });
});
