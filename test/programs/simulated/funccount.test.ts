import { describe, expect, it } from 'vitest';
import { funccount } from '../../../src/programs/funccount.ts';
import type { System } from '../../../src/programs/system.ts';
import { defaults } from '../../../src/programs/tool.ts';
import { simulate } from '../../../src/testing/index.ts';

const KERNEL = ['vfs_read', 'vfs_write'];
const system = (multi: boolean): System =>
  ({
    hasHook: () => multi,
    kernelFunctions: (pattern) =>
      KERNEL.filter(
        (name) => pattern === 'vfs_*' || (pattern instanceof RegExp && pattern.test(name)),
      ),
    tracepoints: () => ['sched:sched_switch', 'sched:sched_wakeup'],
    staticPlaces: (file, pattern) =>
      file === '/bin/app' && pattern === 'app:*'
        ? [
            { name: 'app:start', offset: 64, referenceCounter: 0 },
            { name: 'app:end', offset: 96, referenceCounter: 512 },
            { name: 'app:end', offset: 128, referenceCounter: 512 },
          ]
        : [],
    functions: (file, pattern) =>
      file === 'libc.so.6' && pattern === 'mem*'
        ? [
            { name: 'memcpy', offset: 64 },
            { name: 'memset', offset: 128 },
          ]
        : [],
  }) as Partial<System> as System;

type Options = Parameters<NonNullable<typeof funccount.attach>>[0];

const optionsOf = (pattern: string, multi: boolean, given: object = {}): Options => {
  const options = defaults(funccount.options, { pattern, ...given });
  return { ...options, ...funccount.find!(options, system(multi)) };
};
const hooksOf = (options: Options) =>
  Object.entries(funccount.object(options).programs).map(([name, entry]) => [
    name,
    (entry.kind === 'first-of' ? entry.programs : [entry as never]).map(
      ({ hook }: { hook: { section: string } }) => hook.section,
    ),
  ]);

describe('funccount', () => {
  it('is one program at all functions, which cookies tell apart', () => {
    const options = optionsOf('vfs_*', true);
    expect(hooksOf(options)).toEqual([['count', ['kprobe.multi/vfs_*']]]);
    expect(funccount.attach!(options)).toEqual({ count: { functions: KERNEL, cookies: [0, 1] } });
    const file = optionsOf('c:mem*', true, { pid: 181 });
    expect(hooksOf(file)).toEqual([['count', ['uprobe.multi/libc.so.6:mem*']]]);
    expect(funccount.attach!(file)).toEqual({
      count: { path: 'libc.so.6', offsets: [64, 128], cookies: [0, 1], pid: 181 },
    });
  });

  it('is a program for each function where there are no multi-probes, and for each tracepoint', () => {
    const kernel = optionsOf('vfs_*', false);
    expect(hooksOf(kernel)).toEqual([
      ['count0', ['kprobe/vfs_read']],
      ['count1', ['kprobe/vfs_write']],
    ]);
    expect(funccount.attach!(kernel)).toEqual({});
    expect(funccount.attach!(optionsOf('c:mem*', false))).toEqual({
      count0: { path: 'libc.so.6', offset: 64, pid: undefined },
      count1: { path: 'libc.so.6', offset: 128, pid: undefined },
    });
    expect(hooksOf(optionsOf('t:sched:*', true))).toEqual([
      ['count0', ['tracepoint/sched/sched_switch']],
      ['count1', ['tracepoint/sched/sched_wakeup']],
    ]);
  });

  it('is at each place of static probes, with their semaphores', () => {
    const multi = optionsOf('u:/bin/app:app:*', true);
    expect(hooksOf(multi)).toEqual([['count', ['uprobe.multi//bin/app:app:*']]]);
    expect(funccount.attach!(multi)).toEqual({
      count: {
        path: '/bin/app',
        offsets: [64, 96, 128],
        referenceCounters: [0, 512, 512],
        cookies: [0, 1, 2],
        pid: undefined,
      },
    });
    const alone = optionsOf('u:/bin/app:app:*', false);
    expect(hooksOf(alone).map(([name]) => name)).toEqual(['count0', 'count1', 'count2']);
    expect(funccount.attach!(alone)).toMatchObject({
      count2: { path: '/bin/app', offset: 128, referenceCounter: 512 },
    });
  });

  it('is at what a regular expression fits, which its section does not have', () => {
    const options = optionsOf('vfs_(read|open)', true, { regexp: true });
    expect(hooksOf(options)).toEqual([['count', ['kprobe.multi']]]);
    expect(funccount.attach!(options)).toEqual({
      count: { functions: ['vfs_read'], cookies: [0] },
    });
    const general = funccount.object({ pattern: 'c:(mem|str)cpy', regexp: true });
    expect(general.programs.count).toMatchObject({
      programs: [{ hook: { section: 'uprobe.multi' } }, { hook: { section: 'uprobe' } }],
    });
    expect(funccount.conflict!(defaults(funccount.options, { pattern: 'a(', regexp: true }))).toBe(
      '--regexp: "a(" is no regular expression: unterminated group',
    );
  });

  it('takes the spellings of the original', () => {
    const asked: unknown[] = [];
    const note =
      (what: string) =>
      (...words: unknown[]) => {
        asked.push([what, ...words]);
        return [{ name: 'f', offset: 0, referenceCounter: 0 }];
      };
    const machine = {
      hasHook: () => true,
      kernelFunctions: note('kernel'),
      tracepoints: note('tracepoints'),
      functions: note('functions'),
      staticPlaces: note('static'),
    } as unknown as System;
    const find = (pattern: string, given: object = {}) =>
      funccount.find!(defaults(funccount.options, { pattern, ...given }), machine);
    find('p::vfs_*');
    find('p:c:mem*');
    find('./a:b:mem*');
    find('u:c:libc:set*');
    find('t:sched:*');
    find('(?:tcp|udp)_', { regexp: true });
    find('p::a(?::b)', { regexp: true });
    find('u:app:(?:a|b)', { regexp: true, pid: 7 });
    expect(asked).toEqual([
      ['kernel', 'vfs_*'],
      ['functions', 'libc.so.6', 'mem*', undefined],
      ['functions', './a:b', 'mem*', undefined],
      ['static', 'libc.so.6', 'libc:set*', undefined],
      ['tracepoints', 'sched:*'],
      ['kernel', /^(?:(?:tcp|udp)_)/],
      ['kernel', /^(?:a(?::b))/],
      ['static', 'app', /^(?:(?:a|b))/, 7],
    ]);
  });

  it('counts each function on each CPU', () => {
    let cookie = 0n;
    const machine = simulate(funccount.object(optionsOf('vfs_*', true)), {
      helpers: { get_attach_cookie: () => cookie },
    });
    const { count } = machine.programs;
    const run = (which: bigint, cpu: number) => {
      cookie = which;
      machine.cpu = cpu;
      count!.run({});
    };
    run(0n, 0);
    run(1n, 0);
    run(1n, 1);
    run(1n, 1);
    run(7n, 0); // none of ours
    expect([...machine.maps.counts.entries()]).toEqual([
      [0, [1n, 0n]],
      [1, [1n, 2n]],
    ]);
  });

  it('counts one process, and one CPU, when it is told to', () => {
    const spec = funccount.object(optionsOf('vfs_*', false, { pid: 7, cpu: 1 }));
    const machine = simulate(spec, { task: { pid: 8, tgid: 7, comm: 'cat' } });
    const { count1 } = machine.programs;
    for (const cpu of [0, 1]) {
      machine.cpu = cpu;
      count1!.run({});
    }
    machine.task = { pid: 7, tgid: 9, comm: 'cat' };
    count1!.run({});
    expect([...machine.maps.counts.values()]).toEqual([
      [0n, 0n],
      [0n, 1n],
    ]);
  });

  it('shows what was gained, the most frequent last, and nothing of what was not called', () => {
    const output = funccount.output as unknown as {
      gained: (now: readonly bigint[], before?: readonly bigint[]) => readonly bigint[];
      text: (entries: unknown, options: unknown, moment: unknown) => readonly string[];
      banner: (options: unknown) => string;
    };
    expect(output.gained([5n, 7n], [1n, 7n])).toEqual([4n, 0n]);
    expect(output.gained([5n, 7n])).toEqual([5n, 7n]);
    const options = optionsOf('vfs_*', true, { timestamp: true });
    expect(output.banner(options)).toBe('Tracing 2 functions for "vfs_*"... Hit Ctrl-C to end.');
    const moment = { time: '12:34:56', epochMs: 0 };
    const entries = [
      [0, [1200n, 1n]],
      [1, [3n, 0n]],
    ];
    expect(output.text(entries, options, moment)).toEqual([
      '',
      '12:34:56',
      'FUNC                                    COUNT',
      'vfs_write                                   3',
      'vfs_read                                 1201',
    ]);
    expect(output.text([[0, [0n]]], optionsOf('vfs_*', true), moment)).toEqual([
      '',
      'FUNC                                    COUNT',
    ]);
  });

  it('says what does not fit, and how many would be too many', () => {
    expect(() => optionsOf('nothing*', true)).toThrow('no function fits nothing*');
    const many = {
      ...system(false),
      kernelFunctions: () => Array.from({ length: 1001 }, (_, index) => `f${index}`),
    };
    const options = defaults(funccount.options, { pattern: '*' });
    expect(() => funccount.find!(options, many)).toThrow(
      '1001 functions fit *, and without multi-probes (Linux 5.18 for the kernel, 6.6 for files) there can be 1000',
    );
  });
});
