/**
 * @module
 * One test, run on the simulator and in the kernel (BPF_PROG_TEST_RUN).
 * @example
 * for (const on of [onSimulator, onKernel])
 *   it(`counts packets, ${on.name}`, on(counter, ({ programs, maps }) => {
 *     expect(programs.count.run({ packet })).toReturnValue(1);
 *     expect(maps.packets.get(6)).toBe(1n);
 *   }));
 */
import { type LiveMap, type LoadedObject, loadObject } from '../kernel/index.ts';
import type { AnyMapSpec, ObjectSpec, ProgramEntry } from '../object/index.ts';
import type { GivenContext, SimulatedMapOf, SimulateOptions } from '../sim/index.ts';
import { simulate } from './simulate.ts';
import { runInKernel } from './test-run.ts';
import { isOutOfReach } from './verdict.ts';

type Maps = Record<string, AnyMapSpec>;
type Programs = Record<string, ProgramEntry>;

/** What a run comes to, wherever it is. */
export interface BenchResult {
  /** The lower half of r0, signed. */
  readonly returnValue: number;
  /** The packet afterwards, where there was one. */
  readonly packet: Uint8Array | undefined;
}

export interface BenchProgram {
  /** Runs it on a packet, or on the arguments of its hook. */
  run(context?: GivenContext): BenchResult;
}

/** What the body of a test gets: the programs and maps of an object. */
export interface Bench<M extends Maps = Maps, P extends Programs = Programs> {
  readonly maps: { readonly [N in keyof M]: SimulatedMapOf<M[N]> | LiveMap<M[N]> };
  readonly programs: { readonly [N in keyof P]: BenchProgram };
}

/** What it uses of vitest's test context. */
interface TestContext {
  skip(reason?: string): void;
}

/** Makes the function of a test: `it('counts', on(counter, ({ programs }) => { ... }))`. */
export type Runner = <const M extends Maps, const P extends Programs>(
  spec: ObjectSpec<M, P>,
  body: (bench: Bench<M, P>) => void | Promise<void>,
  /** What the simulated world is like; the kernel's is as it is. */
  world?: SimulateOptions,
) => (context: TestContext) => Promise<void>;

/** Runs the body on the simulator. */
export const onSimulator: Runner = (spec, body, world) => async () => {
  await body(simulate(spec, world));
};

/**
 * Runs the body in the kernel. The test is skipped, with the reason, where there is no kernel to load the object, or
 * where the kernel does not run programs of this type for a test: it does so for packets and raw tracepoints only.
 */
export const onKernel: Runner = (spec, body, world) => async (context) => {
  const loaded = unlessOutOfReach(context, () =>
    loadObject(spec, { programs: world?.programs, pinPath: '' }),
  );
  if (!loaded) return;
  try {
    await body({ maps: loaded.maps, programs: runnable(loaded, context) });
  } finally {
    loaded.close();
  }
};

const runnable = <M extends Maps, P extends Programs>(
  { programs }: LoadedObject<M, P>,
  context: TestContext,
): Bench<M, P>['programs'] =>
  Object.fromEntries(
    Object.values(programs).map((program) => [
      program!.name,
      {
        // A test that is skipped does not come back.
        run: (given?: GivenContext) =>
          unlessOutOfReach(context, () => runInKernel(program!, given))!,
      },
    ]),
  ) as Bench<M, P>['programs'];

const unlessOutOfReach = <T>(context: TestContext, action: () => T): T | undefined => {
  try {
    return action();
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    context.skip((error as Error).message);
    return undefined;
  }
};
