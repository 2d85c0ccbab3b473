/**
 * @module
 * The kernel verifier's log, parsed.
 */
export { blamedRegister, parseRefusal, type Refusal, tailOf } from './log.ts';
export { parseStatistics, type Statistics } from './stats.ts';
