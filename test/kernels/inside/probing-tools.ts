/**
 * The tools at functions and static probes, from the command line, with each way that they have: what it takes here,
 * and what it does without.
 */
import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { KernelWorld } from '../../../src/kernel/index.ts';
import { isAtLeast } from '../../../src/syscall/index.ts';
import { Called } from '../../programs/called.ts';
import { check, same, sleep, Unsupported } from './check.ts';
import { Command } from './command.ts';

const world = new KernelWorld();
/** Debian's kernels have both; the machine of the tests has neither. */
const hasKernelProbes = existsSync('/sys/bus/event_source/devices/kprobe');
const hasKernelMulti = isAtLeast('5.18') && world.configuration('CONFIG_FPROBE') === 'y';
const hasUserMulti = isAtLeast('6.6');

type Row = Readonly<Record<string, unknown>>;

interface Trial {
  readonly name: string;
  readonly args: readonly string[];
  /** What hides, one after the other, what the tool would take. */
  readonly hidings: readonly string[];
  /** What it takes: how the hooks begin that --verbose names; undefined where it cannot run. */
  readonly hooks: (without: readonly string[]) => readonly string[] | undefined;
  /** Does what is to be seen, until `enough` of the rows. */
  readonly act: () => Promise<void>;
  readonly enough: (rows: readonly Row[]) => boolean;
  /** Throws where the rows are not what was done, in all. */
  readonly judge?: (rows: readonly Row[]) => void;
}

/** Runs a tool without some features: what it took. */
const attempt = async (trial: Trial, without: string): Promise<string> => {
  const hooks = trial.hooks(without.split(','));
  if (!hooks) throw new Unsupported('no kprobes');
  const before = process.env.BEESPOKE_WITHOUT;
  process.env.BEESPOKE_WITHOUT = without;
  using command = new Command(trial.name, ...trial.args, '--json', '--verbose');
  process.env.BEESPOKE_WITHOUT = before ?? '';
  await command.attached();
  const taken = [...command.stderr.matchAll(/^\w+: (\S+), program \d+,/gm)].map(
    ([, hook]) => hook!,
  );
  const isTaken = (hook: string) => taken.some((each) => each.startsWith(hook));
  const isKnown = (each: string) => hooks.some((hook) => each.startsWith(hook));
  if (!(hooks.every(isTaken) && taken.every(isKnown)))
    throw new Error(`took ${taken.join(', ')}, not ${hooks.join(', ')}`);
  for (const end = Date.now() + 60_000; ; await sleep(100)) {
    await trial.act();
    await sleep(100);
    if (trial.enough(command.rows)) break;
    // Counts come at the end.
    if (trial.judge) break;
    if (Date.now() > end) throw new Error(`not seen: ${command.stdout.slice(0, 300)}`);
  }
  same('the status after Ctrl-C', await command.ended('SIGINT'), 0);
  trial.judge?.(command.rows);
  same('losses', /^lost/m.test(command.stderr), false);
  return hooks.map((hook) => hook.replace(/[/_]$/, '')).join(', ');
};

const FILE = join(tmpdir(), `unlinked-${process.pid}`);

const unlinking = (...args: string[]): Trial => ({
  name: 'unlinksnoop',
  args,
  hidings:
    args.length > 0
      ? ['']
      : ['', 'ringbuf', 'fentry', 'fentry,perfLink', 'fentry,kprobePmu', 'fentry,kprobe'],
  hooks: (without) => {
    const name = isAtLeast('7.0') ? 'filename_unlinkat' : 'do_unlinkat';
    const [only] = args;
    if (hasKernelProbes) {
      if (!without.includes('fentry') && only !== '--kprobe')
        return [`fentry/${name}`, `fexit/${name}`];
      if (!without.includes('kprobe')) return [`kprobe/${name}`, `kretprobe/${name}`];
    }
    if (only !== undefined) return undefined;
    const calls = process.arch === 'arm64' ? ['unlinkat'] : ['unlinkat', 'unlink'];
    return calls.flatMap((call) => [
      `tracepoint/syscalls/sys_enter_${call}`,
      `tracepoint/syscalls/sys_exit_${call}`,
    ]);
  },
  act: async () => {
    writeFileSync(FILE, '');
    unlinkSync(FILE);
    try {
      unlinkSync(FILE);
    } catch {
      // It is to fail.
    }
  },
  enough: (rows) => {
    const ours = rows.filter(({ pid, path }) => pid === process.pid && path === FILE);
    return [0, -2].every((result) => ours.some((row) => row.result === result));
  },
});

/** How often functions are called each time: once and twice. */
const ROUNDS = 5;

const calledTrials = (called: Called): readonly Trial[] => {
  const rounds = async (line: string, count: number) => {
    using child = called.start();
    for (let round = 0; round < count; round++) await child.round(line);
  };
  const isX86 = process.arch === 'x64';
  return [
    {
      name: 'bashreadline',
      args: ['-s', called.path],
      hidings: ['', 'perfLink', 'ringbuf'],
      hooks: () => ['uretprobe/'],
      act: () => rounds('echo "typed"', 1),
      enough: (rows) => rows.some(({ command }) => command === 'echo "typed"'),
    },
    {
      name: 'funccount',
      args: [`${called.path}:called_*`],
      hidings: ['', 'uprobeMulti', 'uprobeMulti,perfLink'],
      hooks: (without) =>
        hasUserMulti && !without.includes('uprobeMulti') ? ['uprobe.multi/'] : ['uprobe'],
      act: () => rounds('', ROUNDS),
      enough: () => false,
      judge: (rows) =>
        same('the counts', countsOf(rows), [
          { name: 'called_once', count: ROUNDS },
          { name: 'called_twice', count: 2 * ROUNDS },
        ]),
    },
    {
      name: 'funccount',
      args: [`u:${called.path}:r*`],
      hidings: ['', 'uprobeMulti'],
      hooks: (without) =>
        hasUserMulti && !without.includes('uprobeMulti') ? ['uprobe.multi/'] : ['uprobe'],
      act: () => rounds('', ROUNDS),
      enough: () => false,
      judge: (rows) =>
        same('the counts', countsOf(rows), [{ name: 'called:round', count: ROUNDS }]),
    },
    {
      name: 'trace-usdt',
      args: ['-s', '1', `${called.path}:called:round`],
      hidings: ['', 'perfLink', 'ringbuf'],
      hooks: () => ['usdt/'],
      act: () => rounds('text', 1),
      enough: (rows) =>
        rows.some(({ comm, args }) => {
          const expected = [-1, 'text', -2, -7, '9223372036854775809', ...(isX86 ? [-3] : [])];
          return (
            comm === basename(called.path) && JSON.stringify(args) === JSON.stringify(expected)
          );
        }),
    },
  ];
};

/** Without the time of the summary. */
const countsOf = (rows: readonly Row[]) => rows.map(({ name, count }) => ({ name, count }));

const counting = (words: string, hooks: Trial['hooks'], ...hidings: string[]): Trial => ({
  name: 'funccount',
  args: ['-p', String(process.pid), ...words.split(' ')],
  hidings,
  hooks,
  act: async () => {
    for (let round = 0; round < ROUNDS; round++) writeFileSync(FILE, 'text');
    unlinkSync(FILE);
  },
  enough: () => false,
  judge: (rows) => {
    const row = rows.find(({ name }) => /vfs_write$|sys_enter_write$/.test(String(name)));
    // Node writes to its own pipes as well.
    same(`${ROUNDS} or more, in ${JSON.stringify(rows)}`, Number(row?.count) >= ROUNDS, true);
  },
});

const KERNEL = counting(
  'vfs_wr*',
  (without) => {
    if (!hasKernelProbes) return undefined;
    return hasKernelMulti && !without.includes('kprobeMulti') ? ['kprobe.multi'] : ['kprobe/vfs_'];
  },
  '',
  'kprobeMulti',
);
const REGEXP = counting('-r vfs_(write|unlink)$', KERNEL.hooks, '', 'kprobeMulti');
const TRACEPOINT = counting('t:syscalls:sys_enter_write', () => ['tracepoint/'], '');

const titleOf = ({ name, args }: Trial): string =>
  [name, ...args.filter((arg) => /^-[-r]|^t:|[*$]/.test(arg)).map((arg) => basename(arg))].join(
    ' ',
  );

export const checkProbingTools = async (): Promise<void> => {
  const called = new Called();
  const trials = [
    unlinking(),
    unlinking('--fentry'),
    unlinking('--kprobe'),
    KERNEL,
    REGEXP,
    TRACEPOINT,
    ...calledTrials(called),
  ];
  try {
    for (const trial of trials)
      for (const without of trial.hidings) {
        const title = `beespoke ${titleOf(trial)}${without && ` without ${without.replaceAll(',', ', ')}`}`;
        await check('tools', title, () => attempt(trial, without));
      }
  } finally {
    called.close();
  }
};
