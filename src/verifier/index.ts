/**
 * @module
 * The kernel verifier's log, parsed.
 */
export { blamedRegister, parseRefusal, type Refusal, tailOf } from './log.ts';
