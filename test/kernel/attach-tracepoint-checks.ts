/** Checks of tracepoints in every form, of perf events, and of iterators. */
import assert from 'node:assert/strict';
import {
  type Code,
  call,
  hash,
  helper,
  hookArguments,
  i32,
  i64,
  iter,
  jeq,
  jne,
  kernelStruct,
  label,
  load,
  mov,
  object,
  type ProgramSpec,
  perfEvent,
  pointer,
  r0,
  r1,
  r6,
  r7,
  r8,
  rawTracepoint,
  rawTracepointWritable,
  read,
  SyscallEnter,
  sleepable,
  socketFilter,
  stack,
  store,
  struct,
  tpBtf,
  tracepoint,
  u32,
  u64,
  w2,
} from '../../src/index.ts';
import type { Link } from '../../src/kernel/index.ts';
import { type Check, withObject } from './attach-support.ts';
import {
  cookie,
  NICE,
  renice,
  type SeenPlace,
  sees,
  type Trial,
} from './attach-tracing-support.ts';
import { done } from './checks.ts';

const PERF_LINKS = '5.15';
const RAW_COOKIES = '6.10';
/** At tracepoints that may wait, as those of system calls. */
const SLEEPABLE = '7.2';

// ----------
// Tracepoints
// ----------

const priority: Omit<Trial, 'make'> = {
  code: (seen) => [
    load(r1, SyscallEnter.at(r6).args[1]),
    store(seen.first, r1),
    load(r1, SyscallEnter.at(r6).args[2]),
    store(seen.second, r1),
  ],
  act: renice,
  expected: { first: BigInt(process.pid), second: BigInt(NICE) },
};
const atSetPriority = (body: Code) => tracepoint('syscalls/sys_enter_setpriority', body);

/** The number of setpriority(2). */
const SETPRIORITY = process.arch === 'arm64' ? 140 : 141;
const Entered = hookArguments({ regs: pointer(), id: i64 });

/** The last system call of this process that is `setpriority`. */
const entered = (seen: SeenPlace): Code => {
  const other = label('other');
  return [load(r1, Entered.at(r6).id), jne(r1, SETPRIORITY, other), store(seen.first, r1), other];
};
const raw: Omit<Trial, 'make'> = {
  code: entered,
  act: renice,
  expected: { first: BigInt(SETPRIORITY) },
};

const tracepoints: readonly Check[] = [
  {
    name: 'a tracepoint has the fields of its record',
    hook: 'tracepoint',
    way: 'link',
    since: PERF_LINKS,
    run: () => sees({ make: atSetPriority, ...priority, how: 'link' }),
  },
  {
    name: 'a tracepoint is attached by the ioctl',
    hook: 'tracepoint',
    way: 'ioctl',
    run: () => sees({ make: atSetPriority, ...priority, without: ['perfLink'], how: 'ioctl' }),
  },
  {
    name: 'a tracepoint has the cookie that it is attached with',
    hook: 'tracepoint',
    way: 'cookie',
    since: PERF_LINKS,
    run: () =>
      sees({
        make: atSetPriority,
        code: cookie,
        act: renice,
        options: { cookie: 5 },
        expected: { cookie: 5 },
      }),
  },
  ...(
    [
      ['raw_tp', rawTracepoint],
      ['tp_btf', tpBtf],
    ] as const
  ).flatMap(([hook, make]): Check[] => [
    {
      name: `${hook} has the arguments of a tracepoint`,
      hook,
      way: 'link',
      run: () => sees({ make: (body) => make('sys_enter', body), ...raw, how: 'link' }),
    },
    {
      name: `${hook} has the cookie that it is attached with`,
      hook,
      way: 'cookie',
      since: RAW_COOKIES,
      run: () =>
        sees({
          make: (body) => make('sys_enter', body),
          code: cookie,
          act: renice,
          options: { cookie: 6 },
          expected: { cookie: 6 },
        }),
    },
  ]),
  ...(
    [
      ['tracepoint.s', atSetPriority],
      ['raw_tp.s', (body) => rawTracepoint('sys_enter', body)],
      ['tp_btf.s', (body) => tpBtf('sys_enter', body)],
    ] as readonly (readonly [string, (body: Code) => ProgramSpec])[]
  ).map(
    ([hook, make]): Check => ({
      name: `${hook} may wait for the memory of the user`,
      hook,
      way: 'link',
      since: SLEEPABLE,
      run: () =>
        sees({
          make: (body) => sleepable(make(body)),
          // Others are refused this helper. There is nothing at the address.
          code: (seen) => [call(helper.copy_from_user, seen.first, 8, 0), store(seen.second, r0)],
          act: renice,
          expected: { second: -14n },
        }),
    }),
  ),
  {
    name: 'raw_tp.w writes to what a tracepoint hands it',
    hook: 'raw_tp.w',
    way: 'link',
    since: '5.2',
    run: async () => {
      const filter = object({ license: 'GPL', programs: { filter: socketFilter(done) } });
      const results: string[] = [];
      await withObject(filter, ({ programs: { filter } }) =>
        sees({
          // bpf_test_finish(int *err): what BPF_PROG_TEST_RUN will return.
          make: (body) => rawTracepointWritable('bpf_test_finish', body),
          code: () => [load(r1, Finish.at(r6).arg0), mov(w2, -EDOM), store(i32.at(r1), w2)],
          act: () => {
            results.push(errorOf(() => filter.testRun({ dataIn: new Uint8Array(64) })));
          },
        }),
      );
      assert.deepEqual(results, ['EDOM', 'none']);
    },
  },
];

const EDOM = 33;
const Finish = hookArguments({ arg0: pointer() });

const errorOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
};

// ----------
// Perf events
// ----------

/** Keeps this thread busy: the clock of its CPU ticks meanwhile. */
const spin = (): void => {
  const end = performance.now() + 300;
  while (performance.now() < end);
};

const clock: Trial = {
  make: perfEvent,
  act: spin,
  options: { event: 'cpu-clock', frequency: 99 },
};

const perfEvents: readonly Check[] = [
  {
    name: 'a perf event runs its program by a link, on every CPU',
    hook: 'perf_event',
    way: 'link',
    since: PERF_LINKS,
    run: () => sees(clock),
  },
  {
    name: 'a perf event runs its program by the ioctl',
    hook: 'perf_event',
    way: 'ioctl',
    run: () =>
      sees({
        ...clock,
        options: { event: 'cpu-clock', period: 1_000_000, pid: process.pid },
        without: ['perfLink'],
        how: 'ioctl',
      }),
  },
  {
    name: 'a perf event has the cookie that it is attached with',
    hook: 'perf_event',
    way: 'cookie',
    since: PERF_LINKS,
    run: () =>
      sees({
        make: perfEvent,
        code: cookie,
        act: spin,
        options: { event: 'cpu-clock', frequency: 99, cookie: 8 },
        expected: { cookie: 8 },
      }),
  },
];

// ----------
// Iterators
// ----------

const Task = kernelStruct('task_struct', { pid: i32, tgid: i32 });
const Meta = kernelStruct('bpf_iter_meta', { seq: pointer() });
const Tasks = hookArguments({ meta: pointer(Meta), task: pointer(Task) });
const Row = struct('row', { tgid: u32, pid: u32 });

/** Writes the numbers of each thread. */
const tasks = () => {
  const out = label('out');
  const row = stack(Row);
  return object({
    license: 'GPL',
    programs: {
      tasks: iter('task', [
        mov(r6, r1),
        load(r7, Tasks.at(r6).task),
        jeq(r7, 0, out),
        read(row.pid, Task.at(r7).pid),
        read(row.tgid, Task.at(r7).tgid),
        load(r8, Tasks.at(r6).meta),
        load(r1, Meta.at(r8).seq),
        call(helper.seq_write, r1, row, Row.size),
        out,
        done,
      ]),
    },
  });
};

/** Writes the value of each element of a map. */
const elements = () => {
  const Element = hookArguments({
    meta: pointer(Meta),
    map: pointer(),
    key: pointer(),
    value: pointer(),
  });
  const out = label('out');
  return object({
    license: 'GPL',
    maps: { table: hash(u32, u64) },
    programs: {
      elements: iter('bpf_map_elem', [
        mov(r6, r1),
        load(r7, Element.at(r6).value),
        jeq(r7, 0, out),
        load(r8, Element.at(r6).meta),
        load(r1, Meta.at(r8).seq),
        call(helper.seq_write, r1, r7, u64.size),
        out,
        done,
      ]),
    },
  });
};

const iterators: readonly Check[] = [
  {
    name: 'an iterator sees the tasks whenever it is opened',
    hook: 'iter/task',
    way: 'link',
    since: '5.8',
    run: () =>
      withObject(tasks(), ({ programs: { tasks } }) => {
        using link = tasks.attach();
        for (let run = 0; run < 2; run++) {
          const seen = numbersOf(link);
          assert.ok(seen.some(([tgid, pid]) => tgid === process.pid && pid === process.pid));
          assert.ok(seen.some(([tgid]) => tgid === process.ppid));
        }
      }),
  },
  {
    name: 'an iterator is confined to one process',
    hook: 'iter/task',
    way: 'of one process',
    since: '6.1',
    run: () =>
      withObject(tasks(), ({ programs: { tasks } }) => {
        using link = tasks.attach({ process: process.pid });
        const own = numbersOf(link);
        assert.ok(own.length > 1);
        assert.deepEqual([...new Set(own.map(([tgid]) => tgid))], [process.pid]);
      }),
  },
  {
    name: 'an iterator sees the elements of a map',
    hook: 'iter/bpf_map_elem',
    way: 'link',
    since: '5.9',
    run: () =>
      withObject(elements(), ({ programs: { elements }, maps: { table } }) => {
        for (let key = 0; key < 10; key++) table.set(key, BigInt(key * 7));
        using link = elements.attach({ map: table });
        using file = link.open();
        const bytes = file.bytes();
        const values = [...new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)];
        assert.deepEqual(
          values.map(Number).sort((a, b) => a - b),
          [0, 7, 14, 21, 28, 35, 42, 49, 56, 63],
        );
      }),
  },
];

/** What `tasks` wrote: pairs of tgid and pid. */
const numbersOf = (link: Link): [number, number][] => {
  using file = link.open();
  const bytes = file.bytes();
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return Array.from({ length: words.length / 2 }, (_, at) => [words[at * 2]!, words[at * 2 + 1]!]);
};

export const tracepointChecks: readonly Check[] = [...tracepoints, ...perfEvents, ...iterators];
