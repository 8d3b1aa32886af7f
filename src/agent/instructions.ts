/**
 * The system message of a task that has none of its own: each tool's tag with a worked example, and the
 * answer's.
 */
import type { JsonSchema } from './arguments/json-schema.ts';
import { type Parameter, parametersOf, textParameter } from './arguments/words.ts';
import { fillPrompt } from './prompt.ts';
import type { ToldTool } from './tool.ts';

/** More arguments of one tool than these are not named. */
const MOST_PARAMETERS = 30;

/** Longer words about one argument are left out from there. */
const MOST_CHARS = 300;

export function instructionsFor(task: {
  readonly maxSteps: number;
  readonly tools: readonly ToldTool[];
  /** How the policy calls them. */
  readonly calls?: 'tags' | 'protocol';
}): string {
  const { maxSteps, tools, calls = 'tags' } = task;
  const [first] = tools;
  if (first === undefined) return fillPrompt('instructions-no-tools', { plain: { maxSteps } });
  if (calls === 'protocol') return fillPrompt('instructions-protocol', { plain: { maxSteps } });
  return fillPrompt('instructions', {
    plain: {
      maxSteps,
      help: tools.length === 1 ? 'a tool' : `${tools.length} tools`,
      calls: tools.map(callOf).join('\n'),
      example: inTags(first),
    },
  });
}

function inTags({ tag, description }: ToldTool): string {
  return `<${tag}>${description?.example || 'what you ask of it'}</${tag}>`;
}

/** `- Call ..., by writing <tag>example</tag>. What it does. What stands between the tags.` */
function callOf(tool: ToldTool): string {
  const { tag, description } = tool;
  const about =
    description === null ? [] : [sentence(description.description), betweenTags(description.parameters)];
  const words = [`- Call the tool ${tag}, by writing ${inTags(tool)}.`, ...about];
  return words.filter((part) => part !== '').join(' ');
}

function betweenTags(schema: JsonSchema): string {
  const list = parametersOf(schema);
  const text = textParameter(list);
  if (list.length === 0) return 'Between the tags stands {}.';
  const [only] = list;
  if (text !== null && list.length === 1 && only !== undefined) {
    const about = sentence(only.description);
    return about === '' ? '' : `Between the tags: ${about}`;
  }
  const members = list.slice(0, MOST_PARAMETERS).map(memberOf).join('; ');
  const json = `JSON with ${members}${list.length > MOST_PARAMETERS ? '; and more' : ''}`;
  return text === null
    ? `Between the tags stands ${json}.`
    : `Between the tags stands ${text} alone, or ${json}.`;
}

function memberOf({ name, type, required, description }: Parameter): string {
  const about = oneLine(description)
    .slice(0, MOST_CHARS)
    .replace(/[.;,\s]+$/, '');
  const kind = required ? type : `${type}, may be left out`;
  return `"${name}" (${kind})${about === '' ? '' : `: ${about}`}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function sentence(text: string): string {
  const line = oneLine(text);
  return line === '' || /[.!?]$/.test(line) ? line : `${line}.`;
}
