/** Actions that no policy sampled here: demonstrations and worked solutions. */
import type { Action } from '../topics/records.generated.ts';

/** Without token ids, logprobs and reasoning, and whole. `policy` names who wrote it. */
export function writtenAction({
  text,
  kind,
  tool,
  content,
  policy,
}: Pick<Action, 'text' | 'kind' | 'tool' | 'content' | 'policy'>): Action {
  return {
    ...{ text, kind, tool, content, policy },
    ...{ tokens: null, logprobs: null, temperature: null, reasoning: null, truncated: false },
  };
}
