/**
 * A rollout as messages: the one rendering that the policy, the judges and the trainer share. It only ever
 * appends: the conversation of the first i steps is a prefix of the conversation of more of them.
 */
import type { Step } from '../topics/records.generated.ts';
import type { ToolTag } from './action.ts';
import { exampleMessages } from './examples.ts';
import type { History, Message, ToldTask } from './model.ts';

/**
 * System: the task's instructions (left out where they are empty). The turns of its examples, if it has any.
 * User: the question. Then for each step the assistant's action with its recorded tokens, and what came back
 * for it, where anything did. `tools` are those that examples may call; only endpoints that take calls by the
 * protocol need to know.
 */
export function conversation(
  state: { readonly task: ToldTask; readonly tools?: readonly ToolTag[] } & HistoryText,
): Message[] {
  const messages: Message[] = [];
  const { instructions, examples = [] } = state.task;
  if (instructions !== '') messages.push({ role: 'system', content: instructions });
  messages.push(...exampleMessages(examples, state.tools));
  messages.push({ role: 'user', content: state.question.text });
  for (const step of state.steps) {
    const { text, tokens, reasoning, tool, content } = step.action;
    const call = tool === null || content === null ? null : { tool, argument: content };
    messages.push({
      ...{ role: 'assistant', content: text, tokens },
      ...(reasoning !== null && { reasoning }),
      ...(call && { call }),
    });
    const observation = observationText(step);
    if (observation === null) continue;
    const { text: result = '' } = step.observation ?? {};
    messages.push({ role: 'user', content: observation, ...(call && { result }) });
  }
  return messages;
}

/** The parts of a history that the policy is shown. */
interface HistoryText {
  readonly question: Pick<History['question'], 'text'>;
  readonly steps: History['steps'];
}

/**
 * What the policy is shown for a step: `argument -> result` for a tool call (query, arrow, result, as in
 * arXiv 2504.04736), the observation alone where no tool was used, and null where there is no observation.
 */
function observationText({ action, observation }: Step): string | null {
  if (observation === null) return null;
  if (observation.tool === null || action.content === null) return observation.text;
  return `${action.content} -> ${observation.text}`;
}
