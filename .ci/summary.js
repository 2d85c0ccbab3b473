/**
 * Prints what reports of vitest (--reporter=json), and of test/kernels in the same form, come to together. What broke
 * outside a test counts as one failure, for each report.
 */
import { readFileSync } from 'node:fs';

/** A run that was broken off leaves no report. */
const read = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, testResults: [], success: false };
  }
};

/** The counts of a report. */
const count = ({
  numPassedTests,
  numFailedTests,
  numPendingTests = 0,
  numTodoTests = 0,
  ...rest
}) => {
  // Files that could not be loaded have no tests to count.
  const broken = rest.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const counted = numFailedTests + broken;
  return {
    passed: numPassedTests,
    failed: counted === 0 && !rest.success ? 1 : counted,
    skipped: numPendingTests + numTodoTests,
  };
};

const counts = process.argv.slice(2).map((path) => count(read(path)));
const sum = (name) => counts.reduce((total, each) => total + each[name], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exitCode = sum('failed') === 0 ? 0 : 1;
