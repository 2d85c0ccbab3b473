/**
 * @module
 * Calls of functions of the kernel by their BTF (kfuncs): loops over numbers at both ends, strings that are nowhere,
 * references to tasks and cgroups.
 */
import {
  add,
  arsh,
  bytes,
  type Code,
  call,
  chars,
  globals,
  helper,
  type Instruction,
  jeq,
  kernelStruct,
  label,
  lea,
  load,
  lsh,
  mov,
  pointer,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r10,
  rawTracepoint,
  struct,
  syscall,
  u32,
  w0,
  w6,
} from '../../../src/index.ts';
import { kernelBtf } from '../../../src/kernel/index.ts';
import { type Calls, type Sheet, whoRuns } from './sheet.ts';

/** A call with what is in r1 to r5. */
export const kfunc = (name: string): Instruction => ({
  ...{ kind: 'instruction', opcode: 0x85, dst: 0, src: 2, offset: 0 },
  imm: kernelBtf()?.findByName(name, 'func') ?? 0,
});

export const world = () => ({ btf: kernelBtf() });
const raw = (body: Code) => rawTracepoint('sys_enter', body);

/** Keeps an int: the upper half of r0 means nothing then. */
export const keepInt = (sheet: Sheet, name: string): Code => [
  lsh(r0, 32),
  arsh(r0, 32),
  sheet.keep(name),
];

// ----------
// Numbers
// ----------

const least = -0x8000_0000;
const RANGES = [
  [0, 3],
  [-2, 2],
  [5, 5],
  [5, 4],
  [least, least + 2],
  [0x7fff_fffd, 0x7fff_ffff],
  [0, 8 * 1024 * 1024 + 1],
  [least, 0x7fff_ffff],
] as const;

/** `struct bpf_iter_num` is 8 bytes. */
const iterators: Calls = {
  name: 'bpf_iter_num',
  since: '6.4',
  hook: raw,
  world,
  code: (sheet) =>
    RANGES.map(([start, end]) => {
      const [name, done] = [`${start} to ${end}`, label('done')];
      const at: Code = [mov(r1, r10), add(r1, -8)];
      return [
        [at, mov(r2, start), mov(r3, end), kfunc('bpf_iter_num_new'), keepInt(sheet, name)],
        [0, 1, 2, 3, 4].map((turn) => [
          [at, kfunc('bpf_iter_num_next'), jeq(r0, 0, done), load(w6, u32.at(r0))],
          sheet.keep(`${name}, turn ${turn}`, r6),
        ]),
        [done, at, kfunc('bpf_iter_num_destroy')],
      ];
    }),
};

// ----------
// Strings
// ----------

const TEXTS = {
  word: 'abcabd',
  other: 'abcabc',
  upper: 'ABCabd',
  none: '',
  set: 'cba',
  last: 'zd',
  capitals: 'AZ@[',
  small: 'az@[',
};
const ROOM = 16;
const Texts = struct('texts', {
  ...{ word: chars(ROOM), other: chars(ROOM), upper: chars(ROOM), none: chars(ROOM) },
  ...{ set: chars(ROOM), last: chars(ROOM), capitals: chars(ROOM), small: chars(ROOM) },
});
const texts = globals(Texts, { initial: TEXTS });

/** Strings by their places in the map, and addresses of nothing. */
const STRINGS: readonly (readonly [string, Code])[] = [
  ...Object.keys(TEXTS).map(
    (name, index) => [name, [lea(r6, texts), add(r6, ROOM * index)]] as const,
  ),
  ['null', mov(r6, 0)],
  ['a number', mov(r6, 0x0123_4567_89ab_cdefn)],
];

/** A function of two strings, or of a string and numbers. */
const ofStrings = (
  name: string,
  since: string,
  others: readonly (readonly number[])[] | 'string',
): Calls => ({
  name,
  since,
  hook: raw,
  maps: { texts },
  world,
  code: (sheet) =>
    STRINGS.map(([text, first]) =>
      others === 'string'
        ? STRINGS.map(([other, second]) => [
            [second, mov(r7, r6), first, mov(r1, r6), mov(r2, r7), mov(r3, 4)],
            [kfunc(name), keepInt(sheet, `${text} and ${other}`)],
          ])
        : others.map((numbers) => [
            [first, mov(r1, r6), numbers.map((each, index) => mov([r2, r3][index]!, each))],
            [kfunc(name), keepInt(sheet, `${text} and ${numbers}`)],
          ]),
    ),
});

/** More letters than the kernel looks at (XATTR_SIZE_MAX). */
const Endless = struct('endless', { letters: bytes(70_000) });
const endless = globals(Endless, { initial: { letters: new Uint8Array(70_000).fill(97) } });

const withoutEnd = (name: string, numbers: readonly number[]): Calls => ({
  name: `${name}, without an end`,
  since: '6.17',
  hook: raw,
  maps: { endless },
  world,
  code: (sheet) =>
    numbers.map((each) => [
      [lea(r1, endless), mov(r2, each), kfunc(name), keepInt(sheet, `${name} ${each}`)],
    ]),
});

const LETTERS = ['a', 'b', 'd', 'z', '\0'].map((letter) => letter.charCodeAt(0));

const stringCalls: readonly Calls[] = [
  ofStrings('bpf_strcmp', '6.17', 'string'),
  ofStrings('bpf_strcasecmp', '6.18', 'string'),
  ofStrings('bpf_strspn', '6.17', 'string'),
  ofStrings('bpf_strcspn', '6.17', 'string'),
  ofStrings('bpf_strstr', '6.17', 'string'),
  ofStrings('bpf_strnstr', '6.18', 'string'),
  withoutEnd('bpf_strlen', [0]),
  withoutEnd('bpf_strnlen', [65_535, 65_536, 65_537]),
  withoutEnd('bpf_strchr', [98]),
  ofStrings('bpf_strlen', '6.17', [[]]),
  ofStrings('bpf_strnlen', '6.17', [[0], [1], [6], [7], [100]]),
  ofStrings(
    'bpf_strchr',
    '6.17',
    LETTERS.map((each) => [each]),
  ),
  ofStrings(
    'bpf_strchrnul',
    '6.17',
    LETTERS.map((each) => [each]),
  ),
  ofStrings(
    'bpf_strrchr',
    '6.17',
    LETTERS.map((each) => [each]),
  ),
  ofStrings(
    'bpf_strnchr',
    '6.17',
    LETTERS.flatMap((each) => [0, 2, 6, 7, 100].map((n) => [n, each])),
  ),
];

// ----------
// References and sections
// ----------

const Group = kernelStruct('cgroup', {});
const Groups = kernelStruct('css_set', { dfl_cgrp: pointer(Group) });
const Task = kernelStruct('task_struct', { pid: u32, cgroups: pointer(Groups) });

/** What two objects of the kernel have in common: whether they are the same. */
const references: Calls = {
  name: 'references to tasks and cgroups',
  since: '6.12',
  hook: syscall,
  world: () => ({ ...world(), task: { ...whoRuns().task, cgroups: { dfl_cgrp: {} } } }),
  code: (sheet) => {
    const [none, noGroup, noTask, nobody] = ['a', 'b', 'c', 'd'].map(label);
    return [
      [kfunc('bpf_rcu_read_lock'), call(helper.get_current_task_btf), mov(r7, r0)],
      [mov(r1, r7), kfunc('bpf_task_acquire')],
      [jeq(r0, 0, none!), mov(r6, r0), load(w0, Task.at(r6).pid), sheet.keep('its thread')],
      [mov(r1, r6), kfunc('bpf_task_release'), none!],
      [load(r1, Task.at(r7).cgroups), load(r1, Groups.at(r1).dfl_cgrp), jeq(r1, 0, noGroup!)],
      [kfunc('bpf_cgroup_acquire'), sheet.keepFound('its cgroup', mov(r6, r0))],
      [jeq(r0, 0, noGroup!), mov(r1, r6), kfunc('bpf_cgroup_release'), noGroup!],
      [call(helper.get_current_pid_tgid), mov(r1, r0), lsh(r1, 32), arsh(r1, 32)],
      [kfunc('bpf_task_from_pid'), jeq(r0, 0, noTask!), mov(r6, r0)],
      [load(w0, Task.at(r6).pid), sheet.keep('the thread of a number')],
      [mov(r1, r6), kfunc('bpf_task_release'), noTask!],
      [mov(r1, -1), kfunc('bpf_task_from_pid'), mov(r6, 0), jeq(r0, 0, nobody!), mov(r1, r0)],
      [kfunc('bpf_task_release'), mov(r6, 1), nobody!, sheet.keep('the thread of no number', r6)],
      kfunc('bpf_rcu_read_unlock'),
    ];
  },
};

/** Nobody sees them from inside. */
const sections: Calls = {
  name: 'critical sections',
  since: '6.14',
  world,
  code: (sheet) => {
    const flags: Code = [mov(r1, r10), add(r1, -8)];
    return [
      [kfunc('bpf_rcu_read_lock'), kfunc('bpf_preempt_disable'), flags],
      [kfunc('bpf_local_irq_save'), mov(r0, 1), sheet.keep('is inside'), flags],
      [kfunc('bpf_local_irq_restore'), kfunc('bpf_preempt_enable'), kfunc('bpf_rcu_read_unlock')],
    ];
  },
};

/** A pointer as one to a type, to be read from. */
const casts: Calls = {
  name: 'bpf_rdonly_cast',
  since: '6.2',
  hook: raw,
  world: () => ({ ...world(), task: whoRuns().task }),
  code: (sheet) => [
    [call(helper.get_current_task), mov(r1, r0)],
    [mov(r2, kernelBtf()?.findByName('task_struct', 'struct') ?? 0), kfunc('bpf_rdonly_cast')],
    [load(w0, Task.at(r0).pid), sheet.keep('its thread')],
  ],
};

export const KERNEL_FUNCTION_CALLS: readonly Calls[] = [
  iterators,
  ...stringCalls,
  references,
  sections,
  casts,
];
