/** Asks a policy for its next action: what `rollout` and `resample` share. */
import type { Action } from '../topics/records.generated.ts';
import { type ActionContent, type NoAction, noAction, parseAction, type ToolTag } from './action.ts';
import { conversation } from './conversation.ts';
import type { History, LanguageModel, Task } from './model.ts';

export interface DrawAction extends History {
  readonly task: Task;
  /** The tools that the task may call. */
  readonly tools: readonly ToolTag[];
  /** Names the sample: with the run's seed it decides every random number. */
  readonly id: string;
  readonly signal: AbortSignal;
}

export interface DrawnAction {
  readonly action: Action;
  readonly parsed: ActionContent | NoAction;
}

/** The action as records have it, and as it was read. Throws as `LanguageModel.complete` does. */
export async function drawAction(
  policy: LanguageModel,
  { task, tools, question, steps, id, signal }: DrawAction,
): Promise<DrawnAction> {
  const messages = conversation({ task, tools, question, steps });
  const completion = await policy.complete({ messages, id, signal, tools });
  const text = completion.text.toWellFormed();
  const { thinking } = policy;
  const { tokens, logprobs, temperature = null } = completion;
  const { reasoning = null, truncated = false, startsInside = false } = completion;
  const parsed =
    completion.problem === undefined
      ? parseAction(text, tools, { startsInside, ...(thinking && { thinking }) })
      : noAction(completion.problem);
  const { kind, tool, content } = parsed;
  const action: Action = {
    ...{ text, kind, tool, content, truncated },
    tokens: tokens && [...tokens],
    // As topics hold them, so that a record is the same where it went through none.
    logprobs: logprobs?.map(Math.fround) ?? null,
    temperature: logprobs && temperature,
    reasoning: reasoning?.toWellFormed() ?? null,
    policy: completion.model ?? policy.name,
  };
  return { action, parsed };
}
