/**
 * A tiny policy that adds with the calculator, more or less: enough for rollouts with tool calls, answers and
 * mistakes. A few updates on demonstrations make it, in a few seconds on the float64 reference.
 */
import { writtenAction } from '../../src/agent/written-action.ts';
import { openPolicy, savePolicy } from '../../src/checkpoint/folder.ts';
import { makePolicy, policyShape } from '../../src/checkpoint/new-policy.ts';
import { readWeights } from '../../src/checkpoint/weight-files.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { uniform } from '../../src/random.ts';
import { wordTokenizer } from '../../src/tokenizer/new-tokenizer.ts';
import type { Action, Question, Step, SubTrajectory } from '../../src/topics/records.generated.ts';
import { updateConfig } from '../../src/train/config.ts';
import { OptimizerStep } from '../../src/train/optimizer-step.ts';

/** What the policy is told: part of the topology that it is used in. */
export const instructions = 'Add.';

const shape = {
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headSize: 16,
  maxPositions: 256,
  slidingWindow: 128,
};
const UPDATES = 40;
const PER_UPDATE = 8;

/** Questions with small sums, named `q0`, `q1`, ...; the same for the same seed. */
export function sums(count: number, seed = 1n): Question[] {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [0, 1].map((j) => 1 + Math.floor(uniform(seed, 2 * i + j) * 9)) as [number, number];
    const text = `What is ${a} plus ${b}?`;
    return {
      id: `q${i}`,
      task: 'sums',
      text,
      answer: String(a + b),
      answers: [],
      source: null,
      meta: { a: `${a}`, b: `${b}` },
    };
  });
}

/** Makes the policy's folder. */
export async function makeAblePolicy(folder: string): Promise<void> {
  const tokenizer = wordTokenizer({
    words: ['What', 'is', 'plus', 'No', 'tool', 'was', 'used', 'Add', '?', '+', '.', '->', ':'],
    whole: ['<math_exp>', '</math_exp>', '<answer>', '</answer>'],
  });
  await makePolicy({ path: folder, shape: policyShape.parse(shape), tokenizer, seed: 1 });
  const policy = await openPolicy(folder);
  const engine = await createReferenceEngine(policy.config, await readWeights(policy));
  const config = updateConfig.parse({ schedule: { kind: 'constant', learningRate: 0.01 } });
  const deps = { engine, renderer: policy.renderer, tasks: new Map([['sums', { instructions }]]) };
  const optimizer = new OptimizerStep(config, deps);
  const questions = sums(UPDATES * PER_UPDATE, 2n);
  for (let i = 0; i < questions.length; i += PER_UPDATE) {
    await optimizer.packAndTake(questions.slice(i, i + PER_UPDATE).flatMap(demonstration));
  }
  await savePolicy(folder, policy, await engine.weights());
  await engine.close();
}

/** The scored steps of a right solution. */
function demonstration(question: Question) {
  const sum = `${question.meta.a} + ${question.meta.b}`;
  const call = action('TOOL_CALL', `<math_exp>${sum}</math_exp>`, sum);
  const answer = action('ANSWER', `<answer>${question.answer}</answer>`, question.answer);
  const observation = { tool: 'calculator', status: 'OK' as const, text: question.answer ?? '' };
  const step = (index: number, context: Step[], action: Action): SubTrajectory => {
    const trajectory = `${question.id}/0`;
    return { id: `${trajectory}/${index}`, trajectory, index, count: 2, question, context, action };
  };
  const steps = [step(0, [], call), step(1, [{ action: call, observation }], answer)];
  return steps.map((subTrajectory) => ({ subTrajectory, reward: { value: 1 } }));
}

function action(kind: Action['kind'], text: string, content: string | null): Action {
  const tool = kind === 'TOOL_CALL' ? 'calculator' : null;
  return writtenAction({ text, kind, tool, content, policy: 'demonstration' });
}

/** Such questions as lines of a file, without where they came from. */
export function sumLines(count: number): string[] {
  return sums(count).map((question) => `${JSON.stringify({ ...question, source: undefined })}\n`);
}
