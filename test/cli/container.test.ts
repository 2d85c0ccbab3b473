import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { kernel, noBpf } from '../syscall/support.ts';
import { commandOf } from './support.ts';

/** Runs a script of sh in a namespace of its own, as a container has one. */
const contained = (script: string) =>
  spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'sh', '-c', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });

describe.skipIf(noBpf)(kernel('a tool in a container'), () => {
  const command = (...args: string[]) => commandOf(...args).join(' ');

  it('follows the process that bears a number there, and says what it is outside', () => {
    const tool = command('exitsnoop', '-v', '-p', '$pid', '--json', '--duration', '60');
    const { stdout, stderr, status } = contained(`
      log=$(mktemp)
      sleep 600 & pid=$!
      ${tool} 2>"$log" & tool=$!
      until grep -q attached "$log" || ! kill -0 $tool; do sleep 0.1; done
      kill $pid
      sleep 1
      kill -INT $tool
      wait $tool
      status=$?
      cat "$log" >&2
      rm "$log"
      exit $status
    `);
    const [, own, outer] =
      /^exitsnoop: process (\d+) of this container is (\d+) outside of it, which is what is shown$/m.exec(
        stderr,
      ) ?? [];
    expect(Number(own), stderr).toBeLessThan(100);
    expect(Number(outer)).toBeGreaterThan(Number(own));
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([{ pid: Number(outer), comm: 'sleep', signal: 15 }]);
    expect(status).toBe(0);
  });

  it('knows no process that is outside of it', () => {
    const { stderr, status } = contained(command('exitsnoop', '-p', String(process.pid)));
    expect([stderr, status]).toEqual([`beespoke: --pid: there is no process ${process.pid}\n`, 1]);
  });
});
