/** Runs a topology in this process, from questions to updates, and watches how far it is. */
import { loadTopology, openRun, question } from 'swirl-rl';

const topology = await loadTopology('topology.yaml');
// Closed at the end of the file, in whatever way that is reached.
await using run = await openRun(topology);

await run.feed(
  'questions',
  [21, 34, 58].map((n) =>
    question({ id: `apples-${n}`, task: 'math', text: `Ada has ${n} apples and gets 12. How many?` }),
  ),
);

await using flow = await run.start({ untilDrained: true });
flow.progress({ everyMs: 500 }).subscribe((stages) => {
  console.log(stages.map(({ stage, done, backlog }) => `${stage} ${done}/${done + backlog}`).join('  '));
});
// Control-C finishes and commits what is in flight; the next start goes on from there.
process.once('SIGINT', () => void flow.stop());

console.log(`the flow is ${await flow.end}`);
for await (const { step, meanReward, weightsHash } of run.read('updates')) {
  console.log(`update ${step}: mean reward ${meanReward.toFixed(2)}, weights ${weightsHash.slice(0, 12)}`);
}
