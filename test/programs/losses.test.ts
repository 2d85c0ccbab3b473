import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli } from './shell.ts';

const OPENS = 4000;
/** At each line: so many opens of two files, faster than they are printed. */
const SCRIPT = `while read go; do
  i=0
  while [ $i -lt ${OPENS / 2} ]; do command : </dev/null >/dev/null; i=$((i+1)); done
  echo done
done`;

describe.skipIf(noBpf)(kernel('what a tool loses'), () => {
  it('is told in numbers that add up', async () => {
    const child = spawn('sh', ['-c', SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'] });
    try {
      await using cli = new Cli('opensnoop', '--json', '--buffer', '4K', '-p', String(child.pid));
      await cli.attached();
      // The second one a second later, when the losses of the first have been told.
      for (let burst = 1; burst <= 2; burst++) {
        child.stdin.write('\n');
        await once(child.stdout, 'data');
        await new Promise((later) => setTimeout(later, 1500));
      }
      expect(await cli.stop()).toBe(0);
      const told = [...cli.stderr.matchAll(/^lost (\d+): events was full/gm)];
      expect(told.length).toBeGreaterThan(1);
      const lost = told.reduce((sum, [, count]) => sum + Number(count), 0);
      expect(cli.objects.length + lost).toBe(2 * OPENS);
    } finally {
      child.kill();
    }
  });
});
