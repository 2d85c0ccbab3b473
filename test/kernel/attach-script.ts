/**
 * Runs the checks of attaching, and prints one line of JSON for each. It needs a network namespace of its own:
 *
 *     unshare -n npx tsx test/kernel/attach-script.ts
 *     unshare -n npx tsx test/kernel/attach-script.ts 'a word of the names'
 */
import { cgroupChecks } from './attach-cgroup-checks.ts';
import { namespaceChecks } from './attach-netns-checks.ts';
import { socketChecks } from './attach-socket-checks.ts';
import { assertOwnNetwork, LO, runChecks, up } from './attach-support.ts';
import { tcChecks } from './attach-tc-checks.ts';
import { xdpChecks } from './attach-xdp-checks.ts';

assertOwnNetwork();
up(LO);
const [, , word = ''] = process.argv;
const all = [...xdpChecks, ...tcChecks, ...namespaceChecks, ...socketChecks, ...cgroupChecks];
const chosen = all.filter(({ name }) => name.includes(word));
await runChecks(chosen, (outcome) => console.log(JSON.stringify(outcome)));
