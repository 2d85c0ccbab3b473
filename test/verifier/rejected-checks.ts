/**
 * @module
 * The rejected programs on the running kernel, as plain functions: `test/kernels` calls them on other kernels.
 */
import { REJECTED } from './rejected/index.ts';
import { judge } from './rejected/judge.ts';
import { titleOf, verdictOf } from './rejected/verdicts.ts';

/** What became of the programs that ask for no less than all privileges. */
export interface RejectedReport {
  readonly refused: number;
  /** Programs that this kernel takes: newer kernels take more, and older ones know less to refuse. */
  readonly accepted: readonly string[];
  /** Programs that this kernel could not be asked about, with the reason. */
  readonly failed: readonly string[];
  /** Lines of logs that the parser does not understand, with their program: there must be none. */
  readonly unknown: readonly string[];
  /** Programs whose log was explained as another mistake than on Linux 6.18, with that class. */
  readonly explainedElse: readonly string[];
  /** Programs for which another line was blamed than the one at fault. */
  readonly blamedElse: readonly string[];
}

/** With `slow` those too that cost the verifier a million instructions: minutes on an emulated machine. */
export const rejectedReport = ({ slow = false } = {}): RejectedReport => {
  const report = {
    refused: 0,
    accepted: [] as string[],
    failed: [] as string[],
    unknown: [] as string[],
    explainedElse: [] as string[],
    blamedElse: [] as string[],
  };
  for (const program of REJECTED) {
    if (program.restricted || (program.class === 'complexity' && !slow)) continue;
    const title = titleOf(program);
    const verdict = verdictOf(program);
    if (verdict.kind === 'accepted') report.accepted.push(title);
    else if (verdict.kind === 'failed') report.failed.push(`${title}: ${verdict.why}`);
    else {
      report.refused++;
      const judged = judge(program, verdict.log);
      report.unknown.push(...judged.unknown.map((line) => `${title}: ${line}`));
      if (judged.class !== program.class) report.explainedElse.push(`${title}: ${judged.class}`);
      if (!judged.isMarked) report.blamedElse.push(`${title}: ${judged.line}`);
    }
  }
  return report;
};
