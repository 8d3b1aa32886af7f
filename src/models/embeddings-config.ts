/** Settings of embeddings from an endpoint that speaks the OpenAI protocol. */
import { z } from 'zod';
import { retryConfig } from '../runtime/retry.ts';
import { baseUrlSetting, endpointSettings } from './openai-config.ts';

/** What Swirl itself puts into a request; `extra` may not replace it. */
const OWN_FIELDS = ['model', 'input', 'encoding_format', 'dimensions'];

export const embeddingsConfig = z.strictObject({
  baseUrl: baseUrlSetting('embeddings'),
  ...endpointSettings,
  dimensions: z
    .int()
    .min(1)
    .max(65_536)
    .nullable()
    .default(null)
    .describe('How many numbers of a vector are asked for (`dimensions`); null: as many as the model gives.'),
  queryPrefix: z
    .string()
    .max(2000)
    .default('')
    .describe(
      'What stands before a query, as many models want it (`"query: "` of E5); see the model\'s page.',
    ),
  passagePrefix: z
    .string()
    .max(2000)
    .default('')
    .describe('What stands before an article (`"passage: "` of E5).'),
  similarity: z
    .enum(['cosine', 'dot'])
    .default('cosine')
    .describe('How near two vectors are: by the cosine of their angle, or by their dot product.'),
  maxPassageChars: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(8000)
    .describe('How much of an article is embedded, in characters: the beginning, with its title.'),
  encoding: z
    .enum(['float', 'base64'])
    .default('float')
    .describe(
      'How vectors come (`encoding_format`); `base64` is a quarter of the bytes. Either is understood.',
    ),
  passagesAtOnce: z.int().min(1).max(4096).default(64).describe('Articles of one request of embeddings.'),
  concurrency: z.int().min(1).max(1024).default(4).describe('Most requests in flight; others wait.'),
  timeoutMs: z
    .int()
    .min(1)
    .max(300_000)
    .default(60_000)
    .describe('Longest wait for the vectors of one request of articles, body included.'),
  queryTimeoutMs: z
    .int()
    .min(1)
    .max(300_000)
    .default(8000)
    .describe(
      'Longest wait for the vector of a query; the stage `tools` has a limit of its own for the whole call.',
    ),
  retry: retryConfig.prefault({}),
  maxResponseBytes: z.int().min(1024).default(67_108_864).describe('A larger response is an error.'),
  keepQueries: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(100_000)
    .describe(
      'The vectors of so many queries are kept beside the corpus: the same query finds the same again, and costs nothing.',
    ),
  extra: z
    .record(z.string(), z.json())
    .refine((extra) => OWN_FIELDS.every((field) => !(field in extra)), {
      error: `expected none of ${OWN_FIELDS.join(', ')}, which Swirl sets itself`,
    })
    .default({})
    .describe(
      'More fields of the request, as the endpoint has them (`{"truncate_prompt_tokens": 512}` of vLLM).',
    ),
});
export type EmbeddingsConfig = z.output<typeof embeddingsConfig>;
