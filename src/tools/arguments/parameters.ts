/** The arguments that a tool takes: their JSON Schema, checked by ajv, and what of it a policy is told. */
import { ConfigError } from '../../errors.ts';
import { exampleArguments, referred } from './example.ts';
import { isPlainObject, type JsonSchema } from './json-schema.ts';

/** One argument, in the words of the instructions. */
export interface Parameter {
  readonly name: string;
  /** Such as `text`, `number`, `"a" or "b"`, `list of text`. */
  readonly type: string;
  readonly required: boolean;
  /** What its author says of it; '' for nothing. */
  readonly description: string;
}

export interface Parameters {
  readonly schema: JsonSchema;
  readonly list: readonly Parameter[];
  /** The one required argument, where there is exactly one and it is text: a call may then be that text alone. */
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

/** ajv's `data/unit must be string, data must have ...`, without its root and with the types that it leaves out. */
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

function parametersOf(schema: JsonSchema): Parameter[] {
  const properties = isPlainObject(schema.properties) ? schema.properties : {};
  const required = new Set(Array.isArray(schema.required) ? schema.required.map(String) : []);
  return Object.entries(properties).map(([name, value]) => {
    const property = isPlainObject(value) ? value : {};
    return {
      name,
      type: typeWords(property, schema, 0),
      required: required.has(name),
      description: typeof property.description === 'string' ? property.description : '',
    };
  });
}

function textParameter(list: readonly Parameter[]): string | null {
  const required = list.filter((parameter) => parameter.required);
  const [only] = required;
  return required.length === 1 && only?.type === 'text' ? only.name : null;
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

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'object',
  null: 'null',
};

function typeWords(property: JsonSchema, root: JsonSchema, level: number): string {
  const { type, enum: values, const: only, items, $ref: reference } = property;
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' or ');
  if (level < 4 && typeof reference === 'string') {
    const target = referred(reference, root);
    return isPlainObject(target) ? typeWords(target, root, level + 1) : 'value';
  }
  const branches = property.anyOf ?? property.oneOf;
  if (level < 4 && Array.isArray(branches)) {
    const words = branches.map((branch) =>
      isPlainObject(branch) ? typeWords(branch, root, level + 1) : 'value',
    );
    return [...new Set(words)].join(' or ');
  }
  if (Array.isArray(type)) return type.map((name) => TYPES[String(name)] ?? 'value').join(' or ');
  if (type === 'array') {
    return level < 4 && isPlainObject(items) ? `list of ${typeWords(items, root, level + 1)}` : 'list';
  }
  return TYPES[String(type)] ?? 'value';
}
