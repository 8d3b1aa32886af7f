/** Variables of a chat template that a topology sets. */
import { z } from 'zod';

const OWN_VARIABLES = ['messages', 'add_generation_prompt', 'tools', 'documents'];

/** What a template is told beside the messages (`enable_thinking`, a date). */
export const templateVariables = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.json())
  .refine((variables) => OWN_VARIABLES.every((name) => !Object.hasOwn(variables, name)), {
    error: 'expected none of messages, add_generation_prompt, tools and documents, which Swirl sets itself',
  })
  .default({})
  .describe("Variables of the policy's chat template, such as `{enable_thinking: false}` or a date.");

export type TemplateVariables = z.output<typeof templateVariables>;
