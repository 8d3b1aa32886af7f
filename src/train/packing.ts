/**
 * The steps of a trajectory as rows for the engine.
 *
 * The sub-trajectories of one trajectory are prefixes of one token sequence, so one row holds them all: each
 * action's tokens carry their own advantage, everything else carries none. Whether that is so is seen in the
 * ids: a step whose context does not begin with the row so far (another context, or a rendering that rewrites
 * history) begins a row of its own.
 */

import { conversation } from '../agent/conversation.ts';
import type { ToldTask } from '../agent/model.ts';
import { ModelError } from '../errors.ts';
import { isLong, renderAside } from '../tokenizer/bounded-renderer.ts';
import type { Renderer as PolicyRenderer, Rendering } from '../tokenizer/render.ts';
import type { Action, Reward, SubTrajectory, Verdict } from '../topics/records.generated.ts';

/** What is trained on: a scored step, or a step of a demonstration with reward 1. */
export interface TrainStep {
  readonly subTrajectory: SubTrajectory;
  readonly reward: Pick<Reward, 'value'>;
  readonly verdict?: Verdict | null;
}

/** One action within a row. */
export interface PackedStep {
  readonly id: string;
  readonly reward: number;
  /** What was packed. */
  readonly of: TrainStep;
  /** Where the action's tokens lie in the row: from `start`, `length` of them. */
  readonly start: number;
  readonly length: number;
  /** Recorded logprobs of these tokens; null where there are none. */
  readonly recorded: readonly number[] | null;
  /** Of the distribution that they were sampled from, and that is trained. */
  readonly temperature: number;
}

export interface Row {
  readonly tokens: readonly number[];
  /** Ascending and disjoint. */
  readonly steps: readonly PackedStep[];
}

/** A step that cannot be trained on, and why. */
export interface Refused {
  readonly id: string;
  readonly reason: string;
}

export interface PackedGroup {
  readonly rows: readonly Row[];
  readonly refused: readonly Refused[];
}

/** How a conversation becomes token ids: the policy's own, shared with its sampler. */
export type Renderer = Pick<PolicyRenderer, 'render' | 'renderAside'>;

export interface PackOptions {
  readonly renderer: Renderer;
  /** What the policy is told about each task, by its name. */
  readonly tasks: ReadonlyMap<string, ToldTask>;
  /** Longest row that the settings allow, and the policy, in tokens. */
  readonly maxRowTokens: number;
  readonly maxPositions: number;
  readonly vocabSize: number;
  /** Whether steps without recorded logprobs must be refused (a clipRatio needs them). */
  readonly needsLogprobs: boolean;
  /** What `renderAhead` has made. */
  readonly ahead?: WeakMap<TrainStep, Rendering | ModelError>;
}

/** Packs the steps of one trajectory, given in order. */
export function packTrajectory(steps: readonly TrainStep[], options: PackOptions): PackedGroup {
  const rows: OpenRow[] = [];
  const refused: Refused[] = [];
  for (const step of steps) {
    const rendered = render(step, options);
    if ('reason' in rendered) {
      refused.push({ id: step.subTrajectory.id, reason: rendered.reason });
      continue;
    }
    const { prompt, action } = rendered;
    let row = rows.at(-1);
    if (row === undefined || !startsWith(prompt, row.tokens)) {
      row = { tokens: [], steps: [] };
      rows.push(row);
    }
    row.tokens = [...prompt, ...action];
    row.steps.push({
      id: step.subTrajectory.id,
      reward: step.reward.value,
      of: step,
      start: prompt.length,
      length: action.length,
      recorded: recordedOf(step.subTrajectory.action, action.length),
      // Greedy actions (0) have no distribution of their own.
      temperature: step.subTrajectory.action.temperature || 1,
    });
  }
  return { rows, refused };
}

/** Renders a long step beside the event loop, for when it is packed. */
export async function renderAhead(step: TrainStep, { tasks, renderer, ahead }: PackOptions): Promise<void> {
  const task = tasks.get(step.subTrajectory.question.task);
  const messages = task === undefined ? [] : messagesOf(step, task);
  if (!isLong(messages)) return;
  try {
    ahead?.set(step, await renderAside(renderer, messages));
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    ahead?.set(step, error);
  }
}

function messagesOf({ subTrajectory }: TrainStep, task: ToldTask) {
  const { action, question, context } = subTrajectory;
  return conversation({ task, question, steps: [...context, { action, observation: null }] });
}

/** Adjacent steps of one trajectory, together. */
export function groupByTrajectory(steps: readonly TrainStep[]): TrainStep[][] {
  const groups: TrainStep[][] = [];
  for (const step of steps) {
    const group = groups.at(-1);
    if (group?.[0]?.subTrajectory.trajectory === step.subTrajectory.trajectory) group.push(step);
    else groups.push([step]);
  }
  return groups;
}

interface OpenRow {
  tokens: readonly number[];
  readonly steps: PackedStep[];
}

interface RenderedStep {
  readonly prompt: readonly number[];
  readonly action: readonly number[];
}

function render(step: TrainStep, options: PackOptions): RenderedStep | { readonly reason: string } {
  const { subTrajectory, reward } = step;
  const { action, question } = subTrajectory;
  if (!Number.isFinite(reward.value)) return { reason: `expected a finite reward, found ${reward.value}` };
  const task = options.tasks.get(question.task);
  if (task === undefined)
    return { reason: `expected a task of the topology, found "${question.task}": put it under \`tasks\`` };
  try {
    const made = options.ahead?.get(step);
    if (made instanceof ModelError) throw made;
    const { ids, spans } = made ?? options.renderer.render(messagesOf(step, task));
    const { start = 0, end = 0 } = spans.at(-1) ?? {};
    const rendered = { prompt: ids.slice(0, start), action: ids.slice(start, end) };
    const reason = unfit(rendered, action, options);
    return reason === null ? rendered : { reason };
  } catch (error) {
    if (error instanceof ModelError) return { reason: error.message };
    throw error;
  }
}

/** Why a step cannot be trained on; null when it can. */
function unfit(
  { prompt, action }: RenderedStep,
  { logprobs, temperature }: Action,
  { maxRowTokens, maxPositions, vocabSize, needsLogprobs }: PackOptions,
): string | null {
  if (action.length === 0) return 'the action has no tokens';
  if (prompt.length === 0) return 'the context has no tokens: an action needs at least one before it';
  const length = prompt.length + action.length;
  if (length > Math.min(maxRowTokens, maxPositions)) return tooLong(length, { maxRowTokens, maxPositions });
  for (const ids of [prompt, action]) {
    const foreign = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (foreign !== undefined) {
      return `token id ${foreign} is not in the policy's vocabulary of ${vocabSize}: was it recorded by another policy?`;
    }
  }
  if (!needsLogprobs) return null;
  if (logprobs === null) return `clipRatio needs recorded logprobs, and the action has none: ${NO_RATIO}`;
  if (temperature === 0)
    return `clipRatio needs sampled actions, and this one is greedy (temperature 0): ${NO_RATIO}`;
  if (logprobs.length !== action.length)
    return `expected ${action.length} recorded logprobs, found ${logprobs.length}`;
  return logprobs.every(Number.isFinite) ? null : 'a recorded logprob is not finite';
}

/** What is left to do with records as they are. */
const NO_RATIO = 'set `stages.train.clipRatio` to null to train on it';

function tooLong(
  length: number,
  { maxRowTokens, maxPositions }: Pick<PackOptions, 'maxRowTokens' | 'maxPositions'>,
): string {
  const found = `context and action have ${length} tokens`;
  if (length > maxPositions)
    return (
      `${found}, more than the ${maxPositions} positions of the policy: keep trajectories shorter (\`policy.contextTokens\`, ` +
      "`maxSteps` of the task, `maxChars` of a tool's results), or train a policy with more"
    );
  return `${found}, more than the ${maxRowTokens} of \`stages.train.maxRowTokens\`: set it to ${length} or more (the policy has ${maxPositions} positions)`;
}

/** The recorded logprobs; null where there are none, or not one for each token. */
function recordedOf({ logprobs, temperature }: Action, length: number): readonly number[] | null {
  return logprobs?.length === length && temperature !== 0 ? logprobs : null;
}

function startsWith(ids: readonly number[], prefix: readonly number[]): boolean {
  return prefix.length <= ids.length && prefix.every((id, i) => id === ids[i]);
}
