import { describe, expect, it } from 'vitest';
import { EM, encodeUsdtSpec, parseUsdtArguments } from '../../../src/elf/index.ts';
import { decode, usdtMaps } from '../../../src/index.ts';
import type { StaticProbe, System } from '../../../src/programs/system.ts';
import { type Column, defaults } from '../../../src/programs/tool.ts';
import { traceUsdt } from '../../../src/programs/trace-usdt.ts';
import { simulate } from '../../../src/testing/index.ts';

const TEXT = '-4@%edi 8@%rsi 8@%rdx 2@(%rcx)';
const PROBE: StaticProbe = {
  file: '/bin/app',
  provider: 'app',
  name: 'request',
  args: parseUsdtArguments(TEXT, EM.X86_64),
  text: TEXT,
  places: 1,
};
const UNREADABLE: StaticProbe = { ...PROBE, name: 'odd', args: undefined, text: '4@%xmm0' };
const SYSTEM = {
  mappedFiles: () => ['/bin/app'],
  staticProbes: () => [PROBE, UNREADABLE],
} as Partial<System> as System;

const optionsOf = (given: object) => {
  const options = defaults(traceUsdt.options, { probe: '/bin/app:app:request', ...given });
  return { ...options, ...traceUsdt.find!(options, SYSTEM) };
};

describe('trace-usdt', () => {
  it.each([[[]], [['ringbuf']]])(
    'shows numbers, strings and what cannot be read, without %j',
    (without) => {
      const options = optionsOf({ strings: '1,2' });
      const machine = simulate(traceUsdt.object(options), {
        task: { pid: 8, tgid: 7, comm: 'app' },
        helpers: { get_attach_cookie: () => 0n },
        without,
      });
      const { programs, maps } = machine;
      const spec = encodeUsdtSpec(parseUsdtArguments(TEXT, EM.X86_64), 0n);
      maps.__bpf_usdt_specs.set(0, decode(usdtMaps().__bpf_usdt_specs.value, spec));
      const long = 'x'.repeat(300);
      programs.passed.run({ di: 0xffff_fffen, si: 'GET /', dx: long, cx: 16n });

      const output = traceUsdt.output as unknown as {
        columns: (options: object) => readonly Column<unknown>[];
        json: (event: unknown, options: object) => object;
      };
      const events = [...maps.events];
      const moment = { time: '12:34:56', epochMs: 0 };
      const row = (given: object) =>
        output.columns({ ...options, ...given }).map(({ text }) => text(events[0], moment));
      const text = `"GET /" "${'x'.repeat(256)}"...`;
      expect(row({})).toEqual(['7', '8', 'app', 'request', `-2 ${text} ?`]);
      expect(row({ hex: true, timestamp: true })).toEqual([
        '12:34:56',
        '7',
        '8',
        'app',
        'request',
        `0xfffffffe ${text} ?`,
      ]);
      expect(events.map((event) => output.json(event, options))).toEqual([
        {
          pid: 7,
          tid: 8,
          comm: 'app',
          provider: 'app',
          probe: 'request',
          args: [-2, 'GET /', 'x'.repeat(256), null],
          argsCut: [2],
        },
      ]);
    },
  );

  it('finds a probe in a file, or in the files of a process', () => {
    expect(optionsOf({}).found).toBe(PROBE);
    expect(optionsOf({ probe: 'app:request', pid: 181 }).found).toBe(PROBE);
    const programs = (given: object) => traceUsdt.object(optionsOf(given)).programs.passed.programs;
    expect(programs({}).map(({ hook }) => hook.section)).toEqual(['usdt//bin/app:app:request']);
  });

  it('says which probes there are, which arguments it cannot read, and which there are not', () => {
    expect(() => optionsOf({ probe: 'app:none', pid: 181 })).toThrow(
      'process 181 has no static probe app:none; it has app:request, app:odd',
    );
    expect(() => optionsOf({ probe: '/bin/app:app:odd' })).toThrow(
      'programs cannot read the arguments of /bin/app:app:odd: 4@%xmm0',
    );
    expect(() => optionsOf({ strings: '0,4' })).toThrow(
      '/bin/app:app:request has 4 arguments, from 0 on: there is no 4',
    );
  });
});
