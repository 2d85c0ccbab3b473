/**
 * @module
 * Programs that clang has compiled (test/objects), on the kernel and on the simulated machine: what both return for the
 * same packet or arguments.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import type { ObjectSpec } from '../../src/object/index.ts';
import type { GivenContext } from '../../src/sim/index.ts';
import { progTestRun } from '../../src/syscall/index.ts';
import { missingBefore, titled } from '../asm/kernel.ts';
import { type ENGINES, simulateOn } from './engines.ts';

const packet = Uint8Array.from({ length: 64 }, (_, index) => index);
const zeros = new Uint8Array(96);

/** The kernel runs programs in the thread that asks for it. */
const [tgid, , pid] = readlinkSync('/proc/thread-self').split('/').map(Number);

const read = (name: string): ObjectSpec =>
  readObject(new Uint8Array(readFileSync(join(import.meta.dirname, `../objects/${name}.o`))));

/** The result in the kernel; undefined where it refuses the program, or to run it. */
const inKernel = (spec: ObjectSpec, name: string, isRaw: boolean): number | undefined => {
  try {
    using loaded = loadObject(spec, { programs: [name] });
    const { fd } = loaded.programs[name]!;
    return progTestRun(fd, isRaw ? { contextIn: zeros } : { dataIn: packet }).returnValue | 0;
  } catch {
    return undefined;
  }
};

const simulated = (
  engine: (typeof ENGINES)[number],
  spec: ObjectSpec,
  name: string,
  context: GivenContext,
): number | string => {
  const world = { programs: [name], task: { tgid, pid } };
  try {
    return simulateOn(engine)(spec, world).programs[name]!.run(context).returnValue;
  } catch (error) {
    const { message } = error as Error;
    const [, unknown] = /(?:helper|function) (\w+) is not simulated/.exec(message) ?? [];
    return unknown ?? message;
  }
};

const OBJECTS = [
  ...['isa-v1', 'isa-v2', 'isa-v3', 'isa-v4', 'isa-without-types'],
  ...[
    'callbacks',
    'subprograms',
    'locks',
    'xdp',
    'loops',
    'globals',
    'linked',
    'large',
    'maps-nested',
  ],
];
/** What is not simulated yet, and says so. */
const UNKNOWN: Readonly<Record<string, string>> = {
  'callbacks/drain': 'user_ringbuf_drain',
  'callbacks/start_work': 'bpf_wq_init',
};

const reason = missingBefore('6.12');
describe.skipIf(reason)(titled('object files', reason), () => {
  it.each(OBJECTS)('%s.o returns what it does in the kernel', (name) => {
    const spec = read(name);
    const [interpreted, compiled, theirs]: Record<string, unknown>[] = [{}, {}, {}];
    for (const [program, entry] of Object.entries(spec.programs)) {
      if (entry.kind !== 'program') continue;
      const isRaw = entry.hook.type === 'raw_tp';
      if (!isRaw && !/^(socket|tc|xdp)$/.test(entry.hook.type)) continue;
      const result = inKernel(spec, program, isRaw);
      if (result === undefined) continue;
      theirs![program] = UNKNOWN[`${name}/${program}`] ?? result;
      const context = isRaw ? zeros : packet;
      interpreted![program] = simulated('interpreter', spec, program, context);
      compiled![program] = simulated('wasm', spec, program, context);
    }
    expect(interpreted).toEqual(theirs);
    expect(compiled).toEqual(theirs);
    expect(Object.keys(theirs!).length).toBeGreaterThan(0);
  });
});
