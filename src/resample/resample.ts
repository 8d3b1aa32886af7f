/**
 * The stage `resample`: at the context of every accepted step the policy acts again, several times. So the
 * gradient is that of the paper's objective (arXiv 2504.04736): an expectation over the policy's own actions
 * at recorded contexts, and not over the recorded actions.
 */
import type { ToolTag } from '../agent/action.ts';
import { type DrawnAction, drawAction } from '../agent/draw-action.ts';
import type { LanguageModel, Task } from '../agent/model.ts';
import { taskOf } from '../agent/turn.ts';
import type { Sleep } from '../clock.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import { sampleName } from '../topics/record-names.ts';
import type { Accepted, Verdict } from '../topics/records.generated.ts';
import type { ResampleConfig } from './config.ts';

export interface ResampleDeps {
  readonly policy: LanguageModel;
  readonly tasks: ReadonlyMap<string, Task>;
  /** The tools there are; a task may call those that it names. */
  readonly tools: readonly ToolTag[];
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/** Nobody has looked at a fresh action: that is the reward model's to do. */
const NOT_JUDGED: Verdict = {
  label: 'UNKNOWN',
  rationale: 'A fresh action at a recorded context: not judged.',
  judge: 'none',
  votes: [],
};

/**
 * Each step gives `actions` records, adjacent and in order, in the form of accepted ones: `q17/2/1~0`,
 * `q17/2/1~1` and so on, with the context of `q17/2/1`. No tool is called: the reward of an action does not
 * depend on what comes back. All of them are there or, where one cannot be drawn, none: the step is a failure.
 */
export function resample(
  { actions }: Pick<ResampleConfig, 'actions'>,
  { policy, tasks, tools, retry, sleep }: ResampleDeps,
): StageOperator<Accepted> {
  /** What a step's tries before have drawn: a try that follows asks for the others only. */
  const drawnBefore = new WeakMap<Accepted, Map<string, DrawnAction>>();
  const draw = async (accepted: Accepted, signal: AbortSignal): Promise<Emission[]> => {
    const { subTrajectory } = accepted;
    const { id: step, trajectory, question, context } = subTrajectory;
    const task = taskOf({ id: step, question }, tasks);
    const usable = tools.filter((tool) => task.tools.includes(tool.name));
    const at = { task, tools: usable, question, steps: context, signal };
    const drawn = drawnBefore.get(accepted) ?? new Map<string, DrawnAction>();
    drawnBefore.set(accepted, drawn);
    const names = Array.from({ length: actions }, (_, sample) => sampleName(step, sample));
    const tried = await Promise.allSettled(
      names.map(async (id) => drawn.get(id) ?? drawn.set(id, await drawAction(policy, { ...at, id }))),
    );
    const failed = tried.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    return names.map((id) => {
      const { action } = drawn.get(id) as DrawnAction;
      const value = { id, subTrajectory: { ...subTrajectory, id, action }, verdict: NOT_JUDGED };
      return { topic: 'accepted', key: trajectory, value: { ...value, correct: null, by: null } };
    });
  };
  return perRecord(draw, { stage: 'resample', retry, sleep });
}
