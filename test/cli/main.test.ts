import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { jsonLine } from '../../src/cli/printer.ts';
import { toolNames } from '../../src/cli/tools.ts';
import { build, root } from '../package/built.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const built = build();
const scratch = mkdtempSync(join(tmpdir(), 'beespoke-cli-'));
afterAll(() => {
  built.remove();
  rmSync(scratch, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const beespoke = (args: readonly string[], options: { uid?: number; gid?: number } = {}): Ended =>
  spawnSync(process.execPath, [built.main, ...args], { encoding: 'utf8', ...options });

/** A command of the shell, in which "$@" is the command line of beespoke so far. */
const shell = (script: string, ...unshare: readonly string[]): Ended => {
  const [command = 'bash', ...args] = [...unshare, 'bash', '-c', script, 'bash'];
  return spawnSync(command, [...args, process.execPath, built.main], { encoding: 'utf8' });
};

/** A failure says why in one sentence on stderr, and nothing else anywhere. */
const expectRefusal = ({ status, stdout, stderr }: Ended, expected: number, text: RegExp): void => {
  expect(stderr).toMatch(text);
  expect(stderr).toMatch(/^beespoke: [^\n]+\n$/);
  expect(stdout).toBe('');
  expect(status).toBe(expected);
};

/** What some tools do not run without. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  funccount: ['c:malloc'],
  'trace-usdt': ['-p', '1', 'provider:name'],
};

describe('the command line', () => {
  it('prints help', () => {
    const { status, stdout, stderr } = beespoke(['--help']);
    expect(stdout).toMatch(/^beespoke COMMAND/);
    for (const name of toolNames()) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(beespoke(['-h']).stdout).toBe(stdout);
    expect(beespoke(['help']).stdout).toBe(stdout);
  });

  it('prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const expected = { status: 0, stdout: `${version}\n`, stderr: '' };
    expect(beespoke(['--version'])).toMatchObject(expected);
    expect(beespoke(['-V'])).toMatchObject(expected);
  });

  it('says how it is used when nothing is asked', () => {
    const { status, stdout, stderr } = beespoke([]);
    expect(stderr).toMatch(/^beespoke COMMAND/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it.each([
    ['a command that does not exist', ['nope'], /there is no command "nope"/],
    ["a command named as an object's property", ['toString'], /there is no command "toString"/],
    ['a flag that does not exist', ['exitsnoop', '--nope'], /unknown option '--nope'/],
    [
      'a flag without its value',
      ['exitsnoop', '--duration'],
      /^beespoke: --duration lacks its value$/m,
    ],
    [
      'a value with a dash',
      ['exitsnoop', '-p', '-1'],
      /beespoke: -p lacks its value: .* with a dash$/m,
    ],
    ['an option at the end', ['exitsnoop', '-p'], /beespoke: -p, --pid lacks its value$/m],
    ['a name without end', ['x'.repeat(1e5)], /^beespoke: .{2000} \.\.\.$/m],
    ['a value that is no number', ['exitsnoop', '--duration', 'x'], /--duration .* "x"/],
    ['a number out of range', ['exitsnoop', '--duration', '0'], /--duration .* "0"/],
    ['a size that is none', ['exitsnoop', '--buffer', '12Q'], /--buffer .* "12Q"/],
    ['an argument too many', ['exitsnoop', 'more'], /unexpected argument "more"/],
    ['a tool that does not exist', ['disasm', 'nope'], /there is no tool "nope"/],
  ])('refuses %s', (_, args, text) => {
    expectRefusal(beespoke(args), 2, text);
  });

  it('fails for a process that does not exist', () => {
    expectRefusal(beespoke(['exitsnoop', '-p', '4194304']), 1, /there is no process.* 4194304/);
  });

  // A tracepoint whose files cannot be opened is not one that the kernel does not have.
  it.skipIf(noBpf)('says that too many files are open, and never goes on without a part', () => {
    const whole = beespoke(['opensnoop', '--duration', '1']).stderr;
    expect(whole).toMatch(/attached \(\d+ programs\)/);
    const seen = new Set<number | null>();
    // One by one: about every second limit is met while such a file is opened.
    for (const limit of [...Array.from({ length: 16 }, (_, i) => 26 + i), 74]) {
      const limited = `ulimit -n ${limit}; exec "$@"`;
      const { status, stderr } = spawnSync(
        'sh',
        ['-c', limited, 'sh', process.execPath, built.main, 'opensnoop', '--duration', '1'],
        { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
      );
      seen.add(status);
      if (status === 0) expect(stderr, String(limit)).toBe(whole);
      else
        expect([limit, status, stderr]).toEqual([limit, 1, expect.stringMatching(/too many open/)]);
    }
    expect(seen).toEqual(new Set([1, 0]));
  });

  it('fails for a thread where a process is asked for', () => {
    const thread = readdirSync('/proc/self/task').find((tid) => Number(tid) !== process.pid)!;
    const refusal = `--pid: ${thread} is a thread, of process ${process.pid}`;
    expectRefusal(beespoke(['opensnoop', '-p', thread, '--duration', '1']), 1, new RegExp(refusal));
  });

  it('fails for a cgroup that does not exist', () => {
    expectRefusal(beespoke(['hardirqs', '-c', '99']), 1, /99 is not a directory of a cgroup2 file/);
  });

  it.each(toolNames())('explains %s', (name) => {
    const { status, stdout, stderr } = beespoke([name, '--help']);
    expect(stdout).toMatch(new RegExp(`^beespoke ${name} \\[options\\]`));
    for (const flag of ['json', 'duration SECONDS', 'buffer SIZE', 'verbose', 'help']) {
      expect(stdout).toContain(`--${flag}`);
    }
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.each(toolNames())(
    'lists the instructions of %s with their lines, without a kernel',
    (name) => {
      const { status, stdout, stderr } = beespoke(['disasm', name]);
      expect(stdout).toMatch(/^ +0: \(..\) .* ; .*\b[a-z-]+\.ts:\d+/m);
      expect(stdout).not.toMatch(/\.js:\d+/);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    },
  );
});

describe('into a pipe that is closed', () => {
  it.each([['--help'], ['disasm exitsnoop'], ['list']])('%s ends quietly', (args) => {
    const { stdout, stderr } = shell(`"$@" ${args} | true; echo "\${PIPESTATUS[0]}"`);
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  it('a complaint keeps its status', () => {
    const { stdout, stderr } = shell(`"$@" nope 2>&1 | true; echo "\${PIPESTATUS[0]}"`);
    expect({ stdout, stderr }).toEqual({ stdout: '2\n', stderr: '' });
  });
});

describe('output that cannot be written', () => {
  it.each([['--help'], ['doctor --json'], ['probes'], ['btf u32'], ['exitsnoop --simulate']])(
    '%s says so in one sentence, and fails',
    (args) => {
      const { stdout, stderr } = shell(`"$@" ${args} 2>&1 >/dev/full; echo "$?"`);
      const said = `${stdout}${stderr}`.trim().split('\n');
      expect(said.slice(-2)).toEqual([
        'beespoke: cannot write the output: ENOSPC: no space left on device, write',
        '1',
      ]);
      expect(said.join('\n')).not.toMatch(/^ +at /m);
      expect(said.join('\n').match(/cannot write/g)).toHaveLength(1);
    },
  );
});

describe('a slow reader', () => {
  it('gets everything, and no warning', () => {
    // More than its pipe holds, many times.
    const script = `"$@" btf raw | { sleep 1; wc -l; }`;
    const { stdout, stderr } = shell(script);
    expect(stderr).toBe('');
    expect(Number(stdout)).toBeGreaterThan(1000);
  });
});

describe('control characters', () => {
  it('are escaped in complaints', () => {
    expectRefusal(beespoke(['\x1b[31m']), 2, /"\\u001b\[31m"/);
    expectRefusal(beespoke(['exitsnoop', '--\x1b[31m']), 2, /'--\\x1b\[31m'/);
    expectRefusal(beespoke(['\x9b31m']), 2, /\\x9b31m/);
  });

  it('are escaped in JSON, those too that JSON allows', () => {
    const text = '\x00\x1b\n\x7f\x9bäö';
    expect(jsonLine({ text })).toBe('{"text":"\\u0000\\u001b\\n\\u007f\\u009bäö"}');
    expect(JSON.parse(jsonLine({ text }))).toEqual({ text });
  });
});

describe.skipIf(noBpf)(kernel('a running tool'), () => {
  /** Runs exitsnoop until `act` is done and its events are there. */
  const exitsnoop = async (args: readonly string[], act: () => void): Promise<Ended> => {
    const child = spawn(process.execPath, [built.main, 'exitsnoop', ...args]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
      if (stderr.endsWith('Ctrl-C ends it\n')) {
        act();
        child.kill('SIGINT');
      }
    });
    const status = await new Promise<number | null>((done) => child.on('close', done));
    return { status, stdout, stderr };
  };

  it('escapes control characters in its table', async () => {
    const odd = join(scratch, 'a\x1b[31mb\n');
    copyFileSync('/bin/true', odd);
    const { status, stdout } = await exitsnoop([], () => execFileSync(odd));
    expect(stdout).toMatch(/^a\\x1b\[31mb\\x0a +\d+/m);
    expect(stdout).not.toContain('\x1b');
    expect(status).toBe(0);
  });

  it('prints one object a line, and nothing else on stdout', async () => {
    const { status, stdout, stderr } = await exitsnoop(['--json'], () =>
      spawnSync('sh', ['-c', 'exit 7']),
    );
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toContainEqual(expect.objectContaining({ comm: 'sh', exitCode: 7, signal: 0 }));
    expect(stderr).toBe('exitsnoop: attached (1 program); Ctrl-C ends it\n');
    expect(status).toBe(0);
  });

  it('ends when nobody reads any more', () => {
    const script = `"$@" exitsnoop --duration 20 | head -1; echo "\${PIPESTATUS[0]}"`;
    const started = performance.now();
    const { stdout } = shell(`(for i in 1 2 3 4 5 6; do sleep 0.5; done) & ${script}`);
    expect(stdout).toMatch(/^PCOMM .*\n0\n$/);
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});

describe('where programs cannot be loaded', () => {
  /** A preload that makes this look like another system. */
  const onSystem = (platform: string): readonly string[] => {
    const preload = join(scratch, `${platform}.cjs`);
    writeFileSync(preload, `Object.defineProperty(process, 'platform', { value: '${platform}' });`);
    return ['--require', preload, built.main];
  };

  it.each(['darwin', 'win32', 'freebsd'])('on %s, it says so', (platform) => {
    for (const command of [['exitsnoop'], ['opensnoop', '--json'], ['list']]) {
      const args = [...onSystem(platform), ...command];
      const ended = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expectRefusal(ended, 3, new RegExp(`loads programs on Linux .*; this is ${platform}/`));
    }
  });

  it('on another system, help and listings work', () => {
    for (const command of [['--help'], ['exitsnoop', '--help'], ['disasm', 'exitsnoop']]) {
      const args = [...onSystem('darwin'), ...command];
      expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({
        status: 0,
        stderr: '',
      });
    }
  });

  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const noNobody =
    spawnSync(process.execPath, ['--version'], nobody).status === 0
      ? ''
      : ' (skipped: another user cannot run this Node)';

  it.skipIf(noNobody).each(toolNames())(
    `without root, %s says what it lacks${noNobody}`,
    (name) => {
      expectRefusal(beespoke([name, ...(ARGUMENTS[name] ?? [])], nobody), 3, /CAP_|as root/);
    },
  );

  it.skipIf(noNobody)(`without root, list says of each tool what it lacks${noNobody}`, () => {
    const { status, stdout, stderr } = beespoke(['list'], nobody);
    for (const name of toolNames()) expect(stdout).toMatch(new RegExp(`^${name} +no .*root`, 'm'));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  const noNamespace =
    spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'no private mounts';
  const reason = noBpf ?? noNamespace;
  const note = reason ? ` (skipped: ${reason})` : '';

  it.skipIf(reason)(`without the kernel's BTF, a tool that needs it says so${note}`, () => {
    const script = 'mount -t tmpfs none /sys/kernel/btf && exec "$@" exitsnoop --duration 1';
    expectRefusal(shell(script, 'unshare', '-m'), 3, /BTF/);
  });

  const hideTracefs = [
    'mount -t tmpfs none /sys/kernel/tracing',
    'if [ -d /sys/kernel/debug ]; then mount -t tmpfs none /sys/kernel/debug; fi',
  ].join(' && ');

  it.skipIf(reason)(`without tracefs, a tool that needs it says how to mount it${note}`, () => {
    const ended = shell(`${hideTracefs} && exec "$@" opensnoop --duration 1`, 'unshare', '-m');
    expectRefusal(ended, 3, /mount -t tracefs tracefs \/sys\/kernel\/tracing/);
  });

  it.skipIf(reason)(`without tracefs, list says which tools need it${note}`, () => {
    const { stdout } = shell(`${hideTracefs} && exec "$@" list`, 'unshare', '-m');
    expect(stdout).toMatch(/^exitsnoop +yes /m);
    for (const name of ['hello', 'hello-perf', 'opensnoop'])
      expect(stdout).toMatch(new RegExp(`^${name} +no .*\\(.*tracefs.*\\)$`, 'm'));
  });

  it.skipIf(reason)(`without tracefs, exitsnoop does without${note}`, () => {
    const ended = shell(`${hideTracefs} && exec "$@" exitsnoop --duration 1`, 'unshare', '-m');
    expect(ended).toMatchObject({ status: 0, stderr: expect.stringContaining('attached') });
  });
});
