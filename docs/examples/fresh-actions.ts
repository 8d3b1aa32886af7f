/**
 * The objective of the SWiRL paper in memory: at the context of each recorded step the policy acts again, four
 * times, and what is learned is which of its own actions are better than the others there.
 */
import { decompose, filter, judge, paced, question, resample, reward, rollout, train } from 'swirl-rl';

const tasks = { math: { tools: ['calculator'], maxSteps: 4, instructions: '' } };
const tools = { calculator: { kind: 'calculator' } } as const;
const checkpoint = 'swirl:assets/base-policy';
const policy = { kind: 'local', checkpoint, maxTokens: 24, contextTokens: 256 } as const;

const questions = [21, 34].map((n) =>
  question({ id: `apples-${n}`, task: 'math', text: `Ada has ${n} apples and gets 12. How many?` }),
);

await paced(questions)
  .pipe(
    rollout({ policy, tasks, tools, rollouts: 1, seed: 7 }),
    decompose(),
    judge({ kind: 'rules' }, { tools }),
    filter({ mode: 'none' }),
    resample({ policy, tasks, tools, actions: 4, seed: 7 }),
    // Fresh actions have no verdict yet: the judge is asked about each.
    reward({ kind: 'judge', unknown: 0.5 }, { tools }),
    train({
      ...{ policy: checkpoint, checkpoints: 'learned-fresh', tasks, tools },
      ...{ advantage: 'leave-one-out', clipRatio: { kind: 'clipped' }, batch: { subTrajectories: 8 } },
    }),
  )
  .forEach(({ step, subTrajectories, meanReward }) => {
    console.log(`update ${step}: ${subTrajectories} fresh actions, mean reward ${meanReward.toFixed(2)}`);
  });
