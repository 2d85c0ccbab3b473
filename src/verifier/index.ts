/**
 * @module
 * The kernel verifier's log, parsed and explained; and static checks that need no kernel.
 */
export { checkProgram, type Finding } from './check.ts';
export {
  type ExplainOptions,
  type Explanation,
  explain,
  type Held,
  type Place,
  unknownLines,
} from './explain.ts';
export { blamedRegister, parseRefusal, type Refusal, tailOf } from './log.ts';
export type { VerifiedProgram } from './program.ts';
export type { Report, ReportedPlace } from './report.ts';
export type { RefusalClass } from './rule.ts';
export { parseStatistics, type Statistics } from './stats.ts';
