/**
 * Negative advantages on recorded actions destroy a policy unless it is held (ARCHITECTURE.md, "The
 * objective"). In small: the policy knows four actions for any question, alike but for their first letter;
 * three of them are good. It learns from a dozen recorded ones and is asked questions that were not among
 * them.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Engine, Tensors } from '../../src/engine/engine.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { mayCollapse } from '../../src/train/config.ts';
import { OptimizerStep } from '../../src/train/optimizer-step.ts';
import { letters, smallDecoder, smallWeights, tasks, trajectory, update } from './small-world.ts';

const actions = ['axyz', 'bxyz', 'cxyz', 'dxyz'];
const isGood = (action: string) => !action.startsWith('d');
/** Which actions were recorded for each question: the bad one in five of twelve. */
const recordedActions: Readonly<Record<string, string>> = {
  i: 'ab',
  j: 'cd',
  k: 'bc',
  l: 'da',
  m: 'cd',
  n: 'ab',
};
const heldOut = ['o', 'p', 'q'];

const settings = (learningRate: number) => ({ schedule: { kind: 'constant', learningRate, warmupSteps: 0 } });
let base: Tensors;

beforeAll(async () => {
  const engine = await createReferenceEngine(smallDecoder, smallWeights());
  const optimizer = new OptimizerStep(update(settings(0.02)), { engine, renderer: letters, tasks });
  const questions = [...Object.keys(recordedActions), ...heldOut];
  const shown = questions.flatMap((q) =>
    actions.flatMap((text, i) => trajectory(`${q}/${i}`, [{ text }], q)),
  );
  for (let i = 0; i < 50; i++) await optimizer.packAndTake(shown);
  base = await engine.weights();
});

async function logprobs(engine: Engine, question: string, action: string): Promise<number[]> {
  const { ids, spans } = letters.render([
    { role: 'system', content: tasks.get('letters')?.instructions ?? '' },
    { role: 'user', content: question },
    { role: 'assistant', content: action },
  ]);
  const { start = 0, end = 0 } = spans[0] ?? {};
  const targets = Array.from({ length: end - start }, (_, i) => start + i);
  return [...(await engine.forward(packRows([{ tokens: ids, targets }])))];
}

/** The probability that the policy answers a held-out question with a good action. */
async function goodness(engine: Engine): Promise<number> {
  let total = 0;
  for (const question of heldOut) {
    for (const action of actions.filter(isGood)) {
      total += Math.exp(
        (await logprobs(engine, question, action)).reduce((sum, logprob) => sum + logprob, 0),
      );
    }
  }
  return total / heldOut.length;
}

async function recordedBy(engine: Engine): Promise<Scored[]> {
  const steps: Scored[] = [];
  for (const [question, firsts] of Object.entries(recordedActions)) {
    for (const first of firsts) {
      const text = `${first}xyz`;
      const spec = { text, reward: isGood(text) ? 1 : 0, logprobs: await logprobs(engine, question, text) };
      steps.push(...trajectory(`${question}/${first}`, [spec], question));
    }
  }
  return steps;
}

/** Goodness before, and after many updates on the recorded actions. */
async function train(how: Parameters<typeof update>[0]): Promise<{ before: number; after: number }> {
  const engine = await createReferenceEngine(smallDecoder, base);
  const initial = await createReferenceEngine(smallDecoder, base);
  const config = update({ ...settings(0.003), advantage: 'centered', ...how });
  const steps = await recordedBy(initial);
  const optimizer = new OptimizerStep(config, { engine, initial, renderer: letters, tasks });
  const before = await goodness(engine);
  for (let i = 0; i < 100; i++) await optimizer.packAndTake(steps);
  return { before, after: await goodness(engine) };
}

describe('centered advantages on recorded actions', () => {
  test('collapse when nothing holds the policy', async () => {
    const { before, after } = await train({});
    expect(before).toBeGreaterThan(0.6);
    expect(after).toBeLessThan(before / 2);
  });

  test.each<[string, Parameters<typeof update>[0]]>([
    ['KL to the initial policy', { beta: 1 }],
    ['a clipped ratio', { clipRatio: { kind: 'clipped', epsilon: 0.2 } }],
  ])('learn when held by %s', async (_, how) => {
    const { before, after } = await train(how);
    expect(after).toBeGreaterThan(before + 0.05);
  });

  test('plain rewards need no hold', async () => {
    const { before, after } = await train({ advantage: 'reward' });
    expect(after).toBeGreaterThan(before + 0.05);
  });

  test('the configuration says so', () => {
    const config = (how: object) => update({ advantage: 'centered', ...how });
    expect(mayCollapse(config({}))).toBe(true);
    expect(mayCollapse(config({ beta: 0.1 }))).toBe(false);
    expect(mayCollapse(config({ clipRatio: { kind: 'truncated' } }))).toBe(false);
    expect(mayCollapse(update())).toBe(false);
  });
});
