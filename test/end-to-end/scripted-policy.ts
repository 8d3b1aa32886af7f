/**
 * What the policy behind the HTTP server of a test writes: a function of the conversation that it is shown.
 */
import type { SeenRequest } from '../models/fault-server.ts';

/**
 * Searches for the names in the question, then for what the first article is about, and answers from the
 * second.
 */
export function searchesAndAnswers({ body }: Pick<SeenRequest, 'body'>): string {
  const written = body.messages.filter(({ role }) => role === 'assistant').length;
  const shown = body.messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  const last = shown.at(-1) ?? '';
  switch (written) {
    case 0:
      return `I look for the names. <search_query>${names(last)}</search_query>`;
    case 1:
      return `And what is that about? <search_query>${names(result(last))}</search_query>`;
    default:
      return `That says it. <answer>${result(last).split(' ').slice(0, 3).join(' ')}</answer>`;
  }
}

/** The last user message that is the question: the first one. */
export function questionOf({ body }: Pick<SeenRequest, 'body'>): string {
  return body.messages.find(({ role }) => role === 'user')?.content ?? '';
}

/** The observation without the query before its arrow. */
function result(shown: string): string {
  return shown.slice(shown.indexOf('->') + 2).trim();
}

function names(text: string): string {
  const capitalized = text.slice(0, 300).match(/\p{Lu}\p{L}+/gu) ?? [];
  return [...new Set(capitalized)].slice(0, 6).join(' ') || 'everything';
}
