/**
 * How long each test file took when that was recorded (`npm test -- --record`), on two idle cores, with a
 * core to itself: so `npm test` can say how long it may take, begin with the longest, and choose the quick ones.
 */
import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const file = fileURLToPath(new URL('./durations.json', import.meta.url));

/** What a file that is not recorded is taken to need, in seconds. */
const UNKNOWN = 5;

/**
 * @typedef {object} Durations
 * @property {string} machine where it was recorded
 * @property {string[]} onBroker files that need a Kafka broker, and are skipped without one
 * @property {string[]} onAdapter files that need a WebGPU adapter
 * @property {Record<string, number>} seconds of each file
 */

/** @type {Durations} */
export const durations = JSON.parse(readFileSync(file, 'utf8'));

/** A test file's name, as it is recorded. @param {string} path */
export function nameOf(path) {
  return relative(root, path).split(sep).join('/');
}

/** @param {string} name @returns {number} */
export function secondsOf(name) {
  return durations.seconds[name] ?? UNKNOWN;
}

/** @param {string} name */
export function isKnown(name) {
  return name in durations.seconds;
}
