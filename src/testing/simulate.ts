/**
 * @module
 * `simulate` of beespoke/sim, with coverage where it is collected.
 */
import type { AnyMapSpec, ObjectSpec, ProgramEntry, ProgramSpec } from '../object/index.ts';
import {
  objectOf,
  type SimulateOptions,
  Simulation,
  type simulate as simulateAlone,
} from '../sim/index.ts';
import { watchedBy } from './coverage.ts';

type AnyObject = ObjectSpec<Record<string, AnyMapSpec>, Record<string, ProgramEntry>>;

/** Programs on a machine of their own, in the world of the test. */
export const simulate: typeof simulateAlone = (
  spec: AnyObject | ProgramSpec,
  world: SimulateOptions = {},
): never => {
  const object = spec.kind === 'object' ? spec : objectOf(spec);
  const covered = world.watch ? undefined : watchedBy(object);
  // Compiled programs tell of no instructions.
  const more = covered && ({ watch: covered, engine: 'interpreter' } as const);
  return new Simulation(object, { ...world, ...more }) as never;
};
