/** A jest reporter that says now and then how far the tests are, and what is left as the pace is so far. */
import { nameOf, secondsOf } from './durations.js';
import { inWords } from './estimate.js';
import { plan } from './plan.js';

/** How often, at most: in milliseconds. */
const EVERY = 30_000;

export default class ProgressReporter {
  #began = performance.now();
  #said = performance.now();
  #files = 0;
  /** What the files that are done were recorded to take, in seconds. */
  #done = 0;

  /** @param {import('@jest/test-result').Test} test */
  onTestResult(test) {
    this.#files++;
    this.#done += secondsOf(nameOf(test.path));
    const now = performance.now();
    const left = plan.files - this.#files;
    if (now - this.#said < EVERY || left <= 0) return;
    this.#said = now;
    const passed = (now - this.#began) / 1000;
    const rest = ((plan.seconds - this.#done) / this.#done) * passed;
    process.stderr.write(
      `progress: ${this.#files} of ${plan.files} test files after ${inWords(passed)}, about ${inWords(rest)} left\n`,
    );
  }
}
