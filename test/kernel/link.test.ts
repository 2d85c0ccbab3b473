import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  fetchAdd,
  globals,
  lea,
  mov,
  object,
  type ProgramSpec,
  r1,
  r2,
  rawTracepoint,
  struct,
  tpBtf,
  tracepoint,
  u64,
  xdp,
} from '../../src/index.ts';
import { type Feature, loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, holdings, inKernel, only, thrown } from './object-support.ts';

const Counter = struct('counter', { count: u64.number });

/** An object whose program counts the ends of processes. */
const counting = (at: (body: ProgramSpec['body']) => ProgramSpec) => {
  const counter = globals(Counter);
  const body = [lea(r1, counter), mov(r2, 1), fetchAdd(Counter.at(r1).count, r2), done];
  return object({ license: 'GPL', maps: { counter }, programs: { li_program: at(body) } });
};

const KINDS: readonly [
  string,
  (body: ProgramSpec['body']) => ProgramSpec,
  { readonly without?: readonly Feature[] },
  'link' | 'ioctl',
  object | undefined,
][] = [
  [
    'tp_btf',
    (body) => tpBtf('sched_process_exit', body),
    {},
    'link',
    { type: 1, target: { kind: 'raw_tracepoint', name: 'sched_process_exit', cookie: 0n } },
  ],
  [
    'raw_tp',
    (body) => rawTracepoint('sched_process_exit', body),
    {},
    'link',
    { type: 1, target: { kind: 'raw_tracepoint', name: 'sched_process_exit', cookie: 0n } },
  ],
  [
    'tracepoint',
    (body) => tracepoint('sched/sched_process_exit', body),
    {},
    'link',
    // What is behind the type is known from Linux 6.6 on.
    { type: 7 },
  ],
  [
    'tracepoint, without links',
    (body) => tracepoint('sched/sched_process_exit', body),
    { without: ['perfLink'] },
    'ioctl',
    undefined,
  ],
];

describe.skipIf(noBpf)(kernel('a link'), () => {
  it.each(KINDS)('of %s runs the program until it is closed', (_kind, at, options, how, info) => {
    const before = holdings();
    {
      using tool = loadObject(counting(at), options);
      const loaded = holdings();
      tool.attach();
      const [link] = tool.links;
      expect(link!.how).toBe(how);
      expect(link!.hook).toBe(tool.programs.li_program.spec.hook.section);
      if (info) {
        expect(link!.info()).toMatchObject({
          ...info,
          progId: tool.programs.li_program.info().id,
        });
      } else {
        expect(thrown(() => link!.info()).message).toBe(
          'tracepoint/sched/sched_process_exit is attached without a link, which needs Linux 5.15',
        );
      }
      expect(inKernel('li_program').includes('link')).toBe(how === 'link');
      for (let run = 0; run < 5; run++) execFileSync('true');
      expect(tool.maps.counter.get('count')).toBeGreaterThanOrEqual(5);
      tool.detach();
      const after = tool.maps.counter.get('count');
      execFileSync('true');
      expect(tool.maps.counter.get('count')).toBe(after);
      link!.close();
      expect(holdings()).toEqual(loaded);
    }
    expect(holdings()).toEqual(before);
  });

  it('is refused for programs whose hook does not say where', () => {
    using tool = loadObject(only(xdp(done)));
    const error = thrown(() => tool.attach());
    expect([error.name, error.message]).toEqual([
      'RequirementError',
      "program: xdp does not say where to attach it: attach({ interface: 'eth0' })",
    ]);
  });
});
