import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { tracefs } from '../../src/kernel/index.ts';
import { build } from '../package/built.ts';

const built = build();
afterAll(() => built.remove());

const probes = (...args: readonly string[]) =>
  spawnSync(process.execPath, [built.main, 'probes', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });

const lines = (...args: readonly string[]): string[] => {
  const { status, stdout } = probes(...args);
  expect(status).toBe(0);
  return stdout.trimEnd().split('\n');
};

const missing = (() => {
  try {
    tracefs();
    return existsSync('/sys/kernel/btf/vmlinux') ? undefined : 'this kernel has no BTF';
  } catch (error) {
    return (error as Error).message;
  }
})();
const live = (title: string) => (missing ? `${title} (skipped: ${missing})` : title);

describe.skipIf(missing)(live('beespoke probes'), () => {
  it('lists tracepoints with the fields of their records', () => {
    const { status, stdout, stderr } = probes('-v', 'tracepoint:raw_syscalls:sys_exit');
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: 'tracepoint/raw_syscalls/sys_exit\n    long id\n    long ret\n',
      stderr: '',
    });
  });

  it('takes the spellings of sections and of bpftrace for the same', () => {
    const section = lines('tracepoint/sched/*');
    expect(section).toContain('tracepoint/sched/sched_process_exit');
    expect(lines('tracepoint:sched:*')).toEqual(section);
    expect(lines('-v', 'tp_btf/sched_wakeup')).toEqual([
      'tp_btf/sched_wakeup',
      '    struct task_struct *p',
    ]);
  });

  it('finds a name alone among all kinds, and says on stderr what is not listed', () => {
    const { status, stdout, stderr } = probes('sched_process_exit');
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'tracepoint/sched/sched_process_exit',
      'raw_tp/sched_process_exit',
      'tp_btf/sched_process_exit',
    ]);
    for (const line of stderr.split('\n').slice(0, -1)) expect(line).toMatch(/^[a-z_, ]+: /);
  });

  it('lists everything, each line a probe', () => {
    const all = lines();
    expect(all.length).toBeGreaterThan(4000);
    const kinds = new Set(all.map((line) => line.slice(0, line.indexOf('/'))));
    for (const kind of ['tracepoint', 'raw_tp', 'tp_btf', 'iter', 'perf_event'])
      expect(kinds).toContain(kind);
    const events = readFileSync(`${tracefs()}/available_events`, 'latin1').trim().split('\n');
    expect(all.filter((line) => line.startsWith('tracepoint/'))).toHaveLength(events.length);
  });

  it('prints JSON, a line for each, with arguments if they are asked for', () => {
    expect(lines('--json', 'perf_event/cpu-clock').map((line) => JSON.parse(line))).toEqual([
      { kind: 'perf_event', section: 'perf_event', name: 'cpu-clock' },
    ]);
    const [probe] = lines('--json', '-v', 'tp_btf/sched_wakeup').map((line) => JSON.parse(line));
    expect(probe).toEqual({
      kind: 'tp_btf',
      section: 'tp_btf/sched_wakeup',
      name: 'sched_wakeup',
      arguments: [
        { name: 'p', type: 'struct task_struct *', declaration: 'struct task_struct *p' },
      ],
    });
  });

  it('ends quietly when nobody reads on', () => {
    const script = `${process.execPath} ${built.main} probes | head -n 1; echo "$PIPESTATUS"`;
    const [, status] = execFileSync('bash', ['-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).split('\n');
    expect(status).toBe('0');
  });

  it('waits for a slow reader without a warning', () => {
    const script = `${process.execPath} ${built.main} probes --json fentry 2>&1 | { sleep 1; cat; }`;
    const text = execFileSync('bash', ['-c', script], { encoding: 'utf8', maxBuffer: 1 << 28 });
    expect(text).not.toContain('MaxListeners');
    expect(text.split('\n').length).toBeGreaterThan(10_000);
  });

  it('says which names are similar to one that does not exist', () => {
    const { status, stdout, stderr } = probes('tracepoint:sched:sched_proces_exit');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(
      'beespoke: no probe is like "tracepoint:sched:sched_proces_exit"; similar names: sched_process_exit, ',
    );
  });

  it('says of hooks that have no list of places that they have none', () => {
    const { status, stderr } = probes('struct_ops/*');
    expect([status, stderr.split('\n').at(-2)]).toEqual([
      1,
      'beespoke: where programs of type struct_ops can be attached is not listed; kprobe, fentry, tracepoint, raw_tp, tp_btf, iter, lsm, perf_event, uprobe, usdt are',
    ]);
    expect(probes('fexit/no_such_function').stderr).toContain(
      'no probe is like "fexit/no_such_function"',
    );
  });

  const kprobes = existsSync('/sys/bus/event_source/devices/kprobe');
  it.skipIf(kprobes)(
    kprobes
      ? 'says why there are no kprobes (skipped: there are)'
      : 'says why there are no kprobes',
    () => {
      const { status, stdout, stderr } = probes('kprobe/vfs_*');
      expect({ status, stdout, stderr }).toEqual({
        status: 3,
        stdout: '',
        stderr: expect.stringMatching(/^beespoke: kprobe: this kernel has no kprobes \(CONFIG_/),
      });
    },
  );

  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot)(
    isRoot ? 'lists without root what it can' : 'lists without root what it can (skipped: no root)',
    () => {
      const unprivileged = (...args: readonly string[]) =>
        spawnSync(process.execPath, [built.main, 'probes', ...args], {
          encoding: 'utf8',
          maxBuffer: 1 << 28,
          uid: 65534,
          gid: 65534,
        });
      const found = unprivileged('sched_wakeup');
      expect(found.status).toBe(0);
      expect(found.stdout).toBe('raw_tp/sched_wakeup\ntp_btf/sched_wakeup\n');
      expect(found.stderr).toContain('tracepoint: tracepoints need tracefs');
      expect(found.stderr).toContain('run it as root (sudo)');
      const none = unprivileged('tracepoint:sched:*');
      expect([none.status, none.stdout]).toEqual([3, '']);
      expect(none.stderr).toMatch(/^beespoke: tracepoint: tracepoints need .*run it as root/);
    },
  );
});

describe('beespoke probes of a file', () => {
  it('lists functions of a program, where uprobes are set at them', () => {
    const found = lines(`uprobe:${process.execPath}:*uv_run`);
    expect(found).toContain(`uprobe/${process.execPath}:uv_run`);
  });

  it('takes the libraries of a process', () => {
    const [line, ...rest] = lines('--json', '--pid', String(process.pid), 'uprobe:libc.so.6:fopen');
    expect(rest).toEqual([]);
    const { section, path } = JSON.parse(line!);
    expect(section).toBe('uprobe/libc.so.6:fopen');
    expect(readFileSync('/proc/self/maps', 'utf8')).toContain(path);
  });

  it('says when there is no such file, or none at all', () => {
    expect(probes('usdt:/no/such/file').stderr).toBe('beespoke: there is no file /no/such/file\n');
    expect(probes('usdt:/bin/true').stderr).toBe('beespoke: no probe is like "usdt:/bin/true"\n');
    expect(probes('uprobe:/tmp:x').stderr).toBe('beespoke: /tmp is no regular file\n');
    expect(probes('usdt:/no/such/file').status).toBe(1);
    expect(probes('uprobe:*')).toMatchObject({
      status: 2,
      stderr:
        'beespoke: functions and static probes are those of a file: uprobe:/bin/bash, usdt:libc.so.6\n',
    });
  });
});

describe('beespoke probes', () => {
  it('explains itself', () => {
    const { status, stdout } = probes('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('beespoke probes [PATTERN] [options]');
  });

  it('takes one pattern', () => {
    const { status, stderr } = probes('a', 'b');
    expect([status, stderr]).toEqual([2, 'beespoke: unexpected argument "b"\n']);
  });
});
