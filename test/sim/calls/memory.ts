/**
 * @module
 * Calls that read memory which may not be there: of the kernel, of the process, at no address at all; and strings that
 * are cut, or end nowhere.
 */
import {
  add,
  type Code,
  call,
  chars,
  globals,
  type Helper,
  helper,
  lea,
  load,
  mov,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  r6,
  r7,
  r8,
  r10,
  rawTracepoint,
  store,
  struct,
  syscall,
  u64,
} from '../../../src/index.ts';
import type { Calls, Sheet } from './sheet.ts';

const raw = (body: Code) => rawTracepoint('sys_enter', body);

/** Where everything is read to: 32 bytes that were something else before. */
const ROOM = 32;
const fill: Code = [0, 8, 16, 24].map((at) => [
  mov(r0, -0x1111_1111_1111_1112n),
  store(u64.at(r10, at - ROOM), r0),
]);

/** Reads with a helper that takes a place, a size and an address, which is in r6. Keeps the result and the place. */
const read = (sheet: Sheet, id: Helper, size: number, from: string): Code => [
  [fill, mov(r1, r10), add(r1, -ROOM), mov(r2, size), mov(r3, r6)],
  [call(id as typeof helper.probe_read, r1, r2 as never, r3 as never)],
  [sheet.keep(`${id.name}, ${size} bytes from ${from}`)],
  sheet.keepMemory(`${id.name}, ${size} bytes from ${from}, memory`, ROOM),
];

/** Numbers that are addresses of nothing. */
const NOWHERE: Readonly<Record<string, bigint>> = {
  null: 0n,
  'a small number': 0x1234n,
  'no address': 0x0123_4567_89ab_cdefn,
  'the first page': 0xff0n,
  // Of the process, on each machine, and never there.
  'the end of the process': 0x7fff_ffff_f000n,
};

const Texts = struct('texts', { text: chars(32), wide: chars(32), last: chars(8) });
/** Of the kernel's memory: the value of a map. `wide` fills its room and `last` too, up to its NUL. */
const texts = globals(Texts, {
  initial: { text: 'grüße', wide: 'x'.repeat(32), last: 'abcdefg' },
});

const kernelReads = (id: Helper): Calls => ({
  name: id.name,
  hook: raw,
  maps: { texts },
  code: (sheet) => [
    [0, 1, 5, 8, 32].map((size) => [lea(r6, texts), read(sheet, id, size, 'a map')]),
    // Behind the beginning of the letter that has two bytes.
    [3, 4, 7].map((size) => [lea(r6, texts), add(r6, 1), read(sheet, id, size, 'in a map')]),
    [lea(r6, texts), add(r6, 32), [31, 32].map((size) => read(sheet, id, size, 'a long text'))],
    [store(u64.at(r10, -40), 0x4241), mov(r6, r10), add(r6, -40), read(sheet, id, 8, 'the stack')],
    Object.entries(NOWHERE).map(([what, address]) => [
      mov(r6, address),
      [0, 1, 32].map((size) => read(sheet, id, size, what)),
    ]),
  ],
});

const USER = new TextEncoder().encode('path/to/grüße\0behind it, to the end');

const userReads = (id: Helper, hook: Calls['hook'] = raw): Calls => ({
  name: id.name,
  hook: hook!,
  user: USER,
  code: (sheet) => [
    load(r7, u64.at(r8)),
    [0, 1, 12, 14, 15, 32].map((size) => [mov(r6, r7), read(sheet, id, size, 'the process')]),
    [14, 21, 22, 23].map((size) => [
      [mov(r6, r7), add(r6, USER.length - 22)],
      read(sheet, id, size, 'its last 22 bytes'),
    ]),
    [0, 1].map((size) => [
      [mov(r6, r7), add(r6, USER.length)],
      read(sheet, id, size, 'behind its last byte'),
    ]),
    Object.entries(NOWHERE).map(([what, address]) => [
      mov(r6, address),
      [0, 1, 32].map((size) => read(sheet, id, size, what)),
    ]),
  ],
});

/** Of the current task, at other addresses than its own. */
const fromTask: Calls = {
  name: 'copy_from_user_task',
  since: '5.18',
  hook: syscall,
  user: USER,
  code: (sheet) => [
    load(r7, u64.at(r8)),
    [
      ['the process', 0n],
      ['behind its last byte', BigInt(USER.length)],
    ].map(([what, offset]) =>
      [0, 1, 32].map((size) =>
        [0, 1, 0x1_0000_0000n, -1].map((flags) => [
          [fill, call(helper.get_current_task_btf), mov(r4, r0)],
          [mov(r6, r7), mov(r0, offset as bigint), add(r6, r0)],
          [mov(r1, r10), add(r1, -ROOM), mov(r2, size), mov(r3, r6), mov(r5, flags)],
          call(helper.copy_from_user_task, r1, r2 as never, r3 as never, r4, r5 as never),
          sheet.keep(`${size} bytes of ${what}, flags ${flags}`),
          sheet.keepMemory(`${size} bytes of ${what}, flags ${flags}, memory`, ROOM),
        ]),
      ),
    ),
    Object.entries(NOWHERE).map(([what, address]) =>
      [0, 8].map((size) => [
        [fill, call(helper.get_current_task_btf), mov(r4, r0)],
        [mov(r1, r10), add(r1, -ROOM), mov(r2, size), mov(r3, address), mov(r5, 0)],
        call(helper.copy_from_user_task, r1, r2 as never, r3 as never, r4, r5 as never),
        sheet.keep(`${size} bytes of ${what}`),
        sheet.keepMemory(`${size} bytes of ${what}, memory`, ROOM),
      ]),
    ),
  ],
};

/** Writes into the page that the calls are given, and behind it. */
const writes: Calls = {
  name: 'probe_write_user',
  refused: 'a kernel that is locked down lets no program write into a process',
  hook: raw,
  user: USER,
  code: (sheet) => [
    load(r7, u64.at(r8)),
    [0, 1, USER.length - 8, USER.length - 7, USER.length].map((offset) => [
      [mov(r6, r7), add(r6, offset), fill],
      call(helper.probe_write_user, r6, u64.at(r10, -ROOM), 8),
      sheet.keep(`at ${offset}`),
      [mov(r6, r7), read(sheet, helper.probe_read_user, 32, `the process, after ${offset}`)],
    ]),
    Object.entries(NOWHERE).map(([what, address]) => [
      [fill, mov(r6, address), call(helper.probe_write_user, r6, u64.at(r10, -ROOM), 8)],
      sheet.keep(`at ${what}`),
    ]),
  ],
};

const Words = struct('words', {
  none: chars(8),
  word: chars(8),
  longer: chars(8),
  umlaut: chars(8),
});
const WORDS = { none: '', word: 'abc', longer: 'abcd', umlaut: 'ab\u00fc' };
const words = globals(Words, { initial: WORDS, readonly: true });

const comparisons: Calls = {
  name: 'strncmp',
  since: '5.17',
  hook: raw,
  maps: { words },
  code: (sheet) =>
    Object.values(WORDS).map((text) => [
      mov(r0, textAsNumber(text)),
      store(u64.at(r10, -8), r0),
      Object.keys(WORDS).map((constant, index) =>
        [1, 2, 3, 4, 8].map((size) => [
          [lea(r3, words), add(r3, 8 * index), mov(r2, size), mov(r1, r10), add(r1, -8)],
          call(helper.strncmp, r1, r2 as never, r3),
          sheet.keep(`${size} bytes of ${JSON.stringify(text)} and ${constant}`),
        ]),
      ),
    ]),
};

const textAsNumber = (text: string): bigint => {
  const bytes = new Uint8Array(8);
  bytes.set(new TextEncoder().encode(text));
  return new DataView(bytes.buffer).getBigInt64(0, true);
};

export const MEMORY_CALLS: readonly Calls[] = [
  kernelReads(helper.probe_read_kernel),
  kernelReads(helper.probe_read_kernel_str),
  { ...kernelReads(helper.probe_read), name: 'probe_read of the kernel' },
  { ...kernelReads(helper.probe_read_str), name: 'probe_read_str of the kernel' },
  userReads(helper.probe_read_user),
  userReads(helper.probe_read_user_str),
  userReads(helper.probe_read),
  userReads(helper.probe_read_str),
  userReads(helper.copy_from_user, syscall),
  fromTask,
  writes,
  comparisons,
];
