/**
 * @module
 * Calls that send to user space: ring buffers that are full, perf buffers of other CPUs, formats that nobody fills in,
 * call stacks that are shorter than what is left out of them.
 */
import {
  add,
  array,
  type Code,
  call,
  chars,
  globals,
  helper,
  jeq,
  jslt,
  KiB,
  label,
  lea,
  mod,
  mov,
  perfEventArray,
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
  ringbuf,
  stackTrace,
  store,
  struct,
  u8,
  u64,
} from '../../../src/index.ts';
import { possibleCpus } from '../../../src/syscall/index.ts';
import { emittedBy } from '../../../src/testing/emitted.ts';
import type { Calls } from './sheet.ts';

const raw = (body: Code) => rawTracepoint('sys_enter', body);
const value = u64.at(r10, -8);
const events = ringbuf(array(u8, 8), { maxEntries: 4 * KiB });
const FLAGS = [0, 1, 2, 3, 4, 5, 0x1_0000_0000n, -1] as const;

const outputs: Calls = {
  name: 'ringbuf_output',
  since: '5.8',
  maps: { events },
  code: (sheet) => [
    [mov(r0, 0x0807_0605_0403_0201n), store(value, r0)],
    [0, 1, 7, 8].map((size) => [
      call(helper.ringbuf_output, events, value, size, 0),
      sheet.keep(`${size} bytes`),
    ]),
    FLAGS.map((flags) => [
      call(helper.ringbuf_output, events, value, 8, flags),
      sheet.keep(`flags ${flags}`),
    ]),
    // Until it is full, and longer.
    Array.from({ length: 8 }, (_, index) => [
      [lea(r6, sheet.cells), call(helper.ringbuf_output, events, r6, 600, 1)],
      sheet.keep(`600 bytes, ${index}`),
      call(helper.ringbuf_query, events, 0),
      sheet.keep(`600 bytes, ${index}: what is there`),
    ]),
    [lea(r6, sheet.cells), call(helper.ringbuf_output, events, r6, 4088, 1)],
    sheet.keep('more than there ever is'),
    [0, 1, 2, 3, 4, 77, 0x1_0000_0001n, -1].map((what) => [
      call(helper.ringbuf_query, events, what),
      sheet.keep(`query ${what}`),
    ]),
  ],
};

const reservations: Calls = {
  name: 'ringbuf_reserve',
  since: '5.8',
  maps: { events },
  code: (sheet) => [
    FLAGS.map((flags) => {
      const none = label('none');
      return [
        [call(helper.ringbuf_reserve, events, 8, flags), mov(r6, r0), jeq(r6, 0, none)],
        [mov(r1, 7), store(u64.at(r6), r1), call(helper.ringbuf_discard, r6, 0), mov(r6, 1)],
        [none, sheet.keep(`reserves with flags ${flags}`, r6)],
      ];
    }),
    // What is dropped, handed over, and with which flags: readers are not asked to wake up, or are.
    [0, 1, 2, 3].flatMap((flags) =>
      ([helper.ringbuf_submit, helper.ringbuf_discard] as const).map((end, index) => {
        const none = label('none');
        return [
          [call(helper.ringbuf_reserve, events, 16, 0), jeq(r0, 0, none), mov(r6, r0)],
          [store(u64.at(r6), 10 * flags + index), store(u64.at(r6, 8), 5)],
          [call(end, r6, flags), none, call(helper.ringbuf_query, events, 0)],
          sheet.keep(`what is there after ${end.name}, flags ${flags}`),
        ];
      }),
    ),
    [0, 1, 1000, 4080, 4081, 4088, 4096, 0x3fff_ffff, 0x4000_0000].map((size) => {
      const none = label('none');
      return [
        [call(helper.ringbuf_reserve, events, size, 0), mov(r6, r0), jeq(r6, 0, none)],
        [call(helper.ringbuf_discard, r6, 1), mov(r6, 1)],
        [none, sheet.keep(`reserves ${size} bytes`, r6)],
      ];
    }),
  ],
  after: (maps) => emittedBy(maps.events),
};

const samples = perfEventArray(array(u8, 4), { bufferSize: 4 * KiB });

/** r7 is the CPU. Samples are padded, and told by a number of bytes that is a multiple of eight less four. */
const perfOutput = (name: string, hook?: Calls['hook']): Calls => {
  const cpus = possibleCpus().length;
  return {
    name,
    ...(hook && { hook }),
    maps: { samples },
    code: (sheet) => [
      [mov(r0, 0x0807_0605_0403_0201n), store(value, r0)],
      [call(helper.get_smp_processor_id), mov(r7, r0)],
      [0, 1, 4, 5, 8].map((size) => [
        [mov(r3, 0xffff_ffff), mov(r5, size)],
        [call(helper.perf_event_output, r8, samples, r3 as never, value, r5 as never)],
        sheet.keep(`${size} bytes to this CPU`),
      ]),
      [call(helper.perf_event_output, r8, samples, r7 as never, value, 8)],
      sheet.keep('its number'),
      [0x7fff_ffff, cpus, cpus + 1].map((index) => [
        call(helper.perf_event_output, r8, samples, index, value, 8),
        sheet.keep(`buffer ${index === 0x7fff_ffff ? 'far behind the last' : index - cpus}`),
      ]),
      cpus > 1 && [
        [add(r7, 1), mod(r7, cpus)],
        [call(helper.perf_event_output, r8, samples, r7 as never, value, 8)],
        sheet.keep('of another CPU'),
      ],
      // Above the index are bytes of the packet that shall go with it, and bits that are nothing.
      [1n, 60n, 64n, 65n, 0xfffffn, 0x100000n, 0x8000_0000n].map((more) => [
        [mov(r3, (more << 32n) | 0xffff_ffffn)],
        [call(helper.perf_event_output, r8, samples, r3 as never, value, 8)],
        sheet.keep(`${more} more bytes`),
      ]),
    ],
    after: (maps) => emittedBy(maps.samples),
  };
};

/** What is printed, and what no kernel prints. `%p` is a number of the kernel's own making. */
// biome-ignore format: a list
const FORMATS = [
  '', 'plain\n', '%d', '%d %d %d', '%d %d %d %d', '%i|%u|%x|%X', '%ld %lld %lu', '%lx|%llX|%li', '%5d|%-5d|%05d|',
  '%+d|% d|%+5d', '%+-5d|', '%05x|%-5x|', '%0x', '%00012lx', '%20s|', '%-20s|', '%c%c', '%5c|', '%s', '%s%s', '%s%',
  '%', '%%', '%%d', '100%%|%d', 'a%', '%d%', '%5', '%-', '%l', '%ll', '%lll', '%hd', '%hhx', '%.3d', '%.2s', '%#x',
  '%5.2d', '%o', '%f', '%n', '%e', '%*d', '%z', '%lc', '%ls', '%px', '%px|', '%pxx', '%ps', '%pS', '%pB', '%pA', '%pks',
  '%pus', '%pk', '%pu', '%pI4', '%pi4', '%pI5', '%pI6', '%pi6', '%pI', '%sx', '%s ', '%dx', '%5px', '%05s|', '%1c',
  '%-3c|', 'tab\t%d\n', 'bell\u0007', 'del\u007f', '%psx', '%20ps|', '%900d',
];

/** Letters beside those of ASCII are refused by older kernels, and a pointer before a % is not. */
const NEW_FORMATS = ['ünï', '%d ü', '%ü', '%sü', '%dü', '%p%'];

const room = (bytes: number): Code =>
  Array.from({ length: bytes / 8 }, (_, index) => [
    mov(r0, -0x1111_1111_1111_1112n),
    store(u64.at(r10, 8 * index - bytes), r0),
  ]);

const inWords = (text: string): bigint[] => {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(8 * (Math.floor(bytes.length / 8) + 1));
  padded.set(bytes);
  return [...new BigInt64Array(padded.buffer)];
};

/** Puts a format on the stack: where it is, and its bytes with the NUL. */
const onStack = (
  text: string,
): { readonly code: Code; readonly at: number; readonly size: number } => {
  const words = inWords(text);
  const at = -8 * words.length - 64;
  return {
    code: words.map((word, index) => [mov(r0, word), store(u64.at(r10, at + 8 * index), r0)]),
    at,
    size: new TextEncoder().encode(text).length + 1,
  };
};

const LONG = 640;
const Texts = struct('texts', {
  word: chars(8),
  address: array(u8, 16),
  none: chars(8),
  long: chars(LONG),
});
const texts = globals(Texts, {
  initial: {
    word: 'word',
    address: [192, 168, 1, 20, 0, 5, 6, 7, 0xfe, 0x80, 10, 11, 12, 13, 14, 15],
    none: '',
    long: 'abcdefgh'.repeat(LONG / 8 - 1),
  },
});

/** Of `texts`. What has a number of letters is the end of `long`. */
const OFFSETS = {
  word: 0,
  address: 8,
  none: 24,
  long: 32,
  '511 letters': 32 + LONG - 8 - 511,
  '503 letters': 32 + LONG - 8 - 503,
  '500 letters': 32 + LONG - 8 - 500,
} as const;

const printed = (name: string, formats: readonly string[]): Calls => ({
  name,
  maps: { texts },
  hook: raw,
  code: (sheet) => [
    formats.map((text, index) => {
      const { code, at, size } = onStack(text);
      const print = (name: string, length: number, arg: Code): Code => [
        [code, arg, mov(r1, r10), add(r1, at), mov(r2, length)],
        [call(helper.trace_printk, r1, r2 as never, r3, r4, r5)],
        sheet.keep(`${index}, ${JSON.stringify(text)}${name}`),
      ];
      // Numbers for numbers, and a string for strings.
      const isString = /%\S*s|%\S*I|%\S*i[46]/.test(text) && !/%p[sSB]/.test(text);
      const arg = isString
        ? [lea(r3, texts), lea(r4, texts), mov(r5, 0)]
        : [mov(r3, -5), mov(r4, 65), mov(r5, 0x1_0000_0007n)];
      return [
        print('', size, arg),
        index < 4 && [size > 1 && print(' without its NUL', size - 1, arg)],
      ];
    }),
  ],
});

const vprinted: Calls = {
  name: 'trace_vprintk',
  since: '5.16',
  hook: raw,
  code: (sheet) =>
    ['%d', '%d %d', '%d %d %d %d %d', '%s', '100%%'].map((text) => {
      const { code, at, size } = onStack(text);
      return [0, 4, 8, 16, 40, 48].map((length) => [
        [code, [0, 1, 2, 3, 4, 5].map((each) => store(u64.at(r10, -48 + 8 * each), 40 + each))],
        [mov(r1, r10), add(r1, at), mov(r2, size), mov(r3, r10), add(r3, -48), mov(r4, length)],
        [call(helper.trace_vprintk, r1, r2 as never, r3, r4 as never)],
        sheet.keep(`${text} with ${length} bytes`),
      ]);
    }),
};

/** The formats that the verifier lets through, which looks at those of this helper itself. */
type Argument = number | keyof typeof OFFSETS;
const WELL_FORMED: Readonly<Record<string, readonly Argument[]>> = {
  '': [],
  plain: [],
  '100%%': [],
  '%d|%i|%u': [-5, -6, -7],
  '%x|%X|%lx': [-5, 0xabcd, -5],
  '%ld|%lld|%lu': [-5, -6, -7],
  '%5d|%-5d|%05d|': [-42, -42, -42],
  '%+d|% d|%+5d|%+-5d|': [42, 42, -42, 42],
  '%+u|% x|': [7, 8],
  '%05x|%-5x|%-05d|%012lx|': [255, 255, 255, -1],
  '%c%c|%5c|%-3c|': [65, 0x142, 67, 68],
  '%s|%8s|%-8s|': ['word', 'word', 'word'],
  '%s|%s|': ['none', 0],
  '%2s|%08s|': ['word', 'word'],
  '%pks|%px|': ['word', 0x1234],
  '%px|%5px|%-20px|': [0, 0x1234, 0x1234],
  '%pI4|%pi4|': ['address', 'address'],
  '%pI6|%pi6|': ['address', 'address'],
  '%pI4|': [0],
  '%ps|%pS|%pB|': [0x1234, 0x1234, 0x1234],
  '%d, %d': [1, 2],
  // Arguments are gathered in 512 bytes: a string is cut, and what is behind it has no room.
  '%s': ['long'],
  '%pks': ['long'],
  '%s%s': ['long', 'word'],
  '%s%d': ['long', 1],
  '%s%c': ['511 letters', 65],
  '%s%px': ['511 letters', 1],
  '%s%pI4': ['511 letters', 'address'],
  '%d%s': [1, 'long'],
  '%ld%s': [1, 'long'],
  '%c%d%s': [65, 1, 'long'],
  '%pI4%s': ['address', 'long'],
  '%pI6%s': ['address', 'long'],
  '%pB%s': [0x1234, 'long'],
  '%s%s|': ['500 letters', 'long'],
  '%s%ld': ['503 letters', -1],
  '%s%d%c%c': ['503 letters', -1, 65, 66],
  '%s%pI6': ['500 letters', 'address'],
  '%s%pi4': ['503 letters', 'address'],
  '%2000d|%s': [1, 'long'],
};

/** Without any room, the kernel takes what a pointer leads to for the argument that comes next. */
const isMixedUp = (text: string): boolean => /%p[BIi]\d?%/.test(text);

/** One format in each variable of a map that programs only read. */
const snprintf = (text: string, args: readonly Argument[], index: number): Calls => {
  const Format = struct('format', { text: chars(64) });
  const format = globals(Format, { initial: { text }, readonly: true });
  const given: Code = args.map((arg, at) => [
    typeof arg === 'number' ? mov(r0, arg) : [lea(r0, texts), add(r0, OFFSETS[arg])],
    store(u64.at(r10, 8 * at - 48), r0),
  ]);
  return {
    name: `snprintf ${index}, ${JSON.stringify(text)}`,
    since: '5.13',
    hook: raw,
    maps: { texts, format },
    code: (sheet) =>
      [isMixedUp(text) ? 2 : 0, 1, 4, 64].map((size) => [
        [room(128), given, mov(r1, r10), add(r1, -128), mov(r2, size), lea(r3, format)],
        [mov(r4, r10), add(r4, -48), mov(r5, 8 * args.length)],
        [call(helper.snprintf, r1, r2 as never, r3, r4, r5 as never), sheet.keep(`${size} bytes`)],
        sheet.keepMemory(`${size} bytes, memory`, 64, r10, -128),
      ]),
  };
};

const stacks = stackTrace(array(u64, 8), { maxEntries: 16 });
const USER = 1 << 8;
const REUSE = 1 << 10;
const BIT_32 = 0x1_0000_0000n;

/** Only whether there is a stack, and the errors: what is on it is the kernel's business. */
const callStacks: Calls = {
  name: 'get_stackid, get_stack',
  hook: raw,
  maps: { stacks },
  world: () => ({ stack: { kernel: [1n, 2n, 3n], user: [7n, 8n] } }),
  code: (sheet) => {
    const keepSign = (name: string): Code => {
      const negative = label('negative');
      return [jslt(r0, 0, negative), mov(r0, 1), negative, sheet.keep(name)];
    };
    return [
      // A slot may be taken by another stack, which is to go.
      [
        REUSE,
        REUSE | USER,
        REUSE | 255,
        255 | USER,
        REUSE | (1 << 9),
        1 << 11,
        1 << 12,
        BIT_32,
        -1,
      ].map((flags) => [
        call(helper.get_stackid, r8, stacks, flags),
        keepSign(`an id, flags ${flags}`),
      ]),
      [
        0,
        USER,
        255,
        USER | 255,
        1 << 9,
        1 << 10,
        1 << 11,
        USER | (1 << 11),
        1 << 12,
        BIT_32,
        -1,
      ].map((flags) =>
        [0, 1, 7, 8, 32, 64].map((size) => [
          [room(64), mov(r2, r10), add(r2, -64), mov(r3, size), mov(r4, flags)],
          call(helper.get_stack, r8, r2, r3 as never, r4 as never),
          keepSign(`${size} bytes, flags ${flags}`),
        ]),
      ),
    ];
  },
};

export const OUTPUT_CALLS: readonly Calls[] = [
  outputs,
  reservations,
  perfOutput('perf_event_output of a packet'),
  perfOutput('perf_event_output', raw),
  printed('trace_printk', FORMATS),
  { ...printed('trace_printk of letters', NEW_FORMATS), since: '6.18' },
  vprinted,
  ...Object.entries(WELL_FORMED).map(([text, args], index) => snprintf(text, args, index)),
  callStacks,
];
