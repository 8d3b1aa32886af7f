/**
 * Prints the mean reward of the last hundred steps, as they are scored. The run may be at work in another
 * process.
 */
import { map, scan } from 'rxjs';
import { loadTopology, openTopics } from 'swirl-rl';

const follow = process.argv.includes('--follow');
// To look only: nothing is consumed, and the run is not slowed.
await using topics = await openTopics(await loadTopology('topology.yaml'));

const means = topics.tap('scored', { follow }).pipe(
  map(({ reward }) => reward.value),
  scan((last: readonly number[], value) => [...last, value].slice(-100), []),
  map((last) => ({ steps: last.length, mean: last.reduce((sum, value) => sum + value, 0) / last.length })),
);

await means.forEach(({ steps, mean }) => {
  console.log(`mean reward of the last ${steps} steps: ${mean.toFixed(3)}`);
});
