/** JSON Schema, as tools' authors give it for the arguments of a call: data that is looked at with care. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What `#/$defs/Name` points at; nothing else is followed. */
export function referred(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith('#/')) return undefined;
  let value: unknown = root;
  for (const piece of reference.slice(2).split('/')) {
    const key = piece.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isPlainObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}
