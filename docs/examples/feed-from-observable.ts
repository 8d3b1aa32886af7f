/** Feeds a run from whatever emits: here a timer, which might as well be a web socket or a queue. */
import { interval, map, take } from 'rxjs';
import { loadTopology, openRun, question } from 'swirl-rl';

await using run = await openRun(await loadTopology('topology.yaml'));

const questions = interval(10).pipe(
  take(5),
  map((n) => {
    const bags = n + 2;
    const text = `Ada has ${bags} bags of 12 apples. How many?`;
    return question({ id: `bags-${Date.now()}-${n}`, task: 'math', text, answer: String(12 * bags) });
  }),
);

// An Observable cannot be told to wait: at most so many records wait for the log, and more are an error.
const count = await run.feed('questions', questions, { queue: 1000 });
console.log(`${count} questions are in the run ${run.topology.run}`);
