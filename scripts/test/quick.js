/** The tests of `npm run test:quick`. */
import { durations, isKnown, secondsOf } from './durations.js';

/**
 * What they may take together, in seconds, one after the other: some less than two minutes on two cores,
 * which start too.
 */
const BUDGET = 170;
/** Whatever they take: the whole loop once, by the command line. */
const ALWAYS = ['test/end-to-end/several-processes.test.ts'];
/** Without a record: those may be long. */
const LONG_UNTIL_RECORDED = /^test\/(end-to-end|topics\/kafka|docs|package)\//;

/**
 * As many test files as the budget allows, the shortest first; none that needs a broker.
 *
 * @param {readonly string[]} names of all test files
 * @returns {string[]}
 */
export function quick(names) {
  const chosen = names.filter((name) => ALWAYS.includes(name));
  let seconds = chosen.reduce((sum, name) => sum + secondsOf(name), 0);
  const others = names
    .filter((name) => !chosen.includes(name) && !durations.onBroker.includes(name))
    .filter((name) => isKnown(name) || !LONG_UNTIL_RECORDED.test(name))
    .toSorted((a, b) => secondsOf(a) - secondsOf(b));
  for (const name of others) {
    seconds += secondsOf(name);
    if (seconds > BUDGET) break;
    chosen.push(name);
  }
  return chosen;
}
