/**
 * Checks of programs at functions by BPF trampolines: fentry and its kin, and those of the security modules. Each sees,
 * or forbids, what this process does.
 */
import assert from 'node:assert/strict';
import {
  add,
  type Code,
  call,
  exit,
  fentry,
  fentryMulti,
  fexit,
  fexitMulti,
  firstOf,
  fmodRet,
  fn,
  freplace,
  fsession,
  fsessionMulti,
  helper,
  hookArguments,
  i32,
  i64,
  kprobe,
  load,
  loadSigned,
  lsm,
  lsmCgroup,
  mov,
  object,
  optional,
  type ProgramSpec,
  pointer,
  r0,
  r1,
  r6,
  sleepable,
  store,
  u64,
  xdp,
} from '../../src/index.ts';

import { type ExtensionTarget, loadObject } from '../../src/kernel/index.ts';
import { isAtLeast } from '../../src/syscall/index.ts';
import { inCgroup } from './attach-cgroup-checks.ts';
import { type Check, counting, thrownBy, withObject } from './attach-support.ts';
import {
  cookie,
  NICE,
  renice,
  type SeenPlace,
  seeing,
  sees,
  write,
} from './attach-tracing-support.ts';
import { done } from './checks.ts';

const Write = hookArguments({ file: pointer(), buf: pointer(), count: u64, retval: i64 });
const SetNice = hookArguments({ p: pointer(), nice: i32 });

const LENGTH = 1234;
const writing = { act: () => write(LENGTH) };
const length = (seen: SeenPlace): Code => [load(r1, Write.at(r6).count), store(seen.first, r1)];
const result = (seen: SeenPlace): Code => [load(r1, Write.at(r6).retval), store(seen.result, r1)];

const EPERM = 1;
const EFAULT = 14n;

/** How many functions the kernel calls for a test run: `bpf_fentry_test1` to `bpf_fentry_test9`. */
const TESTS = 9n;

/** Has the kernel call its functions for tests: a test run of a program that is not attached does. */
const callTests = (): void => {
  const run = object({ license: 'GPL', programs: { run: fentry('bpf_fentry_test1', done) } });
  using tool = loadObject(run);
  assert.equal(tool.programs.run.testRun().returnValue, 0);
};

/** Forbids this process to renice itself, and lets others. */
const forbids = (make: (body: Code) => ProgramSpec): Check['run'] => {
  let error: string | undefined;
  return async () => {
    await sees({
      make,
      code: (seen) => [
        loadSigned(r1, SetNice.at(r6).nice),
        store(seen.first, r1),
        mov(r0, -EPERM),
        exit(),
      ],
      act: () => {
        error ??= renice();
      },
      expected: { first: BigInt(NICE) },
    });
    assert.equal(error, 'EPERM');
    assert.equal(renice(), undefined);
  };
};

/** Programs at trampolines need the types of the kernel, and arm64 has them since 6.0. */
const OLDEST = process.arch === 'arm64' ? '6.0' : '5.5';

/** An XDP program whose result is that of a function, `verdict(2)`; and one that takes the place of the function. */
const caller = (name: string) => {
  const verdict = fn('verdict', 1, [mov(r0, r1), exit()], { global: true });
  return object({ license: 'GPL', programs: { [name]: xdp([call(verdict, 2), exit()]) } });
};
const extension = object({
  license: 'GPL',
  programs: { more: freplace('verdict', 1, [mov(r0, r1), add(r0, 40), exit()]) },
});

const extensions: readonly Check[] = [
  {
    name: 'freplace takes the place of a function of a program, and of another one like it',
    hook: 'freplace',
    way: 'link',
    since: process.arch === 'arm64' ? '6.0' : '5.10',
    run: () =>
      withObject(caller('one'), ({ programs: { one } }) =>
        withObject(caller('two'), ({ programs: { two } }) => {
          const results = () =>
            [one, two].map((each) => each!.testRun({ dataIn: new Uint8Array(64) }).returnValue);
          const targets = { more: { program: one! } };
          using loaded = loadObject(extension, { targets });
          assert.deepEqual(results(), [2, 2]);
          using first = loaded.programs.more.attach();
          assert.deepEqual(results(), [42, 2]);
          assert.equal(first.info().target?.kind, 'tracing');
          first.close();
          assert.deepEqual(results(), [2, 2]);
          using second = loaded.programs.more.attach({ target: { program: two! } });
          assert.deepEqual(results(), [2, 42]);
          second.close();
          assert.deepEqual(results(), [2, 2]);
        }),
      ),
  },
  {
    name: 'freplace without a function to replace says what it needs',
    hook: 'freplace',
    run: () =>
      withObject(caller('one'), ({ programs: { one } }) => {
        const load = (targets?: Record<string, ExtensionTarget>) =>
          thrownBy(() => loadObject(extension, { targets })).message;
        assert.equal(
          load(),
          'more takes the place of a function of another program: loadObject(spec, { targets: { more: { program } } }) says of which',
        );
        assert.equal(
          load({ more: { program: one!, function: 'nothing' } }),
          'the program one has no function nothing',
        );
        assert.equal(
          load({ less: { program: one! } }),
          'targets: there is no freplace program "less"',
        );
      }),
  },
];

/**
 * Where programs may sleep: at functions that can be made to fail, which are those of system calls, and from Linux 6.3 on
 * at one that is there to be tested with.
 */
const WAITING = isAtLeast('6.3')
  ? { place: 'bpf_fentry_test1', act: callTests, lack: {} }
  : {
      place: `__${process.arch === 'arm64' ? 'arm64' : 'x64'}_sys_setpriority`,
      act: renice,
      lack: { option: 'CONFIG_FUNCTION_ERROR_INJECTION' },
    };

/** Those that may sleep, and those at many functions. */
const others: readonly Check[] = [
  ...(
    [
      ['fentry.s', OLDEST, (body) => fentry(WAITING.place, body)],
      ['fexit.s', OLDEST, (body) => fexit(WAITING.place, body)],
      ['fmod_ret.s', OLDEST, (body) => fmodRet(WAITING.place, body)],
      ['fsession.s', '7.0', (body) => fsession(WAITING.place, body)],
    ] as readonly (readonly [string, string, (body: Code) => ProgramSpec])[]
  ).map(
    ([hook, since, make]): Check => ({
      name: `${hook} may wait for the memory of the user`,
      hook,
      way: 'link',
      since,
      ...WAITING.lack,
      run: () =>
        sees({
          make: (body) => sleepable(make(body)),
          // Others are refused this helper. There is nothing at the address.
          code: (seen) => [call(helper.copy_from_user, seen.first, 8, 0), store(seen.second, r0)],
          act: WAITING.act,
          expected: { second: -EFAULT },
        }),
    }),
  ),
  ...(
    [
      ['fentry.multi', fentryMulti, 1n],
      ['fexit.multi', fexitMulti, 1n],
      ['fsession.multi', fsessionMulti, 2n],
    ] as const
  ).flatMap(([hook, make, times]): Check[] => [
    {
      name: `${hook} is at all functions that fit a pattern`,
      hook,
      way: 'link',
      since: '7.2',
      run: () =>
        sees({
          make: (body) => make('bpf_fentry_test?', body),
          code: (seen) => [load(r1, seen.runs), store(seen.first, r1)],
          act: callTests,
          expected: { first: times * TESTS },
        }),
    },
    {
      name: `${hook} has a cookie for each function`,
      hook,
      way: 'cookie',
      since: '7.2',
      run: () =>
        sees({
          make: (body) => make('bpf_fentry_test1', body),
          code: cookie,
          act: callTests,
          options: { functions: ['bpf_fentry_test1'], cookie: 5 },
          expected: { cookie: 5 },
        }),
    },
    {
      name: `${hook} may sleep`,
      hook: `${hook}.s`,
      way: 'link',
      since: '7.2',
      run: () =>
        sees({
          make: (body) => sleepable(make('bpf_fentry_test1', body)),
          code: (seen) => [call(helper.copy_from_user, seen.first, 8, 0), store(seen.second, r0)],
          act: callTests,
          expected: { second: -EFAULT },
        }),
    },
  ]),
];

export const trampolineChecks: readonly Check[] = [
  {
    name: 'fentry sees the arguments of a function by name',
    hook: 'fentry',
    way: 'link',
    since: OLDEST,
    run: () =>
      sees({
        make: (body) => fentry('vfs_write', body),
        code: length,
        ...writing,
        expected: { first: BigInt(LENGTH) },
      }),
  },
  {
    name: 'fentry has the cookie that it is attached with',
    hook: 'fentry',
    way: 'cookie',
    since: process.arch === 'arm64' ? '6.0' : '5.19',
    run: () =>
      sees({
        make: (body) => fentry('vfs_write', body),
        code: cookie,
        ...writing,
        options: { cookie: 12 },
        expected: { cookie: 12 },
      }),
  },
  {
    name: 'fentry is preferred to a kprobe',
    hook: 'fentry',
    option: 'CONFIG_KPROBES',
    since: OLDEST,
    run: () => {
      using tool = loadObject(
        seeing((body) => firstOf(fentry('vfs_write', body), kprobe('vfs_write', body))),
      );
      assert.equal(tool.programs.ac_program!.spec.hook.section, 'fentry/vfs_write');
    },
  },
  {
    name: 'an optional fentry at a function that is not there is left out',
    hook: 'fentry',
    run: () => {
      using tool = loadObject(seeing((body) => optional(fentry('no_such_function', body))));
      assert.deepEqual(tool.missing, ['ac_program']);
    },
  },
  {
    name: 'fexit sees the arguments and what the function returns',
    hook: 'fexit',
    way: 'link',
    since: OLDEST,
    run: () =>
      sees({
        make: (body) => fexit('vfs_write', body),
        code: (seen) => [length(seen), result(seen)],
        ...writing,
        expected: { first: BigInt(LENGTH), result: BigInt(LENGTH) },
      }),
  },
  {
    name: 'fexit has the cookie that it is attached with',
    hook: 'fexit',
    way: 'cookie',
    since: process.arch === 'arm64' ? '6.0' : '5.19',
    run: () =>
      sees({
        make: (body) => fexit('vfs_write', body),
        code: cookie,
        ...writing,
        options: { cookie: 13 },
        expected: { cookie: 13 },
      }),
  },
  {
    name: 'fsession runs at the entry and at the return',
    hook: 'fsession',
    way: 'link',
    since: '7.0',
    run: () =>
      sees({
        // It is called once, unlike vfs_write.
        make: (body) => fsession('security_task_setnice', body),
        code: (seen) => [
          loadSigned(r1, SetNice.at(r6).nice),
          store(seen.first, r1),
          load(r1, seen.runs),
          store(seen.second, r1),
        ],
        act: renice,
        expected: { first: BigInt(NICE), second: 2n },
      }),
  },
  {
    name: 'fmod_ret decides in place of a function',
    hook: 'fmod_ret',
    way: 'link',
    since: process.arch === 'arm64' ? '6.0' : '5.7',
    run: forbids((body) => fmodRet('security_task_setnice', body)),
  },
  {
    name: 'lsm forbids what the kernel asks it about',
    hook: 'lsm',
    way: 'link',
    option: 'CONFIG_BPF_LSM',
    since: process.arch === 'arm64' ? '6.0' : '5.7',
    run: forbids((body) => lsm('task_setnice', body)),
  },
  {
    name: 'lsm that may sleep sees what the kernel asks it about',
    hook: 'lsm.s',
    way: 'link',
    option: 'CONFIG_BPF_LSM',
    since: process.arch === 'arm64' ? '6.0' : '5.11',
    run: () =>
      sees({ make: (body) => sleepable(lsm('file_open', body)), act: () => write(1), how: 'link' }),
  },
  {
    name: 'lsm_cgroup forbids what the processes of a cgroup ask',
    hook: 'lsm_cgroup',
    way: 'link',
    option: 'CONFIG_BPF_LSM',
    since: '6.0',
    run: () =>
      inCgroup((path) =>
        withObject(
          counting((body) => lsmCgroup('task_setnice', body), 0, 1),
          ({ programs: { first, second }, maps: { counter } }) => {
            using link = first.attach({ cgroup: path });
            assert.equal(link.how, 'link');
            assert.equal(renice(), 'EPERM');
            assert.equal(counter.get('first'), 1);
            link.update(second);
            assert.equal(renice(), undefined);
            assert.equal(counter.get('second'), 1);
            link.close();
            assert.equal(renice(), undefined);
            assert.equal(counter.get('second'), 1);
          },
        ),
      ),
  },
  ...extensions,
  ...others,
];
