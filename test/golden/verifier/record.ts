/**
 * @module
 * Records what the verifier of the running kernel says of programs that it refuses, one file for each, as root:
 *
 *     npx tsx test/golden/verifier/record.ts
 */
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { loadObject, VerifierError } from '../../../src/kernel/index.ts';
import { refused } from '../../kernel/refused.ts';

for (const [name, spec] of Object.entries(refused)) {
  try {
    loadObject(spec()).close();
    console.error(`${name}: Linux ${release()} accepts it`);
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    writeFileSync(new URL(`${name}.txt`, import.meta.url), error.log);
    if (process.env.SHOW) console.error(`--- ${name}\n${error.message}\n`);
  }
}
