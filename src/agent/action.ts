/**
 * The grammar of actions: reasoning, and then exactly one tag, which calls a tool or gives the answer
 * (SWiRL, arXiv 2504.04736, section 3). The one place where tags are read and written.
 */
import { DataError } from '../errors.ts';
import type { ActionKind, Observation } from '../topics/records.generated.ts';

/** What the grammar needs to know of a tool. */
export interface ToolTag {
  /** The tool's name in records, such as `search`. */
  readonly name: string;
  /** The tag that calls it, such as `search_query`. */
  readonly tag: string;
}

/** The tag of a final answer. No tool may use it. */
export const ANSWER_TAG = 'answer';

/** A name that the grammar can read between angle brackets. */
export const TAG_PATTERN = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** What an action says, without its reasoning. `content` is trimmed and not empty. */
export type ActionContent =
  | { readonly kind: 'TOOL_CALL'; readonly tool: string; readonly content: string }
  | { readonly kind: 'ANSWER'; readonly tool: null; readonly content: string };

/** What was wrong with a text that is neither a tool call nor an answer. */
export interface NoAction {
  readonly kind: Extract<ActionKind, 'NONE'>;
  readonly tool: null;
  readonly content: null;
  /** One of a fixed set of sentences, free of the policy's own words. */
  readonly problem: string;
}

const PROBLEMS = {
  absent: 'the message has no tool call and no answer.',
  several: 'the message has more than one tool call or answer.',
  unclosed: 'a tag was opened and not closed.',
  unopened: 'a tag was closed and not opened.',
  empty: 'there is nothing between the tags.',
} as const;

/**
 * Reads an action. Exactly one opening and one closing tag of the same known name, in this order and with
 * something between them, is a tool call or an answer; anything else is `NONE` with the problem named. Text around
 * the tag is free. Tags of tools that are not given are plain text. Takes time linear in the text's length.
 */
export function parseAction(text: string, tools: readonly ToolTag[]): ActionContent | NoAction {
  const names = new Map(tools.map((tool) => [tool.tag, tool.name]));
  let opening: { readonly tag: string; readonly end: number } | null = null;
  let closing: { readonly tag: string; readonly start: number } | null = null;
  for (const match of text.matchAll(/<(\/?)([A-Za-z][A-Za-z0-9_-]{0,63})>/g)) {
    const tag = match[2] as string;
    if (tag !== ANSWER_TAG && !names.has(tag)) continue;
    if (match[1] === '') {
      if (closing === null && opening !== null && opening.tag === tag) return none('unclosed');
      if (opening !== null) return none('several');
      opening = { tag, end: match.index + match[0].length };
    } else {
      if (opening === null) return none('unopened');
      if (closing !== null) return none('several');
      if (opening.tag !== tag) return none('unclosed');
      closing = { tag, start: match.index };
    }
  }
  if (opening === null) return none('absent');
  if (closing === null) return none('unclosed');
  const content = text.slice(opening.end, closing.start).trim();
  if (content === '') return none('empty');
  return opening.tag === ANSWER_TAG
    ? { kind: 'ANSWER', tool: null, content }
    : { kind: 'TOOL_CALL', tool: names.get(opening.tag) as string, content };
}

/**
 * Writes an action so that `parseAction` with the same tools reads the same one back. Throws `DataError` where no text
 * can: an unknown tool, nothing between the tags, or tags inside the content or the reasoning.
 */
export function writeAction(
  action: ActionContent,
  options: { readonly tools: readonly ToolTag[]; readonly reasoning?: string },
): string {
  const tag =
    action.kind === 'ANSWER' ? ANSWER_TAG : options.tools.find((tool) => tool.name === action.tool)?.tag;
  if (tag === undefined) {
    const known = options.tools.map((tool) => tool.name).join(', ') || 'none';
    throw new DataError(`an action calls the tool ${JSON.stringify(action.tool)}; the tools are: ${known}`);
  }
  const reasoning =
    options.reasoning === undefined || options.reasoning === '' ? '' : `${options.reasoning}\n`;
  const text = `${reasoning}<${tag}>${action.content}</${tag}>`;
  const read = parseAction(text, options.tools);
  if (read.kind === 'NONE') {
    throw new DataError(`an action cannot be written in its tags, as it would read as none: ${read.problem}`);
  }
  return text;
}

/** What the policy is shown after an action that is `NONE`, so that the context records that no tool was used. */
export function noToolObservation(action: NoAction): Observation {
  return { tool: null, status: 'NO_TOOL', text: `No tool was used: ${action.problem}` };
}

function none(problem: keyof typeof PROBLEMS): NoAction {
  return { kind: 'NONE', tool: null, content: null, problem: PROBLEMS[problem] };
}
