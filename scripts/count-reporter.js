/** A jest reporter that leaves the counts for scripts/test.js, in the file that SWIRL_TEST_COUNTS names. */
import { writeFileSync } from 'node:fs';

export default class CountReporter {
  /**
   * @param {unknown} _contexts
   * @param {import('@jest/reporters').AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      // A test file that could not be loaded has no tests to count, and is a failure all the same.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
      reasons: reasons(results),
    };
    const file = process.env.SWIRL_TEST_COUNTS;
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
  }
}

/**
 * Why tests were skipped, and how many for each reason: it stands in their names or their groups', `(skipped:
 * REASON)`.
 *
 * @param {import('@jest/reporters').AggregatedResult} results
 * @returns {Record<string, number>}
 */
function reasons({ testResults }) {
  /** @type {Record<string, number>} */
  const counted = {};
  for (const { status, fullName } of testResults.flatMap((file) => file.testResults)) {
    const reason = status === 'pending' && /\(skipped: (.+?)\)(?= |$)/s.exec(fullName)?.[1];
    if (reason) counted[reason] = (counted[reason] ?? 0) + 1;
  }
  return counted;
}
