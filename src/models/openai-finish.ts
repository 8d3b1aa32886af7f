/** What `finish_reason` says, in the words of the endpoints that there are, and of those that may come. */

/** Broken on the way: the same request may succeed. */
const BROKEN =
  /(?<!no_)error|abort|cancel|interrupt|fail|exception|time_?d?_?out|deadline|overload|unavailable|rate_limit|insufficient_system|preempt|evict|killed|crash|disconnect|connection|quota|^internal$|^oom$|out_of_memory/;
/** Refused: the same request is refused again. `language`, `recitation` and `spii` are Gemini's. */
const REFUSED =
  /filter|refus|safety|unsafe|harm|moderat|block|prohibited|violation|censor|sensitive|guardrail|jailbreak|toxic|copyright|^(?:language|recitation|spii)$/;
/** Cut off at its largest length, or where the context is full. */
const CUT =
  /length|max_\w*tokens|(?:tokens?|size|output)_limit|context_window|truncat|incomplete|budget|^limit$/;

/** How a completion ended. `stop`: by itself or at a stop sequence; `other`: its text says. */
export type End = 'broken' | 'refused' | 'cut' | 'stop' | 'other';

/** Upper case, camel case and hyphens (`MAX_TOKENS`, `maxTokens`, `max-tokens`) are the same. */
export function endOf(reason: string | null | undefined): End {
  const plain = (reason ?? '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toLowerCase()
    .replace(/[-\s]+/g, '_')
    .replace(/^finish_reason_/, '');
  if (BROKEN.test(plain)) return 'broken';
  if (REFUSED.test(plain)) return 'refused';
  if (CUT.test(plain)) return 'cut';
  return /^stop(?:_sequences?)?$/.test(plain) ? 'stop' : 'other';
}
