/** Reads what a policy wrote between a tool's tags as the tool's arguments. It is hostile text. */
import { isPlainObject } from './json-schema.ts';
import type { Parameters } from './parameters.ts';

export type ReadArgument =
  | { readonly arguments: Readonly<Record<string, unknown>> }
  /** What was wrong and what was expected: for the policy. */
  | { readonly problem: string };

/** Deeper nesting is refused: what checks and writes JSON calls itself for each level. */
const MOST_LEVELS = 64;

/**
 * JSON of an object that fits the schema, bare or in a Markdown fence. Where exactly one argument is required
 * and it is text, the text by itself will do: all that is no JSON object with that argument's name is taken
 * as it is written.
 */
export function readArgument(
  written: string,
  { parameters, maxChars }: { readonly parameters: Parameters; readonly maxChars: number },
): ReadArgument {
  const { text, example } = parameters;
  if (written.length > maxChars) return { problem: `the argument is longer than ${maxChars} characters.` };
  const value = parse(unfenced(written));
  const expected = `expected JSON such as ${text === null ? example : JSON.stringify({ [text]: example })}`;
  if (text !== null && !(isPlainObject(value) && Object.hasOwn(value, text))) {
    return checked({ [text]: written }, parameters, 'expected another text');
  }
  if (value === undefined) return { problem: `the argument is not JSON: ${expected}.` };
  if (!isPlainObject(value)) return { problem: `the argument is JSON, but no object: ${expected}.` };
  return checked(value, parameters, expected);
}

function checked(
  value: Readonly<Record<string, unknown>>,
  parameters: Parameters,
  expected: string,
): ReadArgument {
  if (depthOf(value) > MOST_LEVELS)
    return { problem: `the argument is nested deeper than ${MOST_LEVELS} levels.` };
  const problem = parameters.check(value);
  return problem === null
    ? { arguments: value }
    : { problem: `the argument does not fit: ${problem}; ${expected}.` };
}

/** The value of a JSON text; `undefined`, which no JSON text has, where it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Models like to put JSON into Markdown fences. */
function unfenced(text: string): string {
  return /^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$/s.exec(text)?.[1] ?? text;
}

/** How deep a value is nested, looked at level by level; deeper than the limit is not looked at. */
function depthOf(value: unknown): number {
  let level: unknown[] = [value];
  for (let depth = 0; ; depth++) {
    const next = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? Object.values(item) : [],
    );
    if (next.length === 0 || depth > MOST_LEVELS) return depth;
    level = next;
  }
}
