/**
 * @module
 * Listings: labels, names of maps and functions, relocations, and TypeScript lines.
 */
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  add,
  assemble,
  type Code,
  call,
  callSite,
  coreRead,
  decode,
  describeFrame,
  encode,
  exit,
  fn,
  framesOf,
  helper,
  jeq,
  label,
  lddw,
  lea,
  listing,
  load,
  mov,
  r0,
  r1,
  r2,
  r6,
  r8,
  stack,
  times,
  w1,
  when,
} from '../../src/asm/index.ts';
import { i32, kernelStruct, pointer, u64 } from '../../src/layout/index.ts';
import { twice } from './site-macros.ts';

const events: AnyMap = { kind: 'map', type: 'ringbuf', key: undefined, value: u64 };
const lost: AnyMap = { kind: 'map', type: 'array', key: undefined, value: u64 };
const mapName = (map: AnyMap) => (map === events ? 'events' : map === lost ? '.lost' : undefined);
const Task = kernelStruct('task_struct', {
  tgid: i32,
  get real_parent() {
    return pointer(Task);
  },
});
const each = fn('each', 2, [mov(r0, 0), exit()]);
const double = fn('double', 1, [mov(r0, r1), add(r0, r1), exit()]);
const build = (): { body: Code; site: ReturnType<typeof callSite> } => {
  const out = label('out');
  const body = [
    lea(r6, lost),
    load(r1, u64.at(r6)),
    jeq(r1, 5, out),
    call(helper.ringbuf_output, events, stack(u64), 8, 0),
    call(double, r1),
    call(helper.loop, 3, each, 0, 0),
    lddw(r2, -1),
    out,
    mov(r0, 0),
    exit(),
  ];
  return { body, site: callSite(build) };
};

describe('a listing', () => {
  it('is what the kernel prints, without a choice of more', () => {
    const { instructions } = assemble(build().body, () => true);
    expect(listing(instructions, { lines: false })).toEqual([
      '   0: (18) r6 = map[array][0]+0',
      '   2: (79) r1 = *(u64 *)(r6 +0)',
      '   3: (15) if r1 == 0x5 goto pc+16',
      '   4: (18) r1 = map[ringbuf]',
      '   6: (bf) r2 = r10',
      '   7: (07) r2 += -8',
      '   8: (b7) r3 = 8',
      '   9: (b7) r4 = 0',
      '  10: (85) call bpf_ringbuf_output#130',
      '  11: (85) call pc+10',
      '  12: (b7) r1 = 3',
      '  13: (18) r2 = subprog[+11]',
      '  15: (b7) r3 = 0',
      '  16: (b7) r4 = 0',
      '  17: (85) call bpf_loop#181',
      '  18: (18) r2 = 0xffffffffffffffff',
      '  20: (b7) r0 = 0',
      '  21: (95) exit',
      '  22: (bf) r0 = r1',
      '  23: (0f) r0 += r1',
      '  24: (95) exit',
      '  25: (b7) r0 = 0',
      '  26: (95) exit',
    ]);
  });

  it('names maps, functions and labels', () => {
    const { instructions, functions } = assemble(build().body, () => true);
    const lines = listing(instructions, {
      functions,
      name: 'handleExit',
      mapName,
      labels: true,
      lines: false,
    });
    expect(lines.filter((line) => /:$|goto|map|double|each/.test(line))).toEqual([
      'handleExit:',
      '   0: (18) r6 = map[.lost][0]+0',
      '   3: (15) if r1 == 0x5 goto out',
      '   4: (18) r1 = map[events]',
      '  11: (85) call double',
      '  13: (18) r2 = subprog[each]',
      ' out:',
      'double:',
      'each:',
    ]);
  });

  it('gives labels of one name, and places without, names of their own', () => {
    const body = [
      mov(r0, 0),
      times(r6, 3, [times(r8, 2, [add(r0, 1)])]),
      when(r0, '==', 5, [mov(r0, 1)]),
      exit(),
    ];
    const { instructions } = assemble(body, () => true);
    const named = listing(instructions, { labels: true, lines: false });
    expect(named.filter((line) => /:$|goto/.test(line))).toEqual([
      ' loop.2:',
      ' loop:',
      '   5: (a5) if r8 < 0x2 goto loop',
      '   7: (a5) if r6 < 0x3 goto loop.2',
      '   8: (55) if r0 != 0x5 goto else',
      ' else:',
    ]);
    const decoded = listing(decode(encode(instructions)), { labels: true });
    expect(decoded.filter((line) => /:$|goto/.test(line))).toEqual([
      ' L2:',
      ' L3:',
      '   5: (a5) if r8 < 0x2 goto L3',
      '   7: (a5) if r6 < 0x3 goto L2',
      '   8: (55) if r0 != 0x5 goto L10',
      ' L10:',
    ]);
  });

  it('says what a loader will fill in, and who wrote each line', () => {
    const make = () => {
      const body = [coreRead(w1, Task.at(r8).real_parent.tgid), twice(r6), mov(r0, 0), exit()];
      return { body, site: callSite(make) };
    };
    const { body, site } = make();
    const [frame] = framesOf(assemble(body, () => true).instructions[0]!.site);
    const own = describeFrame(frame!);
    expect(own).toMatch(/^listing\.test\.ts:\d+$/);
    const lines = listing(assemble(body, () => true).instructions, { program: site });
    expect(lines.every((line) => line.endsWith(own))).toBe(true);
    expect(lines.filter((line) => /relocat|field|macros/.test(line))).toEqual([
      `   4: (07) r3 += 8                                       ; field_byte_offset task_struct.real_parent, ${own}`,
      `  10: (07) r3 += 0                                       ; field_byte_offset task_struct.tgid, ${own}`,
      `  13: (0f) r6 += r6                                      ; site-macros.ts:9 < ${own}`,
    ]);
  });
});
