/** Kernels with kprobes and trampolines are in attach-checks.test.ts, and in test/kernels. */
import { describe, expect, it } from 'vitest';
import { fentry, firstOf, kprobe, tracepoint } from '../../src/index.ts';
import { KernelWorld, loadObject } from '../../src/kernel/index.ts';
import { probePmu } from '../../src/kernel/probe-pmu.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, holdings, only, thrown } from './object-support.ts';

const noKprobes =
  noBpf ?? (probePmu('kprobe') ? undefined : 'this kernel has no kprobes (CONFIG_KPROBES)');
const world = new KernelWorld();
const noTrampolines =
  noBpf ??
  (world.hasHook(fentry('vfs_write', done).hook, { thorough: true })
    ? undefined
    : 'this kernel refuses fentry programs');

describe.skipIf(noBpf)(kernel('a kernel without kprobes'), () => {
  it.skipIf(noKprobes === undefined)('refuses them by their name', () => {
    using tool = loadObject(only(kprobe('vfs_write', done)));
    const before = holdings();
    const error = thrown(() => tool.attach());
    expect([error.name, error.message]).toEqual([
      'RequirementError',
      'kprobe/vfs_write: this kernel has no kprobes (CONFIG_KPROBES and CONFIG_KPROBE_EVENTS), or sysfs is not mounted on /sys; a tracepoint or tp_btf may do',
    ]);
    expect(holdings()).toEqual(before);
  });

  it('gets the variant that it can run', () => {
    using tool = loadObject(
      only(
        firstOf(
          fentry('no_such_function', done),
          kprobe('no_such_function', done),
          tracepoint('sched/sched_process_exit', done),
        ),
      ),
    );
    expect(tool.programs.program.spec.hook.section).toBe('tracepoint/sched/sched_process_exit');
  });

  it.skipIf(noTrampolines === undefined || noKprobes === undefined)(
    'gets a tracepoint where neither fentry nor kprobes can be used',
    () => {
      const before = holdings();
      {
        using tool = loadObject(
          only(
            firstOf(
              fentry('vfs_write', done),
              kprobe('vfs_write', done),
              tracepoint('sched/sched_process_exit', done),
            ),
          ),
        );
        expect(tool.programs.program.spec.hook.section).toBe('tracepoint/sched/sched_process_exit');
        expect(tool.attach()).toEqual([]);
      }
      expect(holdings()).toEqual(before);
    },
  );
});
