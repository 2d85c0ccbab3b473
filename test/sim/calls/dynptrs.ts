/**
 * @module
 * Calls on dynptrs, of memory, packets and ring buffers: offsets behind the last byte, sizes that do not fit, memory that
 * is not there.
 */
import {
  add,
  array,
  arsh,
  type Code,
  call,
  cgroupSkb,
  globals,
  helper,
  jeq,
  KiB,
  label,
  lea,
  load,
  lsh,
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
  ringbuf,
  store,
  struct,
  tc,
  u8,
  u64,
  xdp,
} from '../../../src/index.ts';
import { emittedBy } from '../../../src/testing/emitted.ts';
import { keepInt, kfunc, world } from './kernel-functions.ts';
import { type Calls, PACKET, type Sheet } from './sheet.ts';

/** The places of `struct bpf_dynptr`s on the stack, and of what is read and written. */
const first = u64.at(r10, -16);
const second = u64.at(r10, -32);
const bytes = u64.at(r10, -64);

const OFFSETS = [0, 1, 8, 20, 24, 25, 32, 33, -1] as const;
const at = (register: typeof r1, offset: number): Code => [
  mov(register, r10),
  add(register, offset),
];

const fill: Code = [0, 8, 16, 24].map((offset) => [
  mov(r0, 0x0102_0304_0506_0708n + BigInt(offset)),
  store(u64.at(r10, offset - 64), r0),
]);

/** Reads and writes by way of the first dynptr. */
const readAndWrite = (sheet: Sheet, name: string, flags: readonly (number | bigint)[]): Code => [
  OFFSETS.map((offset) =>
    [0, 8, 32].map((size) => [
      [fill, at(r1, -64), mov(r2, size), at(r3, -16), mov(r4, offset), mov(r5, 0)],
      [call(helper.dynptr_read, r1, r2 as never, r3, r4 as never, r5 as never)],
      sheet.keep(`${name}: reads ${size} at ${offset}`),
      sheet.keepMemory(`${name}: reads ${size} at ${offset}, memory`, 16, r10, -64),
    ]),
  ),
  flags.map((flag) =>
    [0, 20, 25].map((offset) => [
      [fill, at(r1, -16), mov(r2, offset), at(r3, -64), mov(r4, 8), mov(r5, flag)],
      call(helper.dynptr_write, r1, r2 as never, r3, r4 as never, r5 as never),
      sheet.keep(`${name}: writes at ${offset}, flags ${flag}`),
    ]),
  ),
  [at(r1, -64), mov(r2, 8), at(r3, -16), mov(r4, 0), mov(r5, 1)],
  [call(helper.dynptr_read, r1, r2 as never, r3, r4 as never, r5 as never)],
  sheet.keep(`${name}: reads with flags`),
];

/** Eight bytes of the first dynptr by a pointer to them. */
const pointers = (sheet: Sheet, name: string): Code =>
  OFFSETS.map((offset) => {
    const found = (what: string): Code =>
      sheet.keepFound(`${name}: ${what} at ${offset}`, [
        [load(r7, u64.at(r0)), sheet.keep(`${name}: ${what} at ${offset}, bytes`, r7)],
      ]);
    return [
      [
        at(r1, -16),
        mov(r2, offset),
        mov(r3, 8),
        call(helper.dynptr_data, r1, r2 as never, r3 as never),
      ],
      found('data'),
      [at(r1, -16), mov(r2, offset), at(r3, -64), mov(r4, 8), kfunc('bpf_dynptr_slice')],
      found('a slice'),
    ];
  });

/** Leaves out bytes, and what can be seen then. */
const adjusts = (sheet: Sheet, name: string): Code => [
  [
    [0, 32],
    [33, 33],
    [0, 33],
    [9, 8],
    [8, 32],
    [4, 12],
    [0, 9],
    [8, 8],
  ].map(([start, end]) => [
    [at(r1, -16), mov(r2, start!), mov(r3, end!), kfunc('bpf_dynptr_adjust')],
    keepInt(sheet, `${name}: from ${start} to ${end}`),
    [
      at(r1, -16),
      kfunc('bpf_dynptr_size'),
      keepInt(sheet, `${name}: from ${start} to ${end}, size`),
    ],
    [fill, at(r1, -64), mov(r2, 4), at(r3, -16), mov(r4, 0), mov(r5, 0)],
    [call(helper.dynptr_read, r1, r2 as never, r3, r4 as never, r5 as never)],
    sheet.keep(`${name}: from ${start} to ${end}, reads`),
    [load(r0, bytes), sheet.keep(`${name}: from ${start} to ${end}, bytes`)],
  ]),
  [at(r1, -16), at(r2, -32), kfunc('bpf_dynptr_clone'), keepInt(sheet, `${name}: clone`)],
  [at(r1, -32), kfunc('bpf_dynptr_size'), keepInt(sheet, `${name}: size of the clone`)],
  ['is_null', 'is_rdonly'].map((what) => [
    [at(r1, -16), kfunc(`bpf_dynptr_${what}`), lsh(r0, 56), arsh(r0, 56)],
    sheet.keep(`${name}: ${what}`),
  ]),
];

const memory = globals(struct('memory', { bytes: array(u64, 4) }), {
  initial: { bytes: [0x1111_1111_1111_1111n, 0x2222n, 0x3333n, 0x4444_4444_4444_4444n] },
});

const ofMemory: Calls = {
  name: 'dynptrs of memory',
  since: '6.5',
  maps: { memory },
  world,
  code: (sheet) => [
    [1, 0].map((flags) => [
      [lea(r6, memory), call(helper.dynptr_from_mem, r6, 32, flags, first)],
      [sheet.keep(`made with flags ${flags}`), readAndWrite(sheet, `flags ${flags}`, [0, 1, -1])],
      [pointers(sheet, `flags ${flags}`), adjusts(sheet, `flags ${flags}`)],
    ]),
  ],
  after: (maps) => maps.memory.get('bytes'),
};

const ofPacket = (hook: NonNullable<Calls['hook']>, from: string, name: string): Calls => ({
  name: `dynptrs of packets, ${name}`,
  since: '6.5',
  hook,
  world,
  code: (sheet) => [
    [1, 0].map((flags) => [
      [mov(r1, r8), mov(r2, flags), at(r3, -16), kfunc(from)],
      keepInt(sheet, `made with flags ${flags}`),
      readAndWrite(sheet, `flags ${flags}`, name === 'tc' ? [0, 1, 3, 4, -1] : [0, 1]),
      [pointers(sheet, `flags ${flags}`), adjusts(sheet, `flags ${flags}`)],
    ]),
  ],
});

/** A slice of a packet that can be written. */
const changes = (hook: NonNullable<Calls['hook']>, from: string): Calls => ({
  name: `bpf_dynptr_slice_rdwr, ${from}`,
  since: '6.5',
  hook,
  world,
  code: (sheet) => [
    [mov(r1, r8), mov(r2, 0), at(r3, -16), kfunc(from), keepInt(sheet, 'made')],
    [0, 50, 56, 57, -1].map((offset) => {
      const none = label('none');
      return [
        [at(r1, -16), mov(r2, offset), at(r3, -64), mov(r4, 8), kfunc('bpf_dynptr_slice_rdwr')],
        [mov(r6, r0), jeq(r6, 0, none), store(u64.at(r6), 0x1234), mov(r6, 1)],
        [none, sheet.keep(`at ${offset}`, r6)],
      ];
    }),
  ],
});

const events = ringbuf(array(u8, 16), { maxEntries: 4 * KiB });

const ofRing: Calls = {
  name: 'dynptrs of ring buffers',
  since: '6.5',
  maps: { events },
  world,
  code: (sheet) =>
    [16, 0, 40, 4088, 5000, 0x0100_0000, 0x4000_0000].map((size) =>
      [0, 1, 0x1_0000_0000n].map((flags) => {
        const name = `${size} bytes, flags ${flags}`;
        return [
          [mov(r2, size), mov(r3, flags)],
          [call(helper.ringbuf_reserve_dynptr, events, r2 as never, r3 as never, first)],
          [
            sheet.keep(name),
            at(r1, -16),
            kfunc('bpf_dynptr_size'),
            keepInt(sheet, `${name}: size`),
          ],
          [fill, at(r1, -16), mov(r2, 0), at(r3, -64), mov(r4, 16), mov(r5, 0)],
          [call(helper.dynptr_write, r1, r2 as never, r3, r4 as never, r5 as never)],
          sheet.keep(`${name}: writes`),
          call(
            size === 16 ? helper.ringbuf_submit_dynptr : helper.ringbuf_discard_dynptr,
            first,
            0,
          ),
        ];
      }),
    ),
  after: (maps) => emittedBy(maps.events),
};

/** Between two halves of one memory, and over it. */
const copies: Calls = {
  name: 'bpf_dynptr_copy, bpf_dynptr_memset',
  since: '6.17',
  maps: { memory },
  world,
  code: (sheet) => [
    [lea(r6, memory), call(helper.dynptr_from_mem, r6, 16, 0, first)],
    [lea(r6, memory), add(r6, 16), call(helper.dynptr_from_mem, r6, 16, 0, second)],
    [
      [0, 0, 8],
      [4, 8, 8],
      [4, 9, 8],
      [9, 8, 8],
      [0, 0, 16],
      [0, 0, 17],
      [16, 16, 0],
    ].map(([to, from, size]) => [
      [at(r1, -32), mov(r2, to!), at(r3, -16), mov(r4, from!), mov(r5, size!)],
      [kfunc('bpf_dynptr_copy'), keepInt(sheet, `${size} bytes from ${from} to ${to}`)],
    ]),
    [
      [0, 3, 0x1ab],
      [12, 4, 7],
      [12, 5, 7],
      [16, 0, 7],
    ].map(([offset, size, value]) => [
      [at(r1, -16), mov(r2, offset!), mov(r3, size!), mov(r4, value!)],
      [kfunc('bpf_dynptr_memset'), keepInt(sheet, `${size} bytes of ${value} at ${offset}`)],
    ]),
  ],
  after: (maps) => maps.memory.get('bytes'),
};

export const DYNPTR_CALLS: readonly Calls[] = [
  ofMemory,
  ofPacket(tc, 'bpf_dynptr_from_skb', 'tc'),
  ofPacket(xdp, 'bpf_dynptr_from_xdp', 'xdp'),
  {
    ...ofPacket((body) => cgroupSkb('egress', body), 'bpf_dynptr_from_skb', 'cgroup_skb'),
    // These see no header of Ethernet.
    simulated: { packet: PACKET.slice(14) },
  },
  changes(tc, 'bpf_dynptr_from_skb'),
  changes(xdp, 'bpf_dynptr_from_xdp'),
  ofRing,
  copies,
];
