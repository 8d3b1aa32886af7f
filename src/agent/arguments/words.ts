/** A tool's arguments in the words of instructions, from their JSON Schema. */
import { isPlainObject, type JsonSchema, referred } from './json-schema.ts';

/** One argument. */
export interface Parameter {
  readonly name: string;
  /** Such as `text`, `number`, `"a" or "b"`, `list of text`. */
  readonly type: string;
  readonly required: boolean;
  /** What its author says of it; '' for nothing. */
  readonly description: string;
}

/** The arguments of a schema, in its order. */
export function parametersOf(schema: JsonSchema): Parameter[] {
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

/**
 * The one required argument, where there is exactly one and it is text: a call may then be that text alone.
 */
export function textParameter(list: readonly Parameter[]): string | null {
  const required = list.filter((parameter) => parameter.required);
  const [only] = required;
  return required.length === 1 && only?.type === 'text' ? only.name : null;
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
