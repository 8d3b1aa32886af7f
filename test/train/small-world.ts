/**
 * A very small policy, a renderer of single characters, and scored trajectories: what the train tests share.
 */

import type { Tensors } from '../../src/engine/engine.ts';
import { gemma2Decoder } from '../../src/engine/families.ts';
import { normal } from '../../src/random.ts';
import type { Action, Scored, Step, SubTrajectory } from '../../src/topics/records.generated.ts';
import { type UpdateConfig, updateConfig } from '../../src/train/config.ts';
import type { Renderer } from '../../src/train/packing.ts';
import { filledWeights } from '../engine/filled-weights.ts';

export const endOfTurn = 2;
const opening = { system: 3, user: 4, assistant: 5 } as const;
const firstLetter = 6;

/** Ids of text over the letters a to z. */
export function lettersOf(text: string): number[] {
  return [...text].map((letter) => firstLetter + (((letter.codePointAt(0) ?? 97) - 97 + 26 * 8) % 26));
}

/** Ids of an action's text. */
export function actionIds(text: string): number[] {
  return [...lettersOf(text), endOfTurn];
}

/** One id per letter; a mark opens each message, and the end of the turn closes it. */
export const letters: Renderer = {
  render: (messages) => {
    const ids = [1];
    const spans = messages.flatMap(({ role, content, tokens }, message) => {
      const own = tokens ?? actionIds(content);
      ids.push(opening[role]);
      const start = ids.length;
      ids.push(...own, ...(own.at(-1) === endOfTurn ? [] : [endOfTurn]));
      return role === 'assistant' ? [{ message, start, end: start + own.length }] : [];
    });
    return { ids, spans };
  },
};

export const smallDecoder = gemma2Decoder({
  vocabSize: 32,
  hiddenSize: 8,
  intermediateSize: 12,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headSize: 4,
  maxPositions: 256,
  window: 16,
});

/** Seeded weights of a standard deviation that makes the policy's distribution neither flat nor sharp. */
export function smallWeights(seed = 1n, deviation = 0.4): Tensors {
  return filledWeights(smallDecoder, ({ position }) => deviation * normal(seed, position));
}

export const tasks = new Map([['letters', { instructions: 'go' }]]);

export function update(settings: Partial<Record<keyof UpdateConfig, unknown>> = {}): UpdateConfig {
  return updateConfig.parse({ maxRowTokens: 200, ...settings });
}

export interface ActionSpec {
  readonly text: string;
  readonly reward?: number;
  /** Whether its ids are recorded; true when omitted. */
  readonly recorded?: boolean;
  readonly logprobs?: readonly number[];
  readonly observation?: string;
}

/** The scored steps of one trajectory. */
export function trajectory(id: string, actions: readonly ActionSpec[], question = 'what'): Scored[] {
  const steps = actions.map((spec) => stepOf(spec));
  return actions.map((spec, index) => {
    const subTrajectory: SubTrajectory = {
      id: `${id}/${index}`,
      trajectory: id,
      index,
      count: actions.length,
      question: {
        id: id.split('/')[0] ?? id,
        task: 'letters',
        text: question,
        answer: null,
        answers: [],
        source: null,
        meta: {},
      },
      context: steps.slice(0, index),
      action: actionOf(spec),
    };
    return {
      id: subTrajectory.id,
      subTrajectory,
      verdict: null,
      reward: { value: spec.reward ?? 1, rationale: '', model: 'constant', votes: [] },
    };
  });
}

/** Actions that were drawn again at the context of a step. */
export function freshAt(step: Scored, actions: readonly ActionSpec[]): Scored[] {
  return actions.map((spec, sample) => {
    const id = `${step.id}~${sample}`;
    const subTrajectory = { ...step.subTrajectory, id, action: actionOf(spec) };
    return { ...step, id, subTrajectory, reward: { ...step.reward, value: spec.reward ?? 1 } };
  });
}

function stepOf(spec: ActionSpec): Step {
  const text = spec.observation ?? 'seen';
  return { action: actionOf(spec), observation: { tool: null, status: 'OK', text } };
}

function actionOf({ text, recorded = true, logprobs }: ActionSpec): Action {
  const tokens = recorded ? actionIds(text) : null;
  return {
    text,
    kind: 'ANSWER',
    tool: null,
    content: text,
    tokens: tokens === null ? null : [...tokens],
    logprobs: logprobs === undefined ? null : [...logprobs],
    temperature: null,
    reasoning: null,
    truncated: false,
    policy: 'test',
  };
}
