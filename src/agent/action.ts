/**
 * The grammar of actions: reasoning, and then a tag, which calls a tool or gives the answer (SWiRL, arXiv
 * 2504.04736, section 3). The one place where tags are read and written.
 */
import { DataError } from '../errors.ts';
import type { ActionKind, Observation } from '../topics/records.generated.ts';
import { outsideThinking, type Span, THINKING_MARKS, type ThinkingMarks } from './thinking.ts';
import type { ToolDescription } from './tool.ts';

/** What the grammar needs to know of a tool. */
export interface ToolTag {
  /** The tool's name in records, such as `search`. */
  readonly name: string;
  /** The tag that calls it, such as `search_query`. */
  readonly tag: string;
  /** What it is good for and how it is called, for policies that call by the protocol. */
  describe?(signal: AbortSignal): Promise<ToolDescription>;
}

/** The tag of a final answer. No tool may use it. */
export const ANSWER_TAG = 'answer';

/** A name that the grammar can read between angle brackets. */
export const TAG_PATTERN = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** What an action says, without its reasoning. `content` is trimmed and has something to be seen. */
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
  unclosed: 'a tag was opened and not closed.',
  unopened: 'a tag was closed and not opened.',
  empty: 'there is nothing between the tags.',
} as const;

/** Something that can be seen: no blanks, controls and marks of width zero. */
const VISIBLE = /[^\s\p{Cc}\p{Cf}]/u;

/** How a text is to be read. */
export interface Reading {
  readonly thinking?: ThinkingMarks;
  /** Whether the text begins within thinking, which the prompt opened. */
  readonly startsInside?: boolean;
}

/**
 * Reads an action: the first complete tag outside thinking, which is a closing tag of a known name whose
 * innermost opening tag, the last one before it, has that name. What comes after it does not count; text
 * before it is free. Upper and lower case are the same, and white space may stand before `>`. Anything else
 * is `NONE` with the problem named. Tags of tools that are not given are plain text. Takes time linear in the
 * text's length.
 */
export function parseAction(
  text: string,
  tools: readonly ToolTag[],
  reading: Reading = {},
): ActionContent | NoAction {
  const found = firstTag(text, tools, reading);
  if (typeof found === 'string') return noAction(PROBLEMS[found]);
  const { tag, tool } = found;
  const content = found.content.trim();
  if (!VISIBLE.test(content)) return noAction(PROBLEMS.empty);
  return tag === ANSWER_TAG
    ? { kind: 'ANSWER', tool: null, content }
    : { kind: 'TOOL_CALL', tool: tool as string, content };
}

/**
 * Where the action of a text ends: behind its first complete tag outside thinking; null where there is none
 * yet.
 */
export function actionEnd(text: string, tools: readonly ToolTag[], reading: Reading = {}): number | null {
  const found = firstTag(text, tools, reading);
  return typeof found === 'string' ? null : found.after;
}

/** The closing tags that end an action: the answer's first. */
export function closingTags(tools: readonly ToolTag[]): string[] {
  return [ANSWER_TAG, ...tools.map(({ tag }) => tag)].map((tag) => `</${tag}>`);
}

/**
 * A text whose last opening tag an endpoint left open, because it drops the stop sequence that ended the
 * text: with that tag closed again. Any other text as it is.
 */
export function closeTag(text: string, tools: readonly ToolTag[], reading: Reading = {}): string {
  if (firstTag(text, tools, reading) !== 'unclosed') return text;
  const { spans } = outsideThinking(text, reading.thinking ?? THINKING_MARKS, reading);
  const open = [...tagsIn(text, spans, namesOf(tools))].findLast(({ closes }) => !closes);
  return open === undefined ? text : `${text}</${open.tag}>`;
}

interface FoundTag {
  readonly tag: string;
  /** The tool's name; null for the answer. */
  readonly tool: string | null;
  /** What stands between the tags, without thinking. */
  readonly content: string;
  /** The character after the closing tag. */
  readonly after: number;
}

/** The first complete tag of a text; where there is none, why. */
function firstTag(
  text: string,
  tools: readonly ToolTag[],
  reading: Reading,
): FoundTag | Exclude<keyof typeof PROBLEMS, 'empty'> {
  const names = namesOf(tools);
  const { spans } = outsideThinking(text, reading.thinking ?? THINKING_MARKS, reading);
  let opening: { readonly tag: string; readonly end: number } | null = null;
  let unopened = false;
  for (const { tag, closes, start, end } of tagsIn(text, spans, names)) {
    if (!closes) opening = { tag, end };
    else if (opening?.tag === tag) {
      const content = textOf(text, spans, { start: opening.end, end: start });
      return { tag, tool: names.get(tag) ?? null, content, after: end };
    } else unopened ||= opening === null;
  }
  if (opening !== null) return 'unclosed';
  return unopened ? 'unopened' : 'absent';
}

interface TagAt {
  /** As it is known, whatever its case in the text. */
  readonly tag: string;
  readonly closes: boolean;
  readonly start: number;
  readonly end: number;
}

/** The known tags of a text's stretches, in order. */
function* tagsIn(
  text: string,
  spans: readonly Span[],
  names: ReadonlyMap<string, string | null>,
): Generator<TagAt> {
  const known = new Map([...names.keys()].map((name) => [name.toLowerCase(), name]));
  for (const span of spans) {
    for (const match of text.slice(span.start, span.end).matchAll(TAGS)) {
      const tag = known.get(match[2].toLowerCase());
      if (tag === undefined) continue;
      const start = span.start + match.index;
      yield { tag, closes: match[1] === '/', start, end: start + match[0].length };
    }
  }
}

/** What a text's stretches have between two places. */
function textOf(text: string, spans: readonly Span[], { start, end }: Span): string {
  return spans.map((span) => text.slice(Math.max(span.start, start), Math.min(span.end, end))).join('');
}

/** White space before `>` is bounded, so that the time is. */
const TAGS = /<(\/?)([A-Za-z][A-Za-z0-9_-]{0,63})\s{0,8}>/g;

/** The known tags, and the tools that they call; the answer's calls none. */
function namesOf(tools: readonly ToolTag[]): Map<string, string | null> {
  return new Map([[ANSWER_TAG, null], ...tools.map((tool): [string, string] => [tool.tag, tool.name])]);
}

/**
 * Writes an action so that `parseAction` with the same tools reads the same one back. Throws `DataError`
 * where no text can: an unknown tool, nothing between the tags, a tag or thinking marks inside the content or
 * the reasoning.
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
  const written = action.content.trim();
  if (read.kind === action.kind && read.tool === action.tool && read.content === written) return text;
  const found = read.kind === 'NONE' ? `none: ${read.problem}` : `another (${read.kind})`;
  throw new DataError(`an action cannot be written in its tags, as it would be read as ${found}`);
}

/**
 * What the policy is shown after an action that is `NONE`, so that the context records that no tool was used;
 * and why, for a message that was cut off. Where `tools` are given, their tags are named, and the answer's.
 */
export function noToolObservation(
  action: NoAction,
  { truncated = false, tools }: { readonly truncated?: boolean; readonly tools?: readonly ToolTag[] } = {},
): Observation {
  const problem = truncated ? 'the message was too long and was cut off.' : action.problem;
  const text = `No tool was used: ${problem}`;
  return {
    tool: null,
    status: 'NO_TOOL',
    text: tools === undefined ? text : `${text} ${tagsToWrite(tools)}`,
  };
}

function tagsToWrite(tools: readonly ToolTag[]): string {
  const calls = tools.map(({ tag }) => `<${tag}> and </${tag}>`).join(', or ');
  const answer = `your answer between <${ANSWER_TAG}> and </${ANSWER_TAG}>.`;
  return calls === '' ? `Write ${answer}` : `Write a call between ${calls}; or ${answer}`;
}

/** A message that is neither a tool call nor an answer, for a reason in words free of the policy's own. */
export function noAction(problem: string): NoAction {
  return { kind: 'NONE', tool: null, content: null, problem };
}
