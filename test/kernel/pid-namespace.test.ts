import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isInPidNamespace, outerPid } from '../../src/kernel/pid-namespace.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { expectGone } from './object-support.ts';

describe.skipIf(noBpf)(kernel('a process of a container'), () => {
  it('is found by the number that it has there', async () => {
    const script = fileURLToPath(new URL('./contained.ts', import.meta.url));
    const child = spawn(
      'unshare',
      ['--pid', '--fork', '--mount-proc', process.execPath, '--import', 'tsx', script],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    try {
      const line = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
      const { inside, own, outer, nobody } = JSON.parse(String(line.value)) as {
        readonly [name: string]: number;
      };
      expect([inside, nobody]).toEqual([true, null]);
      // What the kernel says: the number here, then the one there.
      const status = readFileSync(`/proc/${outer}/status`, 'utf8');
      expect(/^NSpid:\s+(.*)$/m.exec(status)![1]!.split(/\s+/).map(Number)).toEqual([outer, own]);
    } finally {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    }
    await expectGone('tasks');
  });

  it.skipIf(isInPidNamespace())('is itself where there is no container', () => {
    expect(outerPid(process.pid)).toBe(process.pid);
  });
});
