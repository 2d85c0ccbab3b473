/**
 * @module
 * The engines of the simulated machine, for tests that both must pass.
 */
import { type SimulateOptions, simulate } from '../../src/sim/index.ts';

export const ENGINES = ['interpreter', 'wasm'] as const;

/** `simulate` on an engine. */
export const simulateOn = (engine: (typeof ENGINES)[number]): typeof simulate => {
  const run = simulate as (spec: never, world: SimulateOptions) => unknown;
  return ((spec: never, world: SimulateOptions = {}) => run(spec, { ...world, engine })) as never;
};
