import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  call,
  fetchAdd,
  globals,
  helper,
  jne,
  label,
  lea,
  mov,
  object,
  perfEvent,
  r0,
  r2,
  r7,
  rsh,
  store,
  struct,
  u64,
} from '../../src/index.ts';
import { type AttachOptions, loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, expectGone, holdings, thrown } from './object-support.ts';

const Seen = struct('seen', { runs: u64.number, own: u64.number, pid: u64.number });

/** Counts all runs, and those in this process. */
const sampling = () => {
  const seen = globals(Seen);
  const fields = Seen.at(r7);
  const out = label('out');
  return object({
    license: 'GPL',
    maps: { seen },
    programs: {
      pe_program: perfEvent([
        lea(r7, seen),
        mov(r2, 1),
        fetchAdd(fields.runs, r2),
        call(helper.get_current_pid_tgid),
        rsh(r0, 32),
        store(fields.pid, r0),
        jne(r0, process.pid, out),
        mov(r2, 1),
        fetchAdd(fields.own, r2),
        out,
        done,
      ]),
    },
  });
};

/** Keeps this thread busy. */
const spin = (milliseconds: number): void => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

describe.skipIf(noBpf)(kernel('a program at a perf event'), () => {
  it.each([[[]], [['perfLink']]] as const)(
    'is run by the clock of every CPU, without %j',
    async (without) => {
      const before = holdings();
      {
        using tool = loadObject(sampling(), { without: [...without] });
        const loaded = holdings();
        {
          using link = tool.programs.pe_program.attach({ event: 'cpu-clock', frequency: 999 });
          expect(link.hook).toBe('perf_event cpu-clock');
          spin(200);
        }
        const { runs, own } = tool.maps.seen.values();
        expect(own).toBeGreaterThan(20);
        expect(runs).toBeGreaterThanOrEqual(own);
        expect(holdings()).toEqual(loaded);
        spin(50);
        expect(tool.maps.seen.get('runs')).toBe(runs);
      }
      expect(holdings()).toEqual(before);
      await expectGone('pe_program');
    },
  );

  it('is run for one process only', async () => {
    const child = spawn('/bin/sh', ['-c', 'while :; do :; done']);
    try {
      using tool = loadObject(sampling());
      using link = tool.programs.pe_program.attach({
        event: 'cpu-clock',
        period: 1_000_000,
        pid: child.pid,
      });
      expect(link.info().type).toBe(7);
      spin(200);
      await expect.poll(() => tool.maps.seen.get('runs'), { timeout: 5000 }).toBeGreaterThan(20);
      expect(tool.maps.seen.get('own')).toBe(0);
      expect(tool.maps.seen.get('pid')).toBe(child.pid);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('is run on one CPU, and for each of so many software events', () => {
    using tool = loadObject(sampling());
    const { pe_program } = tool.programs;
    using clock = pe_program.attach({ event: 'cpu-clock', frequency: 99, cpu: 0 });
    expect(clock.how).toBe('link');
    clock.close();
    const before = tool.maps.seen.get('own');
    using faults = pe_program.attach({ event: 'page-faults', period: 1, pid: process.pid });
    expect(faults.how).toBe('link');
    // Memory that was never touched: a fault for each page.
    const pages = new Uint8Array(64 << 20);
    for (let at = 0; at < pages.length; at += 4096) pages[at] = 1;
    expect(tool.maps.seen.get('own') - before).toBeGreaterThan(10);
  });

  it('is refused with a reason, and then nothing is left', () => {
    using tool = loadObject(sampling());
    const before = holdings();
    const refusal = (options?: AttachOptions) => {
      const error = thrown(() => tool.programs.pe_program.attach(options));
      return `${error.name}: ${error.message}`;
    };
    const needed =
      "RequirementError: pe_program: perf_event programs are attached with an event, and a period or a frequency: { event: 'cpu-clock', frequency: 99 }";
    expect(refusal()).toBe(needed);
    expect(refusal({ event: 'cpu-clock' })).toBe(needed);
    expect(refusal({ event: 'cpu-clock', frequency: 99, period: 1 })).toBe(needed);
    expect(`RequirementError: ${thrown(() => tool.attach()).message}`).toBe(needed);
    expect(refusal({ event: 'cycles' as never, frequency: 99 })).toMatch(
      /^TypeError: there is no event "cycles": cpu-clock, /,
    );
    expect(refusal({ event: 'cpu-clock', frequency: 99, pid: 0x3fff_ffff })).toBe(
      'RequirementError: cannot count cpu-clock: ESRCH, there is no such process',
    );
    expect(refusal({ event: 'cpu-clock', frequency: 99, cpu: 4000 })).toMatch(
      /^RequirementError: cannot count cpu-clock: (ENODEV|EINVAL), /,
    );
    expect(refusal({ event: 'cpu-clock', frequency: 1e9 })).toMatch(
      /^RequirementError: cannot count cpu-clock: EINVAL, the rate may be higher than /,
    );
    expect(holdings()).toEqual(before);
  });
});
