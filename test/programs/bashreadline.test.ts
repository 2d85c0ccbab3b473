import { spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernel, noBpf } from '../syscall/support.ts';
import { Called } from './called.ts';
import { Cli } from './shell.ts';

const noTerminal =
  spawnSync('script', ['-qc', 'bash --version', '/dev/null'], { stdio: 'ignore' }).status === 0
    ? ''
    : ' (skipped: there is no bash, or no script(1))';

describe.skipIf(noBpf)(kernel('bashreadline'), () => {
  let called: Called;
  beforeAll(() => {
    called = new Called();
  });
  afterAll(() => called.close());

  it('shows what is typed into a program that has a readline of its own', async () => {
    using child = called.start();
    await using cli = new Cli('bashreadline', '-s', called.path);
    await cli.attached();
    await child.round('begun before'); // the call was entered when nobody looked
    await child.round('echo "one two"');
    await child.round('exit');
    expect(await cli.stop()).toBe(0);
    const pid = String(child.pid).padEnd(7);
    const lines = cli.lines.map((line) => line.replace(/^\d\d:\d\d:\d\d/, 'hh:mm:ss'));
    expect(lines).toEqual([
      'TIME      PID     COMMAND',
      `hh:mm:ss  ${pid} echo "one two"`,
      `hh:mm:ss  ${pid} exit`,
    ]);
  });

  it.skipIf(noTerminal)(`shows what is typed into bash${noTerminal}`, async () => {
    await using cli = new Cli('bashreadline', '--json');
    await cli.attached();
    const line = `: ${'long '.repeat(100)}end`;
    const bash = spawn('script', ['-qc', 'bash --norc --noprofile -i', '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const ended = new Promise((done) => bash.on('close', done));
    // A command is typed when bash is ready for it.
    for (const text of [line, 'exit']) {
      await new Promise((done) => bash.stdout.once('data', done));
      bash.stdin.write(`${text}\n`);
    }
    await ended;
    await cli.stop();
    const commands = cli.objects.map(({ command }) => command);
    expect(commands).toContain(line);
    expect(cli.objects.every(({ commandCut }) => commandCut === false)).toBe(true);
  });

  it('says where it has looked', async () => {
    await using cli = new Cli('bashreadline', '-s', '/bin/true');
    expect(await cli.ended()).toBe(1);
    expect(cli.stderr).toBe(
      'beespoke: /bin/true has no function readline; -s says where bash or its libreadline.so is\n',
    );
  });
});
