/** How long test files may take together on a machine. */

/**
 * @typedef {object} Machine
 * @property {number} workers processes that run test files at once
 * @property {number} cores
 * @property {number} load processes that are busy with something else
 */

/**
 * Seconds until all are done, where every worker takes the next file as soon as it has finished one. Files
 * need what they need on a core for each worker; fewer cores, or others at work on them, slow all down alike.
 *
 * @param {readonly number[]} seconds of each file, in the order in which they are begun
 * @param {Machine} machine
 * @returns {number}
 */
export function estimate(seconds, { workers, cores, load }) {
  const ends = Array.from({ length: Math.max(1, workers) }, () => 0);
  for (const each of seconds) {
    const free = ends.indexOf(Math.min(...ends));
    ends[free] = /** @type {number} */ (ends[free]) + each;
  }
  const atWork = Math.min(ends.length, Math.max(1, seconds.length));
  return Math.max(...ends) * Math.max(1, (atWork + load) / cores);
}

/** In words, no more exact than it can be. @param {number} seconds */
export function inWords(seconds) {
  if (seconds < 90) return `${Math.max(5, Math.ceil(seconds / 5) * 5)} s`;
  return `${Math.ceil(seconds / 60)} min`;
}
