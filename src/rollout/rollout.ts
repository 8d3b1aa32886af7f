/** The stage `rollout`: the policy writes the next action of a turn. */
import { noToolObservation, parseAction, type ToolTag } from '../agent/action.ts';
import { conversation } from '../agent/conversation.ts';
import type { LanguageModel, Task } from '../agent/model.ts';
import { nextTurn, taskOf } from '../agent/turn.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig, Sleep } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import type { Action, Step, Turn } from '../topics/records.generated.ts';

export interface RolloutDeps {
  readonly policy: LanguageModel;
  readonly tasks: ReadonlyMap<string, Task>;
  /** The tools there are; a task may call those that it names. */
  readonly tools: readonly ToolTag[];
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/**
 * A tool call goes to `tool-calls`, an answer ends the trajectory, and anything else goes back to `turns` with
 * a note that no tool was used. A trajectory that has its task's largest number of steps ends there.
 */
export function rollout({ policy, tasks, tools, retry, sleep }: RolloutDeps): StageOperator<Turn> {
  const act = async (turn: Turn, signal: AbortSignal): Promise<Emission[]> => {
    const task = taskOf(turn, tasks);
    const messages = conversation({ task, question: turn.question, steps: turn.steps });
    const completion = await policy.complete({ messages, id: turn.id, signal });
    const text = completion.text.toWellFormed();
    const parsed = parseAction(
      text,
      tools.filter((tool) => task.tools.includes(tool.name)),
    );
    const { kind, tool, content } = parsed;
    const { tokens, logprobs } = completion;
    const action: Action = {
      text,
      kind,
      tool,
      content,
      tokens: tokens && [...tokens],
      logprobs: logprobs && [...logprobs],
      policy: completion.model ?? policy.name,
    };
    if (kind === 'ANSWER' || turn.steps.length + 1 >= task.maxSteps) {
      return [trajectory(turn, { action, observation: null })];
    }
    if (kind === 'TOOL_CALL') {
      return [{ topic: 'tool-calls', key: turn.trajectory, value: { id: turn.id, turn, action } }];
    }
    const next = nextTurn(turn, { action, observation: noToolObservation(parsed) });
    return [{ topic: 'turns', key: turn.trajectory, value: next }];
  };
  return perRecord(act, { stage: 'rollout', retry, sleep });
}

function trajectory(turn: Turn, last: Step): Emission {
  const answered = last.action.kind === 'ANSWER';
  return {
    topic: 'trajectories',
    key: turn.trajectory,
    value: {
      id: turn.trajectory,
      question: turn.question,
      steps: [...turn.steps, last],
      end: answered ? 'ANSWERED' : 'OUT_OF_STEPS',
      answer: answered ? last.action.content : null,
    },
  };
}
