/** What is at a path of a record, as topologies name it. */

/** A path such as `data.question`, or `choices.0` in a list; a key may be written so itself. */
export function valueAt(values: Readonly<Record<string, unknown>>, where: string): unknown {
  if (Object.hasOwn(values, where)) return values[where];
  return where.split('.').reduce<unknown>(inside, values);
}

function inside(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^\d+$/.test(key) ? value[Number(key)] : undefined;
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The keys of a record, for messages. */
export function keysText(raw: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(raw);
  const quoted = keys.slice(0, 12).map((key) => JSON.stringify(key.slice(0, 40)));
  const more = keys.length > 12 ? ` and ${keys.length - 12} more` : '';
  return keys.length === 0 ? 'no keys' : `the keys ${quoted.join(', ')}${more}`;
}
