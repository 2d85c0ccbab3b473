/** Says its own number in its namespace, and the one that programs see; ends with its input. */
import { isInPidNamespace, outerPid } from '../../src/kernel/pid-namespace.ts';

console.log(
  JSON.stringify({
    inside: isInPidNamespace(),
    own: process.pid,
    outer: outerPid(process.pid),
    nobody: outerPid(4_000_000) ?? null,
  }),
);
process.stdin.resume();
