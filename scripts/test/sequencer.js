/** Jest's order of the test files: the longest first, so that all workers end at about the same time. */
import Sequencer from '@jest/test-sequencer';
import { announce } from './announce.js';
import { nameOf, secondsOf } from './durations.js';
import { plan } from './plan.js';

/** Its types are those of the CommonJS module. */
const Base = /** @type {typeof Sequencer.default} */ (/** @type {unknown} */ (Sequencer));

export default class LongestFirst extends Base {
  #workers;

  /** @param {ConstructorParameters<typeof Base>[0]} options */
  constructor(options) {
    super(options);
    this.#workers = options.globalConfig.maxWorkers;
  }

  /**
   * @override
   * @param {import('@jest/test-result').Test[]} tests
   * @returns {import('@jest/test-result').Test[]}
   */
  sort(tests) {
    const names = new Map(tests.map((test) => [test, nameOf(test.path)]));
    const seconds = (/** @type {import('@jest/test-result').Test} */ test) =>
      secondsOf(names.get(test) ?? '');
    const sorted = tests.toSorted((a, b) => seconds(b) - seconds(a) || (a.path < b.path ? -1 : 1));
    // Jest decides by them whether workers are worth their start.
    for (const test of sorted) test.duration = seconds(test) * 1000;
    plan.files = sorted.length;
    plan.seconds = sorted.reduce((sum, test) => sum + seconds(test), 0);
    announce(
      sorted.map((test) => names.get(test) ?? ''),
      this.#workers,
    );
    return sorted;
  }
}
