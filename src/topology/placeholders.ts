/** Configuration whose users are not written yet; each goes when its own module exports it. */
import { z } from 'zod';

export const localModelConfig = z.strictObject({
  checkpoint: z
    .string()
    .min(1)
    .default('swirl:assets/base-policy')
    .describe('Folder in the Hugging Face layout.'),
  temperature: z
    .number()
    .min(0)
    .max(10)
    .default(1)
    .describe('Divides the logits before the softmax; 0 is greedy.'),
  maxTokens: z.number().int().min(1).default(128).describe('Most tokens of one action.'),
});

export const embeddedConfig = z.strictObject({});
