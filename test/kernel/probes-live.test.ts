/** Lists of this kernel and of files, against what others say of them. Other kernels run probes-checks.ts as well. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kernelBtf, listProbes, probeArguments, tracefs } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { thrown } from './object-support.ts';
import {
  KPROBE_PROBE_CHECKS,
  PROBE_CHECKS,
  type ProbeCheck,
  refusal,
  TRAMPOLINE_PROBE_CHECKS,
} from './probes-checks.ts';

describe('the probes of a file', () => {
  const path = '/usr/lib/x86_64-linux-gnu/libstdc++.so.6';
  const tools = existsSync('/usr/bin/readelf') && existsSync(path);

  it.skipIf(!tools)('are functions and static probes, as readelf has them', () => {
    const notes = execFileSync('readelf', ['-n', path], { encoding: 'utf8' });
    const expected = [...notes.matchAll(/Provider: (\S+)\s+Name: (\S+)/g)].map(
      ([, provider, name]) => `usdt/${path}:${provider}:${name}`,
    );
    expect(expected.length).toBeGreaterThan(0);
    const found = (pattern: string) => listProbes({ pattern }).probes.map((each) => each.section);
    expect(found(`usdt:${path}`)).toEqual([...new Set(expected)].sort());
    expect(found(`usdt:${path}:libstdcxx:*`)).toEqual([...new Set(expected)].sort());
    expect(found(`${path}:__cxa_throw`)).toEqual([`uprobe/${path}:__cxa_throw`]);
    expect(found(`uretprobe/${path}:__cxa_throw`)).toEqual([`uretprobe/${path}:__cxa_throw`]);
    expect(found('usdt/libstdc++.so.6:libstdcxx:throw')).toEqual([
      'usdt/libstdc++.so.6:libstdcxx:throw',
    ]);
    expect(found(`*:${path}:*catch*`)).toContain(`usdt/${path}:libstdcxx:catch`);
  });

  it.skipIf(!tools)('have arguments where the notes say', () => {
    const notes = execFileSync('readelf', ['-n', path], { encoding: 'utf8' });
    const [, wanted = ''] = /Name: throw\n.*\n\s+Arguments: (.*)/.exec(notes) ?? [];
    const [probe] = listProbes({ pattern: `usdt:${path}:throw` }).probes;
    const args = probeArguments()(probe!)!;
    const sizes: Readonly<Record<string, number>> = { u64: 8, s64: -8, u32: 4, s32: -4 };
    expect(args.map(({ type, place }) => `${sizes[type]}@${place}`).join(' ')).toBe(wanted.trim());
    expect(args.map(({ declaration }) => declaration)).toEqual(['u64 arg0', 'u64 arg1']);
  });

  it('need a file, and one that exists', () => {
    expect(thrown(() => listProbes({ pattern: 'uprobe:*' })).message).toBe(
      'functions and static probes are those of a file: uprobe:/bin/bash, usdt:libc.so.6',
    );
    expect(thrown(() => listProbes({ pattern: 'usdt:/no/such:a:b' })).message).toBe(
      'there is no file /no/such',
    );
  });
});

const noKprobes = listProbes({ pattern: '*' }).missing.find((why) => why.startsWith('kprobe: '));
const noTrampolines = noBpf ?? refusal('fentry/vfs_read');

const missing = (() => {
  if (noBpf) return noBpf;
  try {
    tracefs();
    return kernelBtf() ? undefined : 'this kernel has no BTF';
  } catch (error) {
    return (error as Error).message;
  }
})();

describe.skipIf(missing)(kernel('the probes of this kernel'), () => {
  const pass = (checks: readonly ProbeCheck[], lacking?: string) => {
    for (const { name, run } of checks)
      it.skipIf(lacking)(
        lacking ? `${name} (skipped: ${lacking})` : name,
        () => {
          expect(run()).toMatch(/^\d+ /);
        },
        120_000,
      );
  };
  pass(PROBE_CHECKS);
  pass(KPROBE_PROBE_CHECKS, noKprobes);
  pass(TRAMPOLINE_PROBE_CHECKS, noTrampolines);

  it('are the tracepoints that tracefs lists, with the fields of their formats', () => {
    const file = readFileSync(`${tracefs()}/available_events`, 'latin1');
    const events = file.trim().split('\n').sort();
    const { probes } = listProbes({ pattern: 'tracepoint' });
    expect(probes.map(({ name }) => name.replace('/', ':')).sort()).toEqual(events);
    const read = probeArguments();
    for (const probe of probes.filter((_, index) => index % 20 === 0)) {
      const format = readFileSync(`${tracefs()}/events/${probe.name}/format`, 'latin1');
      const fields = [...format.matchAll(/field:(.*?);/g)].map(([, field]) => field!);
      expect(read(probe)?.map(({ declaration }) => declaration)).toEqual(
        fields.filter((field) => !/\bcommon_\w+$/.test(field)),
      );
    }
  });

  it('are the iterators that have a struct for their context', () => {
    const btf = kernelBtf()!;
    // `bpf_iter__task__safe_trusted` is what the verifier knows of the fields.
    const contexts = btf
      .idsOf('struct')
      .flatMap((id) => /^bpf_iter__(?!.*__safe_)(.*)/.exec(btf.name(id))?.[1] ?? []);
    const names = listProbes({ pattern: 'iter' }).probes.map(({ name }) => name);
    expect(names).toEqual([...new Set(contexts)].sort());
  });

  // What bpftrace 0.17 prints for `bpftrace -lv iter:task_file`, less the blanks behind stars.
  it('have the arguments that bpftrace lists', () => {
    const [probe] = listProbes({ pattern: 'iter/task_file' }).probes;
    expect(probeArguments()(probe!)?.map(({ declaration }) => declaration)).toEqual([
      'struct bpf_iter_meta *meta',
      'struct task_struct *task',
      expect.stringMatching(/^(u32|int) fd$/),
      'struct file *file',
    ]);
  });
});
