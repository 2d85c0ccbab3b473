import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { array, bytes, struct, u32, u64 } from '../../src/layout/index.ts';
import { stackTrace } from '../../src/object/index.ts';
import { BPF_PROG_TYPE, FileDescriptor, progLoad, progTestRun } from '../../src/syscall/index.ts';
import { insn, kernel, loadMap, noBpf } from '../syscall/support.ts';

/** Records the kernel stack of whoever runs it: r0 = get_stackid(ctx, map, 0). */
const program = (fd: number): Uint8Array =>
  Uint8Array.from([
    ...loadMap(2, fd),
    ...insn(0xb7, 3, 0, 0, 0),
    ...insn(0x85, 0, 0, 0, 27), // call bpf_get_stackid
    ...insn(0x95),
  ]);

/** The id of the stack of a test run. */
function record(map: { readonly fd: number }): number {
  const type = BPF_PROG_TYPE.BPF_PROG_TYPE_RAW_TRACEPOINT;
  const loaded = progLoad({ type, insns: program(map.fd), license: 'GPL' });
  using descriptor = new FileDescriptor(loaded.fd, 'program');
  return progTestRun(descriptor.fd, { contextIn: new Uint8Array(16) }).returnValue | 0;
}

describe.skipIf(noBpf)(kernel('stacks'), () => {
  it('are found by their ids, without the zeros behind them', () => {
    using stacks = createMap('stacks', stackTrace(array(u64, 127), { maxEntries: 64 }));
    const id = record(stacks);
    expect(id).toBeGreaterThanOrEqual(0);
    const frames = stacks.get(id)!;
    expect(frames.length).toBeGreaterThan(2);
    expect(frames.length).toBeLessThan(127);
    for (const frame of frames) expect(frame).toBeGreaterThan(0xffff_0000_0000_0000n);
    expect(stacks.delete(id)).toBe(true);
    expect(stacks.delete(id)).toBe(false);
    expect(stacks.get(id)).toBeUndefined();
  });

  it('are addresses where the value is bytes', () => {
    using stacks = createMap('stacks', stackTrace(bytes(8 * 16), { maxEntries: 64 }));
    const frames = stacks.get(record(stacks))!;
    expect(frames.length).toBeGreaterThan(2);
    for (const frame of frames) expect(frame).toBeGreaterThan(0xffff_0000_0000_0000n);
  });

  it('have frames of any layout of 8 bytes', () => {
    const Half = struct('half', { low: u32, high: u32 });
    using stacks = createMap('stacks', stackTrace(array(Half, 16), { maxEntries: 64 }));
    for (const { high } of stacks.get(record(stacks))!) expect(high).toBe(0xffff_ffff);
  });

  it('are not there for the errors of bpf_get_stackid', () => {
    using stacks = createMap('stacks', stackTrace(array(u64, 127), { maxEntries: 64 }));
    expect(stacks.get(-14)).toBeUndefined();
    expect(stacks.delete(-14)).toBe(false);
    expect(stacks.get(5)).toBeUndefined();
    expect(() => stacks.get('x' as never)).toThrow(/^map stacks, id: u32: expected a u32/);
  });

  it('are out of reach when it is closed', () => {
    const stacks = createMap('stacks', stackTrace(array(u64, 127), { maxEntries: 64 }));
    stacks.close();
    for (const use of [() => stacks.get(1), () => stacks.get(-1), () => stacks.delete(1)]) {
      expect(use).toThrow('map stacks is closed');
    }
  });
});
