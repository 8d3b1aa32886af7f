/** Whether what a tool's definition tells a policy can be told. */
import { openParameters } from '../agent/arguments/parameters.ts';
import { ConfigError } from '../errors.ts';
import { kindOf } from './check-export.ts';

/** Null where all is well. Modules may be in JavaScript, of which nobody checked the types. */
export async function toldProblem(definition: object): Promise<string | null> {
  const { description, example, parameters } = definition as Record<string, unknown>;
  for (const [name, text] of Object.entries({ description, example })) {
    if (text !== undefined && typeof text !== 'string')
      return `\`${name}\` must be a text, found ${kindOf(text)}`;
  }
  if (parameters === undefined) return null;
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) {
    return `\`parameters\` must be a JSON Schema, found ${kindOf(parameters)}`;
  }
  try {
    const shown = typeof example === 'string' ? example : null;
    await openParameters(parameters as Record<string, unknown>, {
      where: 'its `parameters`',
      example: shown,
    });
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
