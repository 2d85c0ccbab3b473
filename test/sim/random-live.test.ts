/**
 * @module
 * Random programs on the kernel and on both engines. BEESPOKE_RANDOM says how many (20,000), BEESPOKE_SEED where to
 * start. Where there is no kernel, or an old one, the engines are compared with what the test computes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingBefore, titled } from '../asm/kernel.ts';
import { differential } from './differential.ts';

const COUNT = Number(process.env.BEESPOKE_RANDOM ?? 20_000);
const FIRST = Number(process.env.BEESPOKE_SEED ?? 1);
const reason = missingBefore('6.9');

describe('random programs', () => {
  // Nobody asks where these were written.
  const { captureStackTrace } = Error;
  beforeAll(() => {
    Object.assign(Error, { captureStackTrace: undefined });
  });
  afterAll(() => {
    Object.assign(Error, { captureStackTrace });
  });

  const who = reason === undefined ? 'kernel, interpreter and WebAssembly' : 'both engines';
  const title = `leave the same in registers and memory on ${who}: ${COUNT} of them`;
  it(titled(title, reason), { timeout: 60_000 + COUNT * 100 }, () => {
    const kernel = reason === undefined;
    const acquire = !kernel || missingBefore('6.15') === undefined;
    const found = differential({ first: FIRST, count: COUNT, kernel, acquire });
    expect(found.differences).toEqual([]);
    if (!kernel) return;
    expect(found.accepted + found.complex.length).toBe(COUNT);
    expect(found.accepted).toBeGreaterThanOrEqual(COUNT * 0.99);
  });
});
