/** The programs that the verifier refuses, all of them. */
import * as access from './access.ts';
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

const FILES = [nullChecks, packets, bounds, stack, registers, helpers, references, control, access];

export const REJECTED: readonly Rejected[] = FILES.flatMap((file) => Object.values(file).flat());
