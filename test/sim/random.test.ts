/**
 * @module
 * Both engines against random programs (test/asm/generator.ts), of which test/asm/random.test.ts shows that the
 * kernel computes the same. BEESPOKE_RANDOM says how many (2,000), BEESPOKE_SEED where to start.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tc } from '../../src/object/index.ts';
import { type SimulatedArray, simulate } from '../../src/sim/index.ts';
import { randomProgram } from '../asm/generator.ts';
import { ENGINES } from './engines.ts';

const COUNT = Number(process.env.BEESPOKE_RANDOM ?? 2000);
const FIRST = Number(process.env.BEESPOKE_SEED ?? 1);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('random programs', () => {
  // Nobody asks where these were written, and it takes longer than all the rest.
  const { captureStackTrace } = Error;
  beforeAll(() => {
    Object.assign(Error, { captureStackTrace: undefined });
  });
  afterAll(() => {
    Object.assign(Error, { captureStackTrace });
  });

  const title = `leave in registers and memory what they do in the kernel: ${COUNT} of them`;
  it(title, { timeout: 60_000 + COUNT * 100 }, () => {
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const { body, before, after } = randomProgram(seed, true);
      const program = tc(body);
      const [interpreted, compiled] = ENGINES.map((engine) => {
        const { maps, programs } = simulate(program, { engine });
        const shared = maps.map0 as unknown as SimulatedArray<Uint8Array, Uint8Array>;
        shared.set(0, before);
        const { value, unwritten, instructions } = programs.program.run();
        return { memory: hex(shared.get(0)!), value, unwritten, instructions };
      });
      expect(interpreted, `seed ${seed}`).toMatchObject({
        memory: hex(after),
        value: 0n,
        unwritten: [],
      });
      expect(compiled, `seed ${seed}`).toEqual(interpreted);
    }
  });
});
