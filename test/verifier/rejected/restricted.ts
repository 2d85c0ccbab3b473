/** Prints the verdicts on the restricted programs: run with few privileges by `restrictedVerdicts`. */
import { REJECTED } from './index.ts';
import { titleOf, type Verdict, verdictOf } from './verdicts.ts';

const verdicts = REJECTED.filter(({ restricted }) => restricted).map((program) => {
  const verdict = verdictOf(program);
  const plain: Verdict =
    verdict.kind === 'refused' ? { kind: verdict.kind, log: verdict.log } : verdict;
  return [titleOf(program), plain];
});
console.log(JSON.stringify(Object.fromEntries(verdicts)));
