/**
 * Runs the checks of attaching, and prints one line of JSON for each. It needs a network namespace of its own:
 *
 *     unshare -n npx tsx test/kernel/attach-script.ts
 *     unshare -n npx tsx test/kernel/attach-script.ts 'a word of the names'
 */
import { attachChecks } from './attach-checks.ts';
import { assertOwnNetwork, LO, runChecks, up } from './attach-support.ts';
import { toolChecks } from './attach-xdp-checks.ts';

assertOwnNetwork();
up(LO);
const [, , word = ''] = process.argv;
const chosen = [...toolChecks, ...attachChecks].filter(
  ({ name, hook }) => name.includes(word) || hook === word,
);
await runChecks(chosen, (outcome) => console.log(JSON.stringify(outcome)));
