/**
 * The whole flow in memory: questions in, updates of a policy out, with stages as RxJS operators and no
 * topics.
 */
import { tap } from 'rxjs';
import { decompose, filter, judge, paced, question, reward, rollout, train } from 'swirl-rl';

const tasks = { math: { tools: ['calculator'], maxSteps: 4, instructions: '' } };
const tools = { calculator: { kind: 'calculator' } } as const;
const checkpoint = 'swirl:assets/base-policy';

const questions = [21, 34, 58].map((n) =>
  question({ id: `apples-${n}`, task: 'math', text: `Ada has ${n} apples and gets 12. How many?` }),
);

// `paced` asks for a question when there is room for it. A record that fails ends it, unless `onFailure` is
// given.
await paced(questions)
  .pipe(
    rollout({
      policy: { kind: 'local', checkpoint, maxTokens: 24, contextTokens: 256 },
      ...{ tasks, tools, rollouts: 4, seed: 7 },
    }),
    tap(({ id, steps, answer }) => console.log(`${id}: ${steps.length} steps, answer ${answer}`)),
    decompose(),
    judge({ kind: 'rules' }, { tools }),
    filter({ mode: 'none' }),
    reward({ kind: 'verdict', unknown: 0 }),
    train({ policy: checkpoint, checkpoints: 'learned', tasks, tools, batch: { subTrajectories: 8 } }),
  )
  .forEach(({ step, meanReward, weightsHash }) => {
    console.log(`update ${step}: mean reward ${meanReward.toFixed(2)}, weights ${weightsHash.slice(0, 12)}`);
  });
