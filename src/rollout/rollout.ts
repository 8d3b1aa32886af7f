/** The stage `rollout`: the policy writes the next action of a turn. */
import { noToolObservation, type ToolTag } from '../agent/action.ts';
import { type DrawnAction, drawAction } from '../agent/draw-action.ts';
import type { LanguageModel, Task } from '../agent/model.ts';
import { nextTurn, taskOf } from '../agent/turn.ts';
import type { Sleep } from '../clock.ts';
import { ContextError } from '../errors.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import type { TrajectoryEnd, Turn } from '../topics/records.generated.ts';

export interface RolloutDeps {
  readonly policy: LanguageModel;
  readonly tasks: ReadonlyMap<string, Task>;
  /** The tools there are; a task may call those that it names. */
  readonly tools: readonly ToolTag[];
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/**
 * A tool call goes to `tool-calls`, an answer ends the trajectory, and anything else goes back to `turns`
 * with a note that no tool was used. A trajectory that has its task's largest number of steps ends there, and
 * so does one whose conversation outgrows the policy's context.
 */
export function rollout({ policy, tasks, tools, retry, sleep }: RolloutDeps): StageOperator<Turn> {
  const act = async (turn: Turn, signal: AbortSignal): Promise<Emission[]> => {
    const task = taskOf(turn, tasks);
    const usable = tools.filter((tool) => task.tools.includes(tool.name));
    const { id, question, steps } = turn;
    let drawn: DrawnAction;
    try {
      drawn = await drawAction(policy, { task, tools: usable, question, steps, id, signal });
    } catch (error) {
      // As running out of steps: what was done until then counts. A question that does not fit at all is a
      // failure.
      if (error instanceof ContextError && steps.length > 0) return [ended(turn, 'OUT_OF_CONTEXT')];
      throw error;
    }
    const { action, parsed } = drawn;
    const { truncated } = action;
    const last: Turn = { ...turn, steps: [...steps, { action, observation: null }] };
    if (parsed.kind === 'ANSWER') return [ended(last, 'ANSWERED')];
    if (last.steps.length >= task.maxSteps) return [ended(last, 'OUT_OF_STEPS')];
    if (parsed.kind === 'TOOL_CALL') {
      return [{ topic: 'tool-calls', key: turn.trajectory, value: { id, turn, action } }];
    }
    // A policy that is told nothing was made for its task: it knows the tags, and this observation as it is.
    const told = task.instructions === '' ? {} : { tools: usable };
    const next = nextTurn(turn, { action, observation: noToolObservation(parsed, { truncated, ...told }) });
    return [{ topic: 'turns', key: turn.trajectory, value: next }];
  };
  return perRecord(act, { stage: 'rollout', retry, sleep });
}

/** The trajectory of a rollout that goes on no further. */
function ended({ trajectory, question, steps }: Turn, end: TrajectoryEnd): Emission {
  const answer = end === 'ANSWERED' ? (steps.at(-1)?.action.content ?? null) : null;
  return { topic: 'trajectories', key: trajectory, value: { id: trajectory, question, steps, end, answer } };
}
