/** Checks of probes in user programs: functions that this process calls, and a static probe of a program of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readObject } from '../../src/elf/index.ts';
import {
  type Code,
  call,
  helper,
  hookArguments,
  i32,
  i64,
  load,
  loadSigned,
  type ProgramSpec,
  pointer,
  r1,
  r6,
  sleepable,
  store,
  uprobe,
  uprobeMulti,
  uprobeSession,
  uretprobe,
  uretprobeMulti,
} from '../../src/index.ts';
import { type Feature, type Globals, loadObject } from '../../src/kernel/index.ts';
import { loadKoffi } from '../../src/syscall/koffi.ts';
import { Called } from '../programs/called.ts';
import type { Check } from './attach-support.ts';
import { cookie, type SeenPlace, sees, type Trial } from './attach-tracing-support.ts';

// ----------
// Functions
// ----------

const library = () => loadKoffi().load(null);

/** How many arenas the C library makes before it counts processors: an option that changes nothing here. */
const M_ARENA_TEST = -7;
const ARENAS = 8;

/** `int mallopt(int param, int value)`, which returns 1. */
const mallopt = (): void => {
  const set = library().func('mallopt', 'int', ['int', 'int']);
  assert.equal(set(M_ARENA_TEST, ARENAS), 1);
};

const PATH = '/dev/null';
/** `FILE *fopen(const char *path, const char *mode)`, and `int fclose(FILE *)`. */
const fopen = (): void => {
  const open = library().func('fopen', 'void *', ['str', 'str']);
  const close = library().func('fclose', 'int', ['void *']);
  assert.equal(close(open(PATH, 'r')), 0);
};

const Option = hookArguments({ param: i32, value: i32 });
const Returned = hookArguments({ retval: i64 });
const Opened = hookArguments({ path: pointer() });

const numbers = (seen: SeenPlace): Code => [
  loadSigned(r1, Option.at(r6).param),
  store(seen.first, r1),
  loadSigned(r1, Option.at(r6).value),
  store(seen.second, r1),
];
const result = (seen: SeenPlace): Code => [
  load(r1, Returned.at(r6).retval),
  store(seen.result, r1),
];
const text = (seen: SeenPlace): Code => [
  load(r1, Opened.at(r6).path),
  call(helper.probe_read_user_str, seen.text, 16, r1),
];

const LIBC = 'libc.so.6';
const entry: Omit<Trial, 'make'> = {
  code: numbers,
  act: mallopt,
  expected: { first: BigInt(M_ARENA_TEST), second: BigInt(ARENAS) },
};
const exit: Omit<Trial, 'make'> = { code: result, act: mallopt, expected: { result: 1n } };
const atOption = (body: Code) => uprobe(`${LIBC}:mallopt`, body);
const afterOption = (body: Code) => uretprobe(`${LIBC}:mallopt`, body);
const PERF_LINKS = '5.15';

type Row = readonly [name: string, about: Pick<Check, 'way' | 'since'>, trial: Trial];

const checks = (hook: string, rows: readonly Row[]): Check[] =>
  rows.map(([name, about, trial]) => ({
    name,
    hook,
    option: 'CONFIG_UPROBE_EVENTS',
    ...about,
    run: () => sees(trial),
  }));

// ----------
// Static probes
// ----------

/** attach-usdt.bpf.c says how it was made. */
const OBJECT = join(import.meta.dirname, 'attach-usdt.bpf.o');

/** Reads the arguments of the static probe of called.c. */
const usdt = async (without: readonly Feature[], mayWait = false): Promise<void> => {
  const called = new Called();
  try {
    using child = called.start();
    const file = readObject(readFileSync(OBJECT), { label: OBJECT });
    const plain = file.programs.plain as ProgramSpec;
    const spec = mayWait ? { ...file, programs: { plain: sleepable(plain) } } : file;
    using tool = loadObject(spec, { without, programs: ['plain'] });
    const seen = tool.maps['.bss'] as unknown as Globals<never>;
    const at = { path: called.path, provider: 'called', probe: 'round', pid: child.pid };
    using link = tool.programs.plain!.attach({ ...at, cookie: 0x1_0000_0002n });
    await child.round('text');
    const values = seen.values() as Readonly<Record<string, bigint | readonly bigint[]>>;
    const [first, text, third, fourth] = values.arguments as readonly bigint[];
    assert.deepEqual([first, third, fourth], [-1n, -2n, -7n]);
    assert.ok(text! > 0n);
    assert.deepEqual(values.runs, [1n, 0n]);
    assert.equal(values.count, process.arch === 'x64' ? 6n : 5n);
    assert.equal(values.user_cookie, 0x1_0000_0002n);
    link.close();
    await child.round('text');
    assert.deepEqual(seen.get('runs'), [1n, 0n]);
  } finally {
    called.close();
  }
};

const staticProbes: readonly Check[] = [
  {
    name: 'a program at a static probe reads its arguments, and finds their form by a cookie',
    hook: 'usdt',
    way: 'links',
    option: 'CONFIG_UPROBE_EVENTS',
    since: PERF_LINKS,
    run: () => usdt([]),
  },
  {
    name: 'a program at a static probe that may sleep is attached too',
    hook: 'usdt.s',
    way: 'links',
    option: 'CONFIG_UPROBE_EVENTS',
    since: '6.0',
    run: () => usdt([], true),
  },
  // The object takes addresses from the registers of x86-64.
  ...(process.arch === 'x64'
    ? [
        {
          name: 'a program at a static probe finds the form of its arguments by its address',
          hook: 'usdt',
          way: 'ioctl',
          option: 'CONFIG_UPROBE_EVENTS',
          run: () => usdt(['perfLink']),
        },
      ]
    : []),
];

export const userChecks: readonly Check[] = [
  ...checks('uprobe', [
    [
      'a uprobe sees the numbers that a function is called with',
      { way: 'link', since: PERF_LINKS },
      { make: atOption, ...entry, how: 'link' },
    ],
    [
      'a uprobe is attached by the ioctl',
      { way: 'ioctl' },
      { make: atOption, ...entry, without: ['perfLink'], how: 'ioctl' },
    ],
    [
      'a uprobe has the cookie that it is attached with',
      { way: 'cookie', since: PERF_LINKS },
      {
        make: atOption,
        code: cookie,
        act: mallopt,
        options: { cookie: 0x1234_5678_9abcn, pid: process.pid },
        expected: { cookie: 0x1234_5678_9abc },
      },
    ],
    [
      'a uprobe reads the strings that a function is called with',
      {},
      {
        make: (body) => uprobe(`${LIBC}:fopen`, body),
        code: text,
        act: fopen,
        expected: { text: PATH },
      },
    ],
    [
      'a uprobe is at a function of this Node',
      {},
      {
        make: (body) => uprobe(`${process.execPath}:uv_hrtime`, body),
        act: () => process.hrtime.bigint(),
        options: { pid: process.pid },
      },
    ],
  ]),
  ...checks('uretprobe', [
    [
      'a uretprobe sees what a function returns',
      { way: 'link', since: PERF_LINKS },
      { make: afterOption, ...exit, how: 'link' },
    ],
    [
      'a uretprobe is attached by the ioctl',
      { way: 'ioctl' },
      { make: afterOption, ...exit, without: ['perfLink'], how: 'ioctl' },
    ],
    [
      'a uretprobe has the cookie that it is attached with',
      { way: 'cookie', since: PERF_LINKS },
      {
        make: afterOption,
        code: cookie,
        act: mallopt,
        options: { cookie: 78 },
        expected: { cookie: 78 },
      },
    ],
  ]),
  ...checks('uprobe.multi', [
    [
      'a multi-uprobe is at all functions that fit its pattern',
      { way: 'link', since: '6.6' },
      { make: (body) => uprobeMulti(`${LIBC}:mall?pt`, body), ...entry, how: 'link' },
    ],
    [
      'a multi-uprobe has the cookie that it is attached with',
      { way: 'cookie', since: '6.6' },
      {
        make: (body) => uprobeMulti('', body),
        code: cookie,
        act: mallopt,
        options: { path: LIBC, functions: ['mallopt', 'fopen'], cookie: 0xfeed_0001n },
        expected: { cookie: 0xfeed_0001 },
      },
    ],
  ]),
  ...checks('uprobe.s', [
    [
      'a uprobe that may sleep is attached too',
      { way: 'link', since: '6.0' },
      { make: (body) => sleepable(atOption(body)), ...entry, how: 'link' },
    ],
  ]),
  ...checks('uretprobe.s', [
    [
      'a uretprobe that may sleep is attached too',
      { way: 'link', since: '6.0' },
      { make: (body) => sleepable(afterOption(body)), ...exit, how: 'link' },
    ],
  ]),
  ...checks('uretprobe.multi.s', [
    [
      'a multi-uretprobe that may sleep is attached too',
      { way: 'link', since: '6.6' },
      { make: (body) => sleepable(uretprobeMulti(`${LIBC}:mall?pt`, body)), ...exit, how: 'link' },
    ],
  ]),
  ...checks('uprobe.session.s', [
    [
      'a session of uprobes that may sleep runs at the entry and at the return',
      { way: 'link', since: '6.13' },
      {
        make: (body) => sleepable(uprobeSession(`${LIBC}:mallopt`, body)),
        code: (seen) => [load(r1, seen.runs), store(seen.first, r1)],
        act: mallopt,
        expected: { first: 2n },
      },
    ],
  ]),
  ...checks('uprobe.multi.s', [
    [
      'a multi-uprobe that may sleep is attached too',
      { way: 'link', since: '6.6' },
      { make: (body) => sleepable(uprobeMulti(`${LIBC}:mall?pt`, body)), ...entry, how: 'link' },
    ],
  ]),
  ...checks('uretprobe.multi', [
    [
      'a multi-uretprobe sees what functions return',
      { way: 'link', since: '6.6' },
      { make: (body) => uretprobeMulti(`${LIBC}:mall?pt`, body), ...exit, how: 'link' },
    ],
  ]),
  ...checks('uprobe.session', [
    [
      'a session of uprobes runs at the entry and at the return',
      { way: 'link', since: '6.13' },
      {
        make: (body) => uprobeSession(`${LIBC}:mallopt`, body),
        code: (seen) => [load(r1, seen.runs), store(seen.first, r1)],
        act: mallopt,
        expected: { first: 2n },
      },
    ],
  ]),
  ...staticProbes,
];
