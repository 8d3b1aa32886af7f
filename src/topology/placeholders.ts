/** Configuration whose users are not written yet; each goes when its own module exports it. */
import { z } from 'zod';

export const openaiConfig = z.strictObject({
  baseUrl: z.url().default('http://127.0.0.1:8000/v1').describe('The endpoint, up to and with `/v1`.'),
  model: z.string().min(1).describe("The model's name, as the endpoint knows it."),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .nullable()
    .default(null)
    .describe('Name of the environment variable that holds the API key; null: none.'),
  temperature: z.number().min(0).max(2).default(1).describe('Divides the logits before the softmax.'),
  maxTokens: z.number().int().min(1).default(512).describe('Most tokens of one completion.'),
  timeoutMs: z.number().int().min(1).default(120_000).describe('Longest wait for one completion.'),
});

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
