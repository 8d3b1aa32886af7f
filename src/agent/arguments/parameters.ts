/** The arguments that a tool takes: their JSON Schema, checked by ajv, and what of it a policy is told. */

import { ConfigError } from '../../errors.ts';
import { exampleArguments } from './example.ts';
import type { JsonSchema } from './json-schema.ts';
import { type Parameter, parametersOf, textParameter } from './words.ts';

export interface Parameters {
  readonly schema: JsonSchema;
  readonly list: readonly Parameter[];
  /**
   * The one required argument, where there is exactly one and it is text: a call may then be that text alone.
   */
  readonly text: string | null;
  /** What may stand between the tags. */
  readonly example: string;
  /** What is wrong with the arguments, one sentence; null for nothing. */
  check(given: Readonly<Record<string, unknown>>): string | null;
}

export interface ParametersOptions {
  /** Where the schema is from, such as `tools.weather.function`. */
  readonly where: string;
  /** What stands between the tags in the instructions' example; null: made from the schema. */
  readonly example: string | null;
}

/** Most problems that a refusal lists: a policy needs the first ones. */
const MOST_PROBLEMS = 5;

/** Compiles a schema. Throws `ConfigError` where it describes no object, or is none that ajv can check. */
export async function openParameters(schema: JsonSchema, options: ParametersOptions): Promise<Parameters> {
  const { where } = options;
  if (schema.type !== undefined && schema.type !== 'object') {
    throw new ConfigError(
      `${where}: the parameters of a tool are an object: expected \`type: object\`, found ${JSON.stringify(schema.type)}`,
    );
  }
  // ajv comes with the MCP client, by this door; it is loaded with the first tool that needs it.
  const { AjvJsonSchemaValidator } = await import('@modelcontextprotocol/client/validators/ajv');
  let validate: (input: unknown) => { readonly valid: boolean; readonly errorMessage: string | undefined };
  try {
    validate = new AjvJsonSchemaValidator().getValidator({ ...schema, type: 'object' });
  } catch (cause) {
    throw new ConfigError(
      `${where}: expected a JSON Schema, found one that cannot be checked: ${(cause as Error).message.slice(0, 300)}`,
      { cause },
    );
  }
  const list = parametersOf(schema);
  const text = textParameter(list);
  const check = (given: Readonly<Record<string, unknown>>): string | null => {
    const { valid, errorMessage } = validate(given);
    return valid ? null : problemWords(errorMessage ?? 'they do not fit the schema', list);
  };
  return { schema, list, text, check, example: options.example ?? exampleFor(schema, { list, text, check }) };
}

/**
 * ajv's `data/unit must be string, data must have ...`, without its root and with the types that it leaves
 * out.
 */
function problemWords(message: string, list: readonly Parameter[]): string {
  const problems = message.split(/, (?=data)/).slice(0, MOST_PROBLEMS);
  return problems
    .map((problem) => {
      const words = problem.replace(/^data\/?/, '').trim();
      const type = list.find(({ name }) => words.startsWith(`${name} `))?.type;
      return type === undefined ? words : `${words} (${type})`;
    })
    .join('; ');
}

/** The example, if the schema takes it; otherwise the names with their types in angle brackets. */
function exampleFor(
  schema: JsonSchema,
  { list, text, check }: Pick<Parameters, 'list' | 'text' | 'check'>,
): string {
  const example = exampleArguments(schema);
  const fits = check(example) === null;
  if (text !== null) return fits && typeof example[text] === 'string' ? String(example[text]) : 'some text';
  if (fits) return JSON.stringify(example);
  const pairs = list.filter(({ required }) => required).map(({ name, type }) => [name, `(${type})`]);
  return JSON.stringify(Object.fromEntries(pairs));
}
