/** Small records for tests: every field a record needs, and what the test wants to be different. */
import { writtenAction } from '../src/agent/written-action.ts';
import type { Delivery } from '../src/runtime/stage.ts';
import type {
  Action,
  Judged,
  Question,
  Step,
  SubTrajectory,
  Trajectory,
  Update,
  VerdictLabel,
} from '../src/topics/records.generated.ts';

export function question(over: Partial<Question> = {}): Question {
  return {
    id: 'q1',
    task: 'math',
    text: 'What is 2 plus 3?',
    answer: '5',
    answers: [],
    source: null,
    meta: {},
    by: null,
    ...over,
  };
}

/** The first update, of two steps of one trajectory. */
export function update(over: Partial<Update> = {}): Update {
  return {
    id: 'update/1',
    ...{ step: 1, epoch: 0, partition: 0, fromOffset: 0, toOffset: 4 },
    ...{ trajectories: 1, subTrajectories: 2, dropped: 0, actionTokens: 10, rowTokens: 20 },
    ...{ meanReward: 1, loss: 0.5, meanLogprob: -1, meanRatio: 1.5, clippedShare: 0.25, kl: 0 },
    ...{ gradNorm: 1, learningRate: 1e-3, weightsHash: 'ab', by: null, steps: null },
    ...over,
  };
}

export function call(content: string, over: Partial<Action> = {}): Action {
  const text = `<math_exp>${content}</math_exp>`;
  const policy = 'test';
  return { ...writtenAction({ text, kind: 'TOOL_CALL', tool: 'calculator', content, policy }), ...over };
}

export function answer(content: string, over: Partial<Action> = {}): Action {
  return call(content, { text: `<answer>${content}</answer>`, kind: 'ANSWER', tool: null, ...over });
}

export function step(action: Action, result: string | null): Step {
  return {
    action,
    observation: result === null ? null : { tool: action.tool, status: 'OK', text: result, by: null },
  };
}

/** A trajectory of `calls` tool calls and an answer. */
export function trajectory(id: string, calls: number, over: Partial<Trajectory> = {}): Trajectory {
  const [questionId] = id.split('/');
  const steps = Array.from({ length: calls }, (_, i) => step(call(`${i}+1`), String(i + 1)));
  return {
    id,
    question: question({ id: questionId as string }),
    steps: [...steps, step(answer('5'), null)],
    end: 'ANSWERED',
    answer: '5',
    ...over,
  };
}

/** The second of two steps, an answer after a call of the calculator. */
export function secondStep(asked: Partial<Question> = {}): SubTrajectory {
  return {
    ...{ id: 'q1/0/1', trajectory: 'q1/0', index: 1, count: 2 },
    question: question(asked),
    context: [step(call('2+3'), '5')],
    action: answer('5'),
  };
}

export function judged(subTrajectory: SubTrajectory, label: VerdictLabel = 'GOOD'): Judged {
  const verdict = { label, rationale: '', judge: 'test', votes: [], by: null };
  return { id: subTrajectory.id, subTrajectory, verdict };
}

/** Deliveries of the values at offsets 0, 1, 2, ... of a topic. */
export function deliveries<T>(values: readonly T[], topic = 'input'): Delivery<T>[] {
  const { signal } = new AbortController();
  return values.map((value, offset) => ({ value, topic, partition: 0, offset, signal }));
}
