/** Says at the start of the tests how long they may take here. */
import { availableParallelism, loadavg } from 'node:os';
import { missing } from '../kafka/fetch.js';
import { findAdapter } from '../setup/adapter.js';
import { durations, secondsOf } from './durations.js';
import { estimate, inWords } from './estimate.js';

/** Shorter runs are not announced, in seconds. */
const WORTH_SAYING = 20;

/**
 * @param {readonly string[]} names the test files, in the order in which they are begun
 * @param {number} workers
 */
export function announce(names, workers) {
  const cores = availableParallelism();
  const whole = estimate(names.map(secondsOf), { workers, cores, load: 0 });
  if (whole < WORTH_SAYING) return;
  const lacking = {
    broker: missing() !== null && names.some((name) => durations.onBroker.includes(name)),
    adapter: findAdapter().adapter === null && names.some((name) => durations.onAdapter.includes(name)),
  };
  const load = Math.round(loadavg()[0] ?? 0);
  process.stderr.write(`${announcement(names, { workers, cores, load, lacking })}\n`);
}

/**
 * @param {readonly string[]} names
 * @param {import('./estimate.js').Machine & { lacking: { broker: boolean, adapter: boolean } }} machine
 * @returns {string}
 */
export function announcement(names, { workers, cores, load, lacking }) {
  const skipped = new Set([
    ...(lacking.broker ? durations.onBroker : []),
    ...(lacking.adapter ? durations.onAdapter : []),
  ]);
  const seconds = names.filter((name) => !skipped.has(name)).map(secondsOf);
  const time = (/** @type {number} */ others) => inWords(estimate(seconds, { workers, cores, load: others }));
  const what = [lacking.broker && 'a Kafka broker', lacking.adapter && 'a WebGPU adapter'].filter(Boolean);
  return [
    `${names.length} test files: about ${time(0)} on ${cores === 1 ? 'an idle core' : `${cores} idle cores`}`,
    load > 0 && time(load) !== time(0)
      ? `, up to ${time(load)} at the load of ${load} that there is now`
      : '',
    what.length > 0 ? ` (those that need ${what.join(' or ')} are skipped: there is none)` : '',
  ].join('');
}
