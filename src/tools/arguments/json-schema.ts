/** JSON Schema, as tools' authors give it for the arguments of a call: data that is looked at with care. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
