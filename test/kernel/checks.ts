/** What checks share that run as tests and, without vitest, on other kernels. */
import { readdirSync, readFileSync } from 'node:fs';
import { type Code, exit, mov, r0 } from '../../src/index.ts';
import { openDescriptors } from '../../src/syscall/index.ts';

export const done: Code = [mov(r0, 0), exit()];

/** What this process holds: descriptors, our owners of them, and mappings of BPF. */
export const holdings = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  owned: openDescriptors(),
  mappings: readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => /bpf|perf_event|anon_inode/.test(line)).length,
});
