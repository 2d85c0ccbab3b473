import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { changesOf } from '../../src/cli/changes.ts';
import { eventStructOf } from '../../src/cli/event-type.ts';
import { tableOf, valuesOf, variablesOf } from '../../src/cli/object-globals.ts';
import { readObject } from '../../src/elf/index.ts';
import type { AnyMapSpec } from '../../src/object/index.ts';
import { objectFile } from '../objects/judge.ts';
import { Cli } from '../programs/shell.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { beespoke } from './support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'beespoke-run-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const file = (name: string): string => join(import.meta.dirname, `../golden/cli/${name}.o`);
const specOf = (path: string) => readObject(readFileSync(path), { label: path });
const execs = specOf(file('execs'));
const map = (name: string): AnyMapSpec => execs.maps[name]!;

describe('the type of the events of a file', () => {
  it('is that of its tag', () => {
    expect(map('tagged').value).toMatchObject({ kind: 'struct', name: 'start', size: 40 });
  });

  it('is the one struct of the size that is sent', () => {
    expect(eventStructOf(execs, map('sized'))).toMatchObject({ name: 'found', size: 24 });
    expect(eventStructOf(execs, map('tagged'))).toMatchObject({ name: 'start', size: 40 });
  });

  it('is not guessed where two structs have that size', () => {
    expect(eventStructOf(execs, map('unknown'))).toBeUndefined();
  });

  it('is not a struct of the kernel that the program reads', () => {
    const dynptrs = specOf(objectFile('dynptrs'));
    for (const each of Object.values(dynptrs.maps)) {
      const found = eventStructOf(dynptrs, each);
      expect(found === undefined || 'name' in found).toBe(true);
      expect(found).not.toMatchObject({ name: 'task_struct' });
    }
  });
});

describe('read-only variables of a file', () => {
  const variables = variablesOf(execs, {});

  it('are options, but for what the compiler has used already', () => {
    expect(tableOf(variables)).toEqual({
      targPid: {
        type: 'text',
        placeholder: 'NUMBER',
        help: 'the variable targ_pid, of type i32; default 0',
      },
      withThreads: {
        type: 'boolean',
        help: 'the variable with_threads, of type bool; default false',
      },
      leastNs: {
        type: 'text',
        placeholder: 'NUMBER',
        help: 'the variable least_ns, of type u64; default 5',
      },
      wanted: {
        type: 'text',
        placeholder: 'TEXT',
        help: 'the variable wanted, of type char[16]; default ""',
      },
      level: {
        type: 'text',
        placeholder: 'NAME',
        help: 'the variable level, of type level; default "HIGH"',
      },
    });
  });

  it('get another name where the command has an option of theirs', () => {
    expect([...variablesOf(execs, { level: { type: 'boolean', help: '' } }).keys()]).toContain(
      'globalLevel',
    );
  });

  it('take what fits their type', () => {
    const given = {
      targPid: '-5',
      withThreads: true,
      leastNs: '0xffffffffffffffff',
      wanted: 'bash',
      level: 'LOW',
    };
    expect(valuesOf(variables, given)).toEqual({
      targ_pid: -5,
      with_threads: true,
      least_ns: 0xffff_ffff_ffff_ffffn,
      wanted: 'bash',
      level: 'LOW',
    });
  });

  it.each([
    [{ targPid: '2147483648' }, 'targ_pid takes a whole number from -2147483648 to 2147483647'],
    [{ targPid: '1x' }, 'targ_pid takes a whole number'],
    [{ leastNs: '-1' }, 'least_ns takes a whole number from 0 to 18446744073709551615'],
    [{ wanted: 'sixteen bytes...' }, 'wanted takes at most 15 bytes'],
    [{ level: 'MIDDLE' }, 'level takes one of LOW, HIGH'],
  ])('refuse %o', (given, message) => {
    expect(() => valuesOf(variables, given)).toThrow(message);
  });
});

describe('what can change the system', () => {
  const changes = (path: string) => {
    const spec = specOf(path);
    return Object.fromEntries(changesOf(spec, Object.keys(spec.programs)));
  };

  it('is told by hooks and by functions that are called', () => {
    expect(changes(file('signals'))).toEqual({ shoot: 'calls bpf_send_signal' });
    expect(changes(file('execs'))).toEqual({});
    expect(changes(objectFile('xdp'))).toMatchObject({ filter: 'xdp', frags: 'xdp.frags' });
    const tracing = changes(objectFile('sections-tracing'));
    expect(tracing).toMatchObject({ lsm_hook: 'lsm/file_open' });
    expect(Object.keys(tracing).filter((name) => /^(fmod_ret|lsm|raw_tp_writ)/.test(name))).toEqual(
      Object.keys(tracing),
    );
    const cgroup = specOf(objectFile('sections-cgroup'));
    expect(changesOf(cgroup, Object.keys(cgroup.programs)).size).toBe(
      Object.keys(cgroup.programs).length - 1, // one is in a section that nobody knows
    );
  });

  it('is not run without leave, which needs no privileges to say', () => {
    expect(beespoke('run', file('signals'))).toEqual(
      expect.objectContaining({
        status: 2,
        stdout: '',
        stderr:
          'beespoke: signals.o can change what the system does: shoot (calls bpf_send_signal); --allow-changes runs it all the same\n',
      }),
    );
  });
});

describe('run', () => {
  it('shows the variables of a file in its help', () => {
    const { status, stdout } = beespoke('run', file('execs'), '--help');
    expect(stdout).toMatch(/^ +--targ-pid NUMBER +the variable targ_pid, of type i32; default 0$/m);
    expect(stdout).not.toContain('not_an_option');
    expect(status).toBe(0);
  });

  it.each([
    [
      ['run', file('execs'), '--event', 'nope=start'],
      /no ring or perf buffer "nope": tagged, sized, unknown/,
    ],
    [['run', file('execs'), '--event', 'unknown=nope'], /no type information of a struct "nope"/],
    [
      ['run', file('execs'), '--event', 'tagged=found'],
      /the file says itself what the events of tagged/,
    ],
    [['run', file('execs'), '--event', 'unknown'], /--event takes MAP=STRUCT/],
    [['run', file('execs'), '--nope'], /unknown option '--nope'/],
    [['run', file('execs'), '--targ-pid', 'x'], /the variable targ_pid takes a whole number/],
    [['run', '--json'], /run takes a file first/],
  ])('refuses %j', (args, message) => {
    const { status, stdout, stderr } = beespoke(...args);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('ends with status 3 where nothing can be attached', () => {
    const { status, stderr } = beespoke('run', objectFile('isa-v1'));
    expect(stderr).toMatch(
      /^beespoke: isa-v1\.o has no programs that can be attached from here: arithmetic \(socket\)/,
    );
    expect(status).toBe(3);
  });

  it('says what is wrong with a module', () => {
    const source = join(scratch, 'throws.mjs');
    writeFileSync(source, 'throw "nothing";');
    expect(beespoke('run', source)).toMatchObject({
      status: 1,
      stderr: `beespoke: cannot load ${source}: nothing\n`,
    });
  });

  it('says what is wrong with a file', () => {
    expect(beespoke('run', '/etc/passwd')).toMatchObject({ status: 1, stdout: '' });
    expect(beespoke('run', 'none.o')).toMatchObject({
      status: 1,
      stderr: 'beespoke: there is no file none.o\n',
    });
  });
});

describe.skipIf(noBpf)(kernel('a running object'), () => {
  /** Runs it while a shell starts a program. */
  const during = async (args: readonly string[], act: () => void) => {
    await using cli = new Cli('run', ...args);
    await cli.attached();
    act();
    const status = await cli.stop();
    return { status, stdout: cli.stdout, stderr: cli.stderr };
  };
  const exec = (): void => {
    execFileSync('/bin/true');
  };
  const rows = (stdout: string) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('prints the events of all its buffers, by their types', async () => {
    const { status, stdout, stderr } = await during(
      [file('execs'), '--json', '--least-ns', '18446744073709551615', '--level=LOW'],
      exec,
    );
    const ours = rows(stdout);
    expect(ours).toContainEqual({
      map: 'tagged',
      pid: expect.any(Number),
      tid: expect.any(Number),
      comm: 'true',
      level: 'LOW',
      number: expect.stringMatching(/^\d+$/),
    });
    expect(ours).toContainEqual({ map: 'sized', number: '18446744073709551615', comm: 'true' });
    expect(ours).toContainEqual({ map: 'unknown', bytes: '010000000200000003000000' });
    expect(stderr).toContain(
      'unknown: nothing says what its events are, so their bytes are shown; --event unknown=STRUCT names a struct of the file\n',
    );
    expect(status).toBe(0);
  });

  it('prints columns, takes structs by name, and exact names of variables', async () => {
    const args = [file('execs'), '--event', 'unknown=one', '--targ_pid=4194304'];
    const { stdout, stderr } = await during(args, exec);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'TIME     MAP         PID      TID COMM             LEVEL              NUMBER',
      'TIME     MAP             NUMBER COMM',
      'TIME     MAP     A',
    ]);
    // No process has that number.
    expect(stdout.trim().split('\n')).toHaveLength(3);
    expect(stderr).toBe('execs.o: attached (1 program); Ctrl-C ends it\n');
    const all = await during([file('execs'), '--event', 'unknown=one', '--json'], exec);
    expect(rows(all.stdout)).toContainEqual({ map: 'unknown', a: [1, 2, 3] });
  });

  it('shows the variables at the end where nothing is sent', async () => {
    const { status, stdout } = await during([file('counts'), '--json'], exec);
    const [values] = rows(stdout);
    expect(values).toEqual({
      execs: expect.stringMatching(/^[1-9]\d*$/),
      last_pid: expect.any(Number),
    });
    expect(values.last_pid).toBeGreaterThan(0);
    expect(status).toBe(0);
  });

  it('shows what is printed into the trace pipe', async () => {
    const { stdout } = await during([file('prints')], exec);
    expect(stdout).toMatch(/^TIME\(s\) +COMM +PID +CPU MESSAGE\n/);
    expect(stdout).toMatch(/^\d+\.\d{6} +\S+ +\d+ +\d+ +beespoke test 4711$/m);
  });

  it('names what can change the system before it runs', async () => {
    const { stderr, status } = await during([file('signals'), '--allow-changes'], () => {});
    expect(stderr).toBe(
      'signals.o can change what the system does: shoot (calls bpf_send_signal)\nsignals.o: attached (2 programs); Ctrl-C ends it\n',
    );
    expect(status).toBe(0);
  });

  it('pins nothing unless it is asked to', async () => {
    const path = '/sys/fs/bpf/corpus_shared';
    await during([objectFile('maps-pinned')], () => expect(existsSync(path)).toBe(false));
  });

  it('runs what a module exports', async () => {
    const source = join(scratch, 'starts.ts');
    const index = join(import.meta.dirname, '../../src/index.ts');
    writeFileSync(
      source,
      `import { call, chars, exit, helper, KiB, label, mov, object, r0, r7, reserve, ringbuf, struct, tracepoint } from ${JSON.stringify(index)};
const Started = struct('started', { comm: chars(16) });
const events = ringbuf(Started, { maxEntries: 256 * KiB });
const event = Started.at(r7);
const out = label('out');
export default object({ license: 'GPL', maps: { events }, programs: { onExec: tracepoint('sched/sched_process_exec', [
  reserve(r7, events, out), call(helper.get_current_comm, event.comm, 16), call(helper.ringbuf_submit, r7, 0), out, mov(r0, 0), exit(),
]) } });
`,
    );
    const { stdout } = await during([source, '--json'], exec);
    expect(rows(stdout)).toContainEqual({ comm: 'true' });
  });

  it('knows no recorded world of a tool of the user', () => {
    const source = join(scratch, 'mine.ts');
    const programs = join(import.meta.dirname, '../../src/programs/index.ts');
    writeFileSync(
      source,
      `import { exitsnoop } from ${JSON.stringify(programs)};
export default { ...exitsnoop, name: 'mine' };
`,
    );
    const { status, stdout, stderr } = beespoke('run', source, '--simulate');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      /^beespoke: --simulate: there is no recorded world for mine, but for hello, [^\n]+\n$/,
    );
  });
});
