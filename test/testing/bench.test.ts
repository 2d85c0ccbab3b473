import { describe, expect, it } from 'vitest';
import {
  add,
  arrayMap,
  call,
  exit,
  helper,
  jeq,
  jgt,
  KiB,
  label,
  load,
  mov,
  object,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  rawTracepoint,
  reserve,
  ringbuf,
  stack,
  store,
  struct,
  tracepoint,
  u8,
  u32,
  u64,
  w2,
  w3,
  xdp,
} from '../../src/index.ts';
import { onKernel, onSimulator } from '../../src/testing/index.ts';
import { noBpf } from '../syscall/support.ts';

const Packet = struct('packet', { size: u32 });
const PASS = 2;
const DROP = 1;

/** Drops what is too short, changes the first byte of the rest, and counts both. */
const gate = () => {
  const counts = arrayMap(u64, { maxEntries: 2 });
  const packets = ringbuf(Packet, { maxEntries: 4 * KiB });
  const which = stack(u32);
  const [known, out] = [label('known'), label('out')];
  const count = [
    call(helper.map_lookup_elem, counts, which),
    jeq(r0, 0, out),
    load(r1, u64.at(r0)),
    add(r1, 1),
    store(u64.at(r0), r1),
  ];
  return object({
    license: 'GPL',
    maps: { counts, packets },
    programs: {
      gate: xdp([
        load(w2, u32.at(r1, 0)),
        load(w3, u32.at(r1, 4)),
        mov(r0, r2),
        add(r0, 20),
        store(which, 0),
        mov(r6, DROP),
        jgt(r0, r3, known),
        store(u8.at(r2), 0xff),
        store(which, 1),
        mov(r6, PASS),
        reserve(r7, packets, known),
        store(Packet.at(r7).size, 20),
        call(helper.ringbuf_submit, r7, 0),
        known,
        count,
        out,
        mov(r0, r6),
        exit(),
      ]),
      sum: rawTracepoint('sched_switch', [
        load(r0, u64.at(r1, 0)),
        load(r2, u64.at(r1, 8)),
        add(r0, r2),
        exit(),
      ]),
      atExec: tracepoint('sched/sched_process_exec', [mov(r0, 0), exit()]),
    },
  });
};

/** Runs the function of a test as vitest does; the reason where it was skipped. */
const outcome = async (
  test: (context: { skip(reason?: string): void }) => Promise<void>,
): Promise<string | undefined> => {
  let reason: string | undefined;
  const end = new Error('skipped');
  const skip = (given?: string) => {
    reason = given;
    throw end;
  };
  await test({ skip }).catch((error: unknown) => {
    if (error !== end) throw error;
  });
  return reason;
};

for (const on of [onSimulator, onKernel])
  describe(`a test ${on.name}`, () => {
    it(
      'runs packets through a program, and looks into its maps',
      on(gate(), ({ programs, maps }) => {
        const long = programs.gate.run({ packet: new Uint8Array(60) });
        expect(long).toReturnValue(PASS);
        expect(long.packet).toEqual(Uint8Array.of(0xff, ...new Uint8Array(59)));
        expect(programs.gate.run({ packet: new Uint8Array(14) })).toReturnValue(DROP);
        expect(programs.gate.run(new Uint8Array(14))).toReturnValue(DROP);
        expect({ maps }).toHaveMap('counts', [
          [0, 2n],
          [1, 1n],
        ]);
        expect(maps.packets).toEmit({ size: 20 });
        expect(maps.counts.get(1)).toBe(1n);
      }),
    );

    it(
      'calls raw tracepoints with arguments',
      on(gate(), ({ programs }) => {
        expect(programs.sum.run([5, 37])).toReturnValue(42);
      }),
    );
  });

describe('onKernel', () => {
  it('lets a test fail', async () => {
    const fail = () => expect(1).toBe(2);
    await expect(outcome(onSimulator(gate(), fail))).rejects.toThrow('expected 1 to be 2');
    if (!noBpf) await expect(outcome(onKernel(gate(), fail))).rejects.toThrow('expected 1 to be 2');
  });

  it('says why a test is skipped', async () => {
    const reason = await outcome(onKernel(gate(), ({ programs }) => void programs.atExec.run()));
    expect(reason).toContain(
      noBpf ?? 'cannot run atExec in the kernel: it runs no tracepoint programs for tests',
    );
    if (noBpf) return;
    const withObject = await outcome(
      onKernel(gate(), ({ programs }) => void programs.sum.run([{ a: 1 }])),
    );
    expect(withObject).toContain('an argument is an object, which only the simulator can make');
  });
});
