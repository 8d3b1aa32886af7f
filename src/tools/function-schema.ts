/** A tool declared by an OpenAI function schema: inline in the topology, or a JSON file of its own. */
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { JsonSchema } from '../agent/arguments/json-schema.ts';
import { ConfigError } from '../errors.ts';

/** Larger files are no function's schema. */
const MOST_BYTES = 1_000_000;

const functionSchema = z.looseObject({
  name: z.string().min(1),
  description: z.string().default(''),
  parameters: z.record(z.string(), z.unknown()).default({ type: 'object', properties: {} }),
});

/**
 * As the chat API has it, `{type: function, function: {...}}`; the function alone, as other APIs have it,
 * will do.
 */
const declaration = z.union([
  z.looseObject({ type: z.literal('function').optional(), function: functionSchema }),
  functionSchema,
]);

export const functionConfig = z
  .union([
    z.string().min(1).describe('A JSON file.'),
    z.record(z.string(), z.json()).refine((value) => declaration.safeParse(value).success, {
      error: 'expected {type: function, function: {name, description, parameters}}, parameters a JSON Schema',
    }),
  ])
  .nullable()
  .default(null)
  .describe(
    "The tool's OpenAI function schema, inline or a JSON file: `{type: function, function: {name, description, parameters}}`. null: the argument is plain text.",
  );
export type FunctionConfig = z.output<typeof functionConfig>;

export interface FunctionSchema {
  readonly description: string;
  readonly parameters: JsonSchema;
}

/**
 * The declared function. `where` is its key in the topology. Throws `ConfigError` for a file that is none or
 * holds none.
 */
export function readFunction(config: NonNullable<FunctionConfig>, where: string): FunctionSchema {
  const value = typeof config === 'string' ? readJson(config, where) : config;
  const read = declaration.safeParse(value);
  if (!read.success) {
    throw new ConfigError(
      `${where}: expected {type: function, function: {name, description, parameters}}: ${read.error.issues[0]?.message ?? ''}`,
    );
  }
  const found = 'function' in read.data ? read.data.function : read.data;
  return functionSchema.parse(found);
}

function readJson(path: string, where: string): unknown {
  try {
    const { size } = statSync(path);
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, more than ${MOST_BYTES}`);
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`${where}: ${path}: expected a JSON file: ${(cause as Error).message}`, { cause });
  }
}
