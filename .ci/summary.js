/** Prints what a report of vitest (--reporter=json) comes to. What broke outside a test counts as one failure. */
import { readFileSync } from 'node:fs';

/** A run that was broken off leaves no report. */
const read = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, testResults: [], success: false };
  }
};

const {
  numPassedTests,
  numFailedTests,
  numPendingTests = 0,
  numTodoTests = 0,
  ...rest
} = read(process.argv[2]);
// Files that could not be loaded have no tests to count.
const broken = rest.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
).length;
const counted = numFailedTests + broken;
const failed = counted === 0 && !rest.success ? 1 : counted;
console.log(
  `${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`,
);
process.exitCode = failed === 0 ? 0 : 1;
