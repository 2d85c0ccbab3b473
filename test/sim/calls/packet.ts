/**
 * @module
 * Calls on packets: bytes before the first and behind the last, checksums of all widths, packets that grow and shrink.
 */
import {
  add,
  type Code,
  call,
  globals,
  helper,
  jgt,
  label,
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
  r8,
  r10,
  SocketBuffer,
  store,
  struct,
  tc,
  u64,
  w1,
  w2,
  w6,
  XdpContext,
  xdp,
} from '../../../src/index.ts';
import type { Calls, Sheet } from './sheet.ts';

const ROOM = 16;
const fill: Code = [0, 8].map((at) => [
  mov(r0, -0x1111_1111_1111_1112n),
  store(u64.at(r10, at - ROOM), r0),
]);

const OFFSETS = [
  0, 1, 13, 48, 49, 56, 63, 64, 65, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, -1,
] as const;

type LoadBytes = typeof helper.skb_load_bytes;

const loads = (id: LoadBytes, hook: Calls['hook'] = tc): Calls => ({
  name: id.name,
  hook: hook!,
  since: '5.18',
  code: (sheet) =>
    OFFSETS.map((offset) =>
      [1, 8, 16].map((size) => [
        [fill, mov(r2, offset), mov(r3, r10), add(r3, -ROOM), mov(r4, size)],
        call(id, r8, r2 as never, r3, r4 as never),
        sheet.keep(`${size} bytes at ${offset}`),
        sheet.keepMemory(`${size} bytes at ${offset}, memory`, ROOM),
      ]),
    ),
});

const relative: Calls = {
  name: 'skb_load_bytes_relative',
  code: (sheet) =>
    [0, 1, 2, 3].map((start) =>
      [0, 1, 42, 49, 50, 56, 0xffff, 0x1_0000, -1].map((offset) => [
        [fill, mov(r2, offset), mov(r3, r10), add(r3, -ROOM), mov(r4, 8), mov(r5, start)],
        call(helper.skb_load_bytes_relative, r8, r2 as never, r3, r4 as never, r5 as never),
        sheet.keep(`at ${offset} from ${start}`),
        sheet.keepMemory(`at ${offset} from ${start}, memory`, ROOM),
      ]),
    ),
};

/** Writes with a helper that takes an offset, a place and a size from r2 on, and flags in r5. */
const stores = (
  name: string,
  hook: NonNullable<Calls['hook']>,
  write: Code,
  flags: readonly (number | bigint)[],
): Calls => ({
  name,
  hook,
  since: '5.18',
  code: (sheet) => [
    fill,
    OFFSETS.map((offset) =>
      [1, 8, 16].map((size) =>
        flags.map((flag) => [
          [mov(r2, offset), mov(r3, r10), add(r3, -ROOM), mov(r4, size), mov(r5, flag)],
          [write, sheet.keep(`${size} bytes at ${offset}, flags ${flag}`)],
        ]),
      ),
    ),
  ],
});
const storeToPacket = call(helper.skb_store_bytes, r8, r2 as never, r3, r4 as never, r5 as never);
const storeToXdp = call(helper.xdp_store_bytes, r8, r2 as never, r3, r4 as never);

const LENGTHS = [0, 1, 14, 42, 63, 64, 65, 0xffff, 0x1_0000, 0xffff_ffff] as const;

const pulls: Calls = {
  name: 'skb_pull_data',
  code: (sheet) =>
    LENGTHS.map((length) => [
      call(helper.skb_pull_data, r8, length),
      sheet.keep(`${length} bytes`),
    ]),
};

/** The first and the last of a packet's bytes, when it has 14 at least. */
const ends = (sheet: Sheet, name: string): Code => {
  const short = label('short');
  return [
    [load(w6, XdpContext.at(r8).data), load(w2, XdpContext.at(r8).data_end)],
    [
      mov(r1, r6),
      add(r1, 14),
      mov(r0, -1),
      jgt(r1, r2, short),
      load(r0 as never, u64.at(r6, 6)),
      short,
    ],
    sheet.keep(name),
  ];
};

const adjusts = (id: typeof helper.xdp_adjust_head, distances: readonly number[]): Calls => ({
  name: id.name,
  hook: xdp,
  since: '5.18',
  code: (sheet) =>
    distances.map((distance, index) => [
      [mov(r2, distance), call(id, r8, r2 as never), sheet.keep(`${index}, by ${distance}`)],
      [call(helper.xdp_get_buff_len, r8), sheet.keep(`${index}, by ${distance}: length`)],
      ends(sheet, `${index}, by ${distance}: bytes`),
    ]),
});

const HALF = [0, 0x1234, 0xffff] as const;
const SUMS = [0, 1, 0xffff, 0x1234_5678, 0xffff_ffff, 0x8000_0001, 0x1_0000_0001n] as const;

/** Sums in the packet, one after the other: what is replaced stays there. */
const sums = (id: typeof helper.l3_csum_replace, flags: readonly number[]): Calls => ({
  name: id.name,
  code: (sheet) => [
    flags.map((flag) => [
      HALF.map((from) => [
        [mov(r2, 24), mov(r3, from), mov(r4, 0xfedc), mov(r5, flag)],
        [call(id, r8, r2 as never, r3 as never, r4 as never, r5 as never)],
        sheet.keep(`from ${from}, flags ${flag}`),
        [mov(r2, 24), mov(r3, r10), add(r3, -8), mov(r4, 2), store(u64.at(r10, -8), 0)],
        [call(helper.skb_load_bytes, r8, r2 as never, r3, r4 as never), load(r0, u64.at(r10, -8))],
        sheet.keep(`from ${from}, flags ${flag}: the sum`),
      ]),
    ]),
    SUMS.flatMap((from) =>
      [0, 0xffff, 0xffff_ffff, 0x8765_4321].map((to) => [
        [mov(r2, 26), mov(r3, from), mov(r4, to), mov(r5, 4)],
        [call(id, r8, r2 as never, r3 as never, r4 as never, r5 as never)],
        [mov(r2, 26), mov(r3, r10), add(r3, -8), mov(r4, 2), store(u64.at(r10, -8), 0)],
        [call(helper.skb_load_bytes, r8, r2 as never, r3, r4 as never), load(r0, u64.at(r10, -8))],
        sheet.keep(`from ${from} to ${to}`),
      ]),
    ),
    // What a packet without a sum has, and a number of more than 16 bits.
    [2, 0x22, 0x62].map((flag) => [
      [store(u64.at(r10, -8), 0), mov(r2, 24), mov(r3, r10), add(r3, -8), mov(r4, 2), mov(r5, 0)],
      [call(helper.skb_store_bytes, r8, r2 as never, r3, r4 as never, r5 as never)],
      [mov(r2, 24), mov(r3, 0x1_fff0), mov(r4, 0x1_0001), mov(r5, flag)],
      [call(id, r8, r2 as never, r3 as never, r4 as never, r5 as never)],
      sheet.keep(`of none, flags ${flag}`),
      [mov(r2, 24), mov(r3, r10), add(r3, -8), mov(r4, 2)],
      [call(helper.skb_load_bytes, r8, r2 as never, r3, r4 as never), load(r0, u64.at(r10, -8))],
      sheet.keep(`of none, flags ${flag}: the sum`),
    ]),
    [1, 25, 62, 63, 64, 0xffff, 0x1_0000, -2].map((offset) => [
      [mov(r2, offset), mov(r3, 1), mov(r4, 2), mov(r5, 2)],
      [
        call(id, r8, r2 as never, r3 as never, r4 as never, r5 as never),
        sheet.keep(`at ${offset}`),
      ],
    ]),
  ],
});

const Words = struct('words', { words: u64, more: u64, zeros: u64 });
const words = globals(Words, {
  initial: { words: 0xfedc_ba98_7654_3210n, more: 0xffff_ffff_0000_0001n, zeros: 0n },
});

const differences: Calls = {
  name: 'csum_diff',
  // Before, the sum was not folded, or not on each architecture.
  since: '6.18',
  maps: { words },
  code: (sheet) =>
    [0, 1, 0xffff, 0x8000_0000, 0xffff_ffff].map((seed) =>
      [0, 2, 4, 8, 16].map((from) =>
        [0, 4, 6, 12].map((to) => [
          [lea(r1, words), mov(r2, from), lea(r3, words), add(r3, 8), mov(r4, to), mov(r5, seed)],
          call(helper.csum_diff, r1, r2 as never, r3, r4 as never, r5 as never),
          sheet.keep(`${from} bytes, ${to} bytes, seed ${seed}`),
        ]),
      ),
    ),
};

const nothing: Calls = {
  name: 'csum_diff of nothing',
  since: '6.18',
  maps: { words },
  code: (sheet) =>
    [0, 0x1234_5678, 0xffff_ffff].map((seed) => [
      [call(helper.csum_diff, 0, 0, 0, 0, seed), sheet.keep(`seed ${seed}`)],
      [lea(r6, words), call(helper.csum_diff, r6, 8, 0, 0, seed), sheet.keep(`from, seed ${seed}`)],
      [call(helper.csum_diff, 0, 0, r6, 8, seed), sheet.keep(`to, seed ${seed}`)],
      [add(r6, 16), call(helper.csum_diff, r6, 8, r6, 8, seed), sheet.keep(`zeros, seed ${seed}`)],
    ]),
};

const redirected = (hook: typeof tc, name: string): Calls => ({
  name: `redirect, ${name}`,
  hook,
  code: (sheet) =>
    [0, 1, 2, 4, 8, 0x8000_0000, 0x1_0000_0000n, -1].map((flags) => [
      call(helper.redirect, 1, flags),
      sheet.keep(`flags ${flags}`),
    ]),
});

const tails: Calls = {
  name: 'skb_change_tail',
  code: (sheet) =>
    [64, 70, 100, 20, 60, 14, 13, 15, 0, 16_064, 16_065, 0x2_0000, -1, 30].map((length, index) =>
      [0, 1].map((flags) => [
        [call(helper.skb_change_tail, r8, length, flags)],
        sheet.keep(`${index}, ${length} bytes, flags ${flags}`),
        [load(w1, SocketBuffer.at(r8).len), mov(r0, r1)],
        sheet.keep(`${index}, ${length} bytes, flags ${flags}: length`),
      ]),
    ),
};

export const PACKET_CALLS: readonly Calls[] = [
  loads(helper.skb_load_bytes),
  loads(helper.xdp_load_bytes, xdp),
  relative,
  stores('skb_store_bytes', tc, storeToPacket, [0, 1, 3, 4, 0x1_0000_0000n]),
  stores('xdp_store_bytes', xdp, storeToXdp, [0]),
  pulls,
  adjusts(helper.xdp_adjust_head, [0, -16, 20, -300, 100, 46, -100, 1]),
  adjusts(helper.xdp_adjust_tail, [0, -10, -41, 5, -100, 30, 3400, 3501, 3459, 1, -3400]),
  sums(helper.l3_csum_replace, [0, 1, 2, 4, 3, 8, 0x10, -1]),
  sums(helper.l4_csum_replace, [0, 2, 4, 0x12, 0x22, 0x62, 0x42, 0x100, -1]),
  differences,
  nothing,
  redirected(tc, 'tc'),
  redirected(xdp as never, 'xdp'),
  tails,
];
