/**
 * @module
 * beespoke/testing: unit tests of BPF programs with vitest, without a kernel and without its rights. In a test, this
 * import adds the matchers to vitest's `expect`; for another one, `expect.extend(matchers)` does.
 * @example
 * const { programs, maps } = simulate(counter, { task: { tgid: 7, comm: 'bash' } });
 * expect(programs.onExec.run()).toReturnValue(0);
 * expect(maps.events).toEmit({ pid: 7, comm: 'bash' });
 */
import { matchers } from './matchers.ts';

export { type Arbitrary, arbitrary, type FastCheck } from './arbitrary.ts';
export {
  type Bench,
  type BenchProgram,
  type BenchResult,
  onKernel,
  onSimulator,
  type Runner,
} from './bench.ts';
export { Coverage, collectCoverage } from './coverage.ts';
export { mergeCoverage } from './lcov.ts';
export { type Limits, type MatcherContext, matchers, type ProgramMatchers } from './matchers.ts';
export { simulate } from './simulate.ts';
export type { EmittedBy, Part } from './types.ts';

// vitest sets it. What a test starts has it too, perhaps where there is no vitest.
if (process.env.VITEST !== undefined)
  await import('vitest').then(
    ({ expect }) => expect.extend({ ...matchers }),
    () => undefined,
  );
