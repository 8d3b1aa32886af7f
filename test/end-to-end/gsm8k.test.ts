/** GSM8K, the main job, small: see gsm8k-job.ts. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Gsm8kReport, gsm8kJob } from './gsm8k-job.ts';
import { recordsOf } from './run-records.ts';
import { type Workplace, workplace } from './swirl-process.ts';

const data = fileURLToPath(new URL('../../../shared/data/gsm8k/train-1500.jsonl', import.meta.url));
const because = existsSync(data) ? '' : ` (skipped: ${data} is not there)`;

(because === '' ? describe : describe.skip)(`GSM8K${because}`, () => {
  const questions = 4;
  const rollouts = 5;
  let place: Workplace;
  let report: Gsm8kReport;

  beforeAll(async () => {
    place = workplace();
    report = await gsm8kJob(place, {
      ...{ data, questions, rollouts, solutions: 48, heldOut: 8, maxSteps: 3, maxTokens: 24 },
      policy: { hidden: 48, layers: 2, vocabulary: 512, positions: 512 },
      trajectoriesPerUpdate: 4,
      learningRate: 5e-3,
      device: 'auto',
    });
  });

  afterAll(() => place.remove());

  test('worked solutions raise the logprob of the actions of held-out ones', () => {
    const { before, after } = report;
    expect(before.actions).toBeGreaterThan(10);
    expect({ ...after, perAction: 0, perToken: 0 }).toEqual({ ...before, perAction: 0, perToken: 0 });
    // A fresh policy knows nothing: log 512 is 6.2. Far more than chance could give.
    expect(after.perToken).toBeGreaterThan(before.perToken + 0.5);
  });

  test('the counts of the warm-up add up, and what was not trained on is said', () => {
    const { warmUp } = report;
    expect(warmUp.problems).toEqual([]);
    expect(warmUp).toMatchObject({ trajectories: 48, updates: 12 });
    expect(Object.keys(warmUp.failures).filter((stage) => stage !== 'train')).toEqual([]);
  });

  test('each question becomes 5 trajectories, each trajectory its sub-trajectories, and all are trained on', async () => {
    const { main } = report;
    expect(main.problems).toEqual([]);
    expect(main.questions).toBe(questions);
    const { rollout = 0, tools = 0, ...rest } = main.failures;
    expect(main.trajectories + rollout + tools).toBe(questions * rollouts);
    expect(main.updates).toBeGreaterThan(0);
    expect(Object.keys(rest).filter((stage) => stage !== 'train')).toEqual([]);
    for (const failure of await recordsOf(place.path('runs'), 'main', 'failures')) {
      expect(failure.message).toMatch(/tokens/);
    }
  });

  test('the actions are those of the warmed-up policy', async () => {
    const warm = (await recordsOf(place.path('runs'), 'warm-up', 'updates')).at(-1);
    const turns = await recordsOf(place.path('runs'), 'main', 'trajectories');
    const policies = new Set(turns.flatMap(({ steps }) => steps.map(({ action }) => action.policy)));
    expect([...policies]).toEqual([`local:${warm?.weightsHash.slice(0, 12)}`]);
  });
});
