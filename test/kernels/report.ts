/**
 * What the matrix came to: for people, for docs/kernels.md, and for .ci/summary.js.
 */
import type { Group, Result, Verdict } from './inside/check.ts';

/** What the checks on one kernel came to. */
export interface Outcome {
  readonly machine: string;
  /** The release, as uname(2) has it; undefined where it was not reached. */
  readonly kernel?: string | undefined;
  /** As Node names it. */
  readonly architecture?: string | undefined;
  readonly results: readonly Result[];
  /** Why the machine was not started. */
  readonly skipped?: string | undefined;
  /** Why it did not come to its end. */
  readonly broken?: string | undefined;
}

const count = ({ results }: Outcome, verdict: Verdict): number =>
  results.filter((each) => each.verdict === verdict).length;

/** One line for each kernel, and one for each check that failed. */
export const summary = (outcomes: readonly Outcome[]): readonly string[] => [
  ...outcomes.flatMap((outcome) => {
    const { machine, kernel, skipped, broken, results } = outcome;
    if (skipped) return [`${machine}: skipped: ${skipped}`];
    const counts = `${count(outcome, 'passed')} passed, ${count(outcome, 'failed')} failed, ${count(outcome, 'unsupported')} unsupported`;
    return [
      `${machine} (${kernel ?? 'did not boot'}): ${counts}`,
      ...results
        .filter(({ verdict }) => verdict === 'failed')
        .map(({ group, name, note }) => `  failed: ${group}: ${name}: ${note}`),
      ...(broken ? [`  failed: ${broken}`] : []),
    ];
  }),
];

/** In the form of vitest's JSON reporter, as far as .ci/summary.js reads it. */
export const vitestReport = (outcomes: readonly Outcome[]): object => {
  const sum = (of: (outcome: Outcome) => number) =>
    outcomes.reduce((total, each) => total + of(each), 0);
  const numFailedTests = sum((each) => count(each, 'failed') + (each.broken ? 1 : 0));
  return {
    numPassedTests: sum((each) => count(each, 'passed')),
    numFailedTests,
    numPendingTests: sum((each) => count(each, 'unsupported') + (each.skipped ? 1 : 0)),
    testResults: [],
    success: numFailedTests === 0,
  };
};

const TITLES = {
  tools: 'Tools',
  attaching: 'Attaching',
  features: 'Features',
  objects: 'Object files',
} as const satisfies Record<Group, string>;

const INTRODUCTIONS = {
  tools:
    'What each tool takes: the hook, and the buffer of its events. `without` hides features of the kernel, so that what older ones get is tried on all.',
  attaching:
    'How a program was attached to each type of hook, where it saw what it is there for. The first way is what is taken; the others are for older kernels, or were asked for.',
  features: 'What the kernel has agrees with our tables; the rest is what it says.',
  objects:
    'The corpus of `test/objects`: how many programs the kernel accepts. On x86-64 libbpf loads each of them as well, and the verdict and the instructions must be the same.',
} as const satisfies Record<Group, string>;

/** docs/kernels.md. */
export const page = (outcomes: readonly Outcome[]): string => {
  const heads = outcomes.map(({ kernel = '', architecture }) => {
    const version = kernel.split('.').slice(0, 2).join('.');
    return architecture === 'x64' ? version : `${version} ${architecture}`;
  });
  const lines = [
    '# Kernels',
    '',
    '<!-- Written by `npm run test:kernels`. -->',
    '',
    "Real kernels, under emulation: Debian's cloud kernels, and that of the machine on which the tests run, which allows no module.",
    'A cell says what was taken or found, or what it needs: a newer kernel, or an option of the configuration. `forbidden` is what that machine allows to nobody, `-` what was not tried.',
  ];
  for (const group of Object.keys(TITLES) as Group[]) {
    const names = [
      ...new Set(
        outcomes.flatMap(({ results }) =>
          results.filter((each) => each.group === group).map(({ name }) => name),
        ),
      ),
    ];
    lines.push('', `## ${TITLES[group]}`, '', INTRODUCTIONS[group], '');
    lines.push(`| | ${heads.join(' | ')} |`, `| --- |${' --- |'.repeat(heads.length)}`);
    for (const name of names) {
      const cells = outcomes.map(({ results }) =>
        cell(results.find((each) => each.group === group && each.name === name)),
      );
      lines.push(`| ${name} | ${cells.join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
};

const cell = (result: Result | undefined): string => {
  if (!result) return '-';
  if (result.verdict === 'passed') return result.note;
  return result.verdict === 'failed' ? '**failed**' : result.note;
};
