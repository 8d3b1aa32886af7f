/** Finds the part of a zod schema that describes a path of a value: for suggestions and the reference. */
import type { z } from 'zod';

type Def = z.core.$ZodTypes['_zod']['def'];

function definition(schema: z.core.$ZodType): Def {
  return (schema as z.core.$ZodTypes)._zod.def;
}

/** The schema without its defaults, optionality and the like. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const def = definition(schema);
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return unwrap(def.innerType);
    case 'pipe':
      return unwrap(def.in);
    default:
      return schema;
  }
}

/** The schemas that may describe the value at the path: more than one where a union leaves it open. */
function schemasAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): z.core.$ZodType[] {
  const plain = unwrap(schema);
  const def = definition(plain);
  if (def.type === 'union') {
    return branches(def.options, (def as { discriminator?: string }).discriminator ?? 'kind', value).flatMap(
      (option) => schemasAt(option, path, value),
    );
  }
  const [head, ...rest] = path;
  if (head === undefined) return [plain];
  const child =
    isObject(value) || Array.isArray(value) ? (value as Record<PropertyKey, unknown>)[head] : undefined;
  if (def.type === 'object') {
    const next = Object.hasOwn(def.shape, head) ? def.shape[String(head)] : othersOf(def.catchall);
    return next === undefined ? [] : schemasAt(next, rest, child);
  }
  if (def.type === 'record') return schemasAt(def.valueType, rest, child);
  if (def.type === 'array') return schemasAt(def.element, rest, child);
  return [];
}

/** What keys beside those of the shape hold; strict objects say `never`. */
function othersOf(catchall: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  return catchall === undefined || definition(catchall).type === 'never' ? undefined : catchall;
}

/** The keys that a mapping at the path may have. */
export function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  const keys = schemasAt(schema, path, value).flatMap((found) => {
    const def = definition(found);
    return def.type === 'object' ? Object.keys(def.shape) : [];
  });
  return [...new Set(keys)];
}

/** The options of a union that the value's discriminator selects; all where it selects none. */
function branches(
  options: readonly z.core.$ZodType[],
  discriminator: string,
  value: unknown,
): readonly z.core.$ZodType[] {
  if (!isObject(value)) return options;
  const found = value[discriminator];
  const chosen = options.filter((option) => {
    const def = definition(unwrap(option));
    const tag = def.type === 'object' ? def.shape[discriminator] : undefined;
    const tagDef = tag === undefined ? undefined : definition(unwrap(tag));
    if (tagDef === undefined) return found === undefined;
    return tagDef.type === 'literal' && tagDef.values.includes(found as string);
  });
  return chosen.length > 0 ? chosen : options;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
