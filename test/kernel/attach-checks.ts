/** All checks of attaching, which need neither vitest nor the machine's own network. */
import { cgroupChecks } from './attach-cgroup-checks.ts';
import { iteratorChecks } from './attach-iterator-checks.ts';
import { kprobeChecks } from './attach-kprobe-checks.ts';
import { namespaceChecks } from './attach-netns-checks.ts';
import { redirectChecks } from './attach-redirect-checks.ts';
import { routeChecks } from './attach-route-checks.ts';
import { rowChecks } from './attach-rows.ts';
import { socketChecks } from './attach-socket-checks.ts';
import { structChecks } from './attach-struct-checks.ts';
import type { Check } from './attach-support.ts';
import { tcChecks } from './attach-tc-checks.ts';
import { tracepointChecks } from './attach-tracepoint-checks.ts';
import { trampolineChecks } from './attach-trampoline-checks.ts';
import { userChecks } from './attach-user-checks.ts';
import { xdpChecks } from './attach-xdp-checks.ts';

const checks: readonly Check[] = [
  ...tracepointChecks,
  ...iteratorChecks,
  ...trampolineChecks,
  ...kprobeChecks,
  ...userChecks,
  ...xdpChecks,
  ...redirectChecks,
  ...tcChecks,
  ...routeChecks,
  ...namespaceChecks,
  ...socketChecks,
  ...cgroupChecks,
  ...structChecks,
];

export const attachChecks: readonly Check[] = [...checks, ...rowChecks(checks)];
