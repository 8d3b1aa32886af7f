/** The stage `rollout`: the policy writes the next action of a turn. */
import { noAction, noToolObservation, parseAction, type ToolTag } from '../agent/action.ts';
import { conversation } from '../agent/conversation.ts';
import type { Completion, LanguageModel, Task } from '../agent/model.ts';
import { nextTurn, taskOf } from '../agent/turn.ts';
import type { Sleep } from '../clock.ts';
import { ContextError } from '../errors.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import type { Action, TrajectoryEnd, Turn } from '../topics/records.generated.ts';

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
    const messages = conversation({ task, tools: usable, question: turn.question, steps: turn.steps });
    let completion: Completion;
    try {
      completion = await policy.complete({ messages, id: turn.id, signal, tools: usable });
    } catch (error) {
      // As running out of steps: what was done until then counts. A question that does not fit at all is a
      // failure.
      if (error instanceof ContextError && turn.steps.length > 0) return [ended(turn, 'OUT_OF_CONTEXT')];
      throw error;
    }
    const text = completion.text.toWellFormed();
    const { thinking } = policy;
    const { tokens, logprobs, temperature = null } = completion;
    const { reasoning = null, truncated = false, startsInside = false } = completion;
    const parsed =
      completion.problem === undefined
        ? parseAction(text, usable, { startsInside, ...(thinking && { thinking }) })
        : noAction(completion.problem);
    const { kind, tool, content } = parsed;
    const action: Action = {
      text,
      kind,
      tool,
      content,
      tokens: tokens && [...tokens],
      // As topics hold them, so that a record is the same where it went through none.
      logprobs: logprobs?.map(Math.fround) ?? null,
      temperature: logprobs && temperature,
      reasoning: reasoning?.toWellFormed() ?? null,
      truncated,
      policy: completion.model ?? policy.name,
    };
    const last: Turn = { ...turn, steps: [...turn.steps, { action, observation: null }] };
    if (kind === 'ANSWER') return [ended(last, 'ANSWERED')];
    if (last.steps.length >= task.maxSteps) return [ended(last, 'OUT_OF_STEPS')];
    if (kind === 'TOOL_CALL') {
      return [{ topic: 'tool-calls', key: turn.trajectory, value: { id: turn.id, turn, action } }];
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
