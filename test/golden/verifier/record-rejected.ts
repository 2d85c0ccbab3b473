/**
 * @module
 * Records what the verifier of the running kernel says of the rejected programs (test/verifier/rejected), a file for
 * each class and one for those in C, as root:
 *
 *     npx tsx test/golden/verifier/record-rejected.ts
 *
 * Addresses are made alike, and of a long log only the end is kept.
 */
import { writeFileSync } from 'node:fs';
import { COMPILED, COMPILED_LOGS } from '../../verifier/rejected/compiled.ts';
import { REJECTED, type Rejected } from '../../verifier/rejected/index.ts';
import {
  CLASSES,
  fileOf,
  restrictedVerdicts,
  titleOf,
  verdictOf,
  writeLogs,
} from '../../verifier/rejected/verdicts.ts';

/** Lines that are kept. */
const END = 200;

const trimmed = (log: string): string =>
  log
    .replace(/\n+$/, '\n')
    .split('\n')
    .slice(-END)
    .join('\n')
    .replace(/0xffff[0-9a-f]{12}/g, '0xffff888000000000');

const restricted = restrictedVerdicts();
const record = (file: URL, programs: readonly Rejected[]): void => {
  const logs = new Map<string, string>();
  for (const program of programs) {
    const title = titleOf(program);
    const verdict = program.restricted ? restricted[title]! : verdictOf(program);
    if (verdict.kind === 'refused') logs.set(program.name, trimmed(verdict.log));
    else console.error(`${title}: ${verdict.kind === 'failed' ? verdict.why : 'accepted'}`);
  }
  writeFileSync(file, writeLogs(logs));
};

for (const group of CLASSES)
  record(
    fileOf(group),
    REJECTED.filter((each) => each.class === group),
  );
record(COMPILED_LOGS, COMPILED);
