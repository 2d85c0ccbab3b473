/**
 * Every tool: from its data with each way to its events that it has, and from the command line.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  type Feature,
  type LoadedObject,
  loadObject,
  PerfBuffer,
  RingBuffer,
} from '../../../src/kernel/index.ts';
import type { ObjectSpec } from '../../../src/object/index.ts';
import {
  exitsnoop,
  hardirqs,
  hello,
  helloPerf,
  opensnoop,
  runqslower,
} from '../../../src/programs/index.ts';
import { defaults, type Tool } from '../../../src/programs/tool.ts';
import { isAtLeast } from '../../../src/syscall/index.ts';
import { check, same, sleep, until } from './check.ts';
import { Command } from './command.ts';

const FILE = join(tmpdir(), `kernels-${process.pid}`);

/**
 * What makes events, and is seen by every tool: a child that opens a file by its relative path and ends with 7, an open
 * by the absolute path, work for a disk or a console. Resolves to the number of the child.
 */
const act = async (): Promise<number> => {
  const script = `read x < ${basename(FILE)}; exit 7`;
  const child = spawnSync('sh', ['-c', script], { cwd: tmpdir(), stdio: 'ignore' });
  same('the status of the child', child.status, 7);
  readFileSync(FILE);
  const fd = openSync(FILE, 'a');
  try {
    writeSync(fd, '.');
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  // The interrupts of a machine without a disk are those of its console.
  process.stdout.write('\n');
  await sleep(20);
  return child.pid;
};

interface Trial {
  readonly tool: Tool;
  /** Options as they are typed. */
  readonly args?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  /** The hooks that it has variants for, best first; else it has tracepoints. */
  readonly hooks?: readonly ('tp_btf' | 'raw_tp' | 'tracepoint')[];
  /** Without the kernel's types: the hook then. */
  readonly withoutTypes?: 'tp_btf' | 'raw_tp' | 'tracepoint';
  /** Whether a row of its JSON, or an event, is what `act` did; `pid` is the child's. */
  readonly sees: (row: Readonly<Record<string, unknown>>, pid: number) => boolean;
}

const any = (tool: unknown): Tool => tool as Tool;
const ALL = ['tp_btf', 'raw_tp', 'tracepoint'] as const;
const TRIALS: readonly Trial[] = [
  { tool: any(hello), sees: ({ message }) => message === 'Hello, World!' },
  { tool: any(helloPerf), sees: ({ path }) => path === FILE },
  { tool: any(opensnoop), sees: ({ path, fd }) => path === FILE && Number(fd) > 0 },
  {
    tool: any(opensnoop),
    args: ['--extended', '--full-path'],
    options: { extended: true, fullPath: true },
    sees: (row, pid) => row.pid === pid && row.path === FILE && row.flags === 0,
  },
  {
    tool: any(opensnoop),
    args: ['--callers'],
    options: { callers: true },
    sees: ({ path, fd }) => path === FILE && Number(fd) > 0,
  },
  {
    tool: any(exitsnoop),
    hooks: ALL,
    sees: (row, pid) => row.pid === pid && row.exitCode === 7 && row.comm === 'sh',
  },
  {
    tool: any(runqslower),
    args: ['1'],
    options: { minUs: 1 },
    hooks: ALL,
    withoutTypes: 'tracepoint',
    sees: ({ tid, latencyUs }) => Number(tid) > 0 && Number(latencyUs) > 0,
  },
  {
    tool: any(hardirqs),
    args: ['1'],
    hooks: ALL,
    withoutTypes: 'tracepoint',
    sees: ({ count }) => Number(count) > 0,
  },
  {
    tool: any(hardirqs),
    args: ['--distributed', '1'],
    options: { distributed: true },
    hooks: ALL,
    withoutTypes: 'tracepoint',
    sees: ({ histogram }) => Array.isArray(histogram) && histogram.length > 0,
  },
];

const titleOf = ({ tool, args = [] }: Trial): string =>
  [tool.name, ...args.filter((arg) => arg.startsWith('-'))].join(' ');

/** What hides, one after the other, what a tool would take: from the best way on this kernel to the oldest. */
const hidings = ({
  hooks = ['tracepoint'],
  withoutTypes,
  tool,
}: Trial): readonly (readonly Feature[])[] => {
  const hidden: (readonly Feature[])[] = [[]];
  if (hooks.length > 1) hidden.push(['tp_btf'], ['tp_btf', 'raw_tp']);
  if (tool.output.kind === 'events')
    hidden.push(['ringbuf'], ['ringbuf', 'batch', 'mmap', 'isaV4']);
  hidden.push(['tp_btf', 'raw_tp', 'perfLink']);
  if (withoutTypes) hidden.push(['btf']);
  return hidden;
};

/** The hook that is left. */
const expectedHook = (
  { hooks = ['tracepoint'], withoutTypes }: Trial,
  without: readonly Feature[],
): string =>
  without.includes('btf')
    ? withoutTypes!
    : hooks.find((hook) => !without.includes(hook as Feature))!;

/** What was taken: `tp_btf, ring buffer`; `tracepoint (ioctl), perf buffer`. */
const taken = (loaded: LoadedObject): string => {
  const hooks = Object.values(loaded.programs).flatMap((program) => program?.spec.hook.type ?? []);
  const how = loaded.links.some((link) => link.how === 'ioctl') ? ' (ioctl)' : '';
  const maps = Object.values(loaded.maps) as readonly unknown[];
  const buffer = maps.some((map) => map instanceof RingBuffer)
    ? ', ring buffer'
    : maps.some((map) => map instanceof PerfBuffer)
      ? ', perf buffer'
      : '';
  return [...new Set(hooks)].join(' and ') + how + buffer;
};

/** Loads a tool with features hidden, and reads what it sees of what is done here. */
const tryLoaded = async (trial: Trial, without: readonly Feature[]): Promise<string> => {
  const { tool, options } = trial;
  const values = { ...defaults(tool.options), buffer: undefined, ...options } as never;
  using loaded = loadObject(tool.object(values) as ObjectSpec, { without });
  loaded.attach();
  const hook = expectedHook(trial, without);
  const isTracepoint = hook === 'tracepoint';
  const old = isTracepoint && (without.includes('perfLink') || !isAtLeast('5.15'));
  const kind = tool.output.kind === 'events' ? tool.output.buffer : undefined;
  const isRing = kind !== undefined && tool !== any(helloPerf) && !without.includes('ringbuf');
  const buffer = kind === undefined ? '' : isRing ? ', ring buffer' : ', perf buffer';
  const note = taken(loaded);
  same('what was taken', note, `${hook}${old ? ' (ioctl)' : ''}${buffer}`);
  await seen(trial, loaded, values);
  return note;
};

const seen = async ({ tool, sees }: Trial, loaded: LoadedObject, options: never): Promise<void> => {
  const { output } = tool;
  switch (output.kind) {
    case 'events': {
      const events = loaded.maps[output.buffer] as unknown as RingBuffer<never>;
      const pid = await act();
      loaded.detach();
      const rows: Readonly<Record<string, unknown>>[] = [];
      events.drain((event: never) =>
        rows.push(output.json(event, options, { time: '', epochMs: 0 })),
      );
      if (!rows.some((row) => sees(row, pid)))
        throw new Error(`not seen in ${rows.length} events: ${JSON.stringify(rows.slice(0, 3))}`);
      return;
    }
    case 'interval': {
      const map = loaded.maps[output.map] as unknown as { count(): number };
      await until('an entry', () => {
        process.stdout.write('\n');
        writeFileSync(FILE, '.', { flush: true } as never);
        return map.count() > 0;
      });
      return;
    }
    case 'trace':
      // The pipe is the command line's.
      await act();
      return;
  }
};

/** Runs a tool as users do. */
const tryCommand = async ({ tool, args = [], sees }: Trial): Promise<string> => {
  using command = new Command(tool.name, ...args, '--json');
  await command.attached();
  const children = new Set<number>();
  let rows = 0;
  for (const end = Date.now() + 60_000; ; ) {
    children.add(await act());
    await sleep(100);
    const found = command.rows;
    rows = found.length;
    if (found.some((row) => [...children].some((pid) => sees(row, pid)))) break;
    if (Date.now() > end)
      throw new Error(`not seen in ${rows} rows: ${command.stdout.slice(0, 300)}`);
  }
  same('the status after Ctrl-C', await command.ended('SIGINT'), 0);
  return 'sees its events';
};

export const checkTools = async (): Promise<void> => {
  writeFileSync(FILE, 'text\n');
  try {
    for (const trial of TRIALS) {
      const title = titleOf(trial);
      for (const without of hidings(trial))
        await check(
          'tools',
          without.length === 0 ? title : `${title} without ${without.join(', ')}`,
          () => tryLoaded(trial, without),
        );
      await check('tools', `beespoke ${title}`, () => tryCommand(trial));
    }
  } finally {
    rmSync(FILE, { force: true });
  }
};
