/** The programs that the verifier refuses, all of them. */
import * as access from './access.ts';
import * as blindCalls from './blind-calls.ts';
import * as blindFlow from './blind-flow.ts';
import * as blindMemory from './blind-memory.ts';
import * as blindMore from './blind-more.ts';
import * as bounds from './bounds.ts';
import * as control from './control.ts';
import * as helpers from './helpers.ts';
import * as nullChecks from './null-checks.ts';
import * as packets from './packets.ts';
import * as references from './references.ts';
import * as registers from './registers.ts';
import * as stack from './stack.ts';
import type { Rejected } from './support.ts';

export type { Kernel, Rejected } from './support.ts';

const FILES = [
  nullChecks,
  packets,
  bounds,
  stack,
  registers,
  helpers,
  references,
  control,
  access,
  blindMemory,
  blindFlow,
  blindCalls,
  blindMore,
];

export const REJECTED: readonly Rejected[] = FILES.flatMap((file) => Object.values(file).flat());
