/** Settings of a model behind an endpoint that speaks the OpenAI protocol. */
import { z } from 'zod';
import { thinkingConfig } from '../agent/thinking.ts';
import { templateVariables } from '../tokenizer/template-variables.ts';

/** What Swirl itself puts into a request; `extra` may not replace it. */
const OWN_FIELDS = ['model', 'messages', 'stream', 'n', 'logprobs', 'return_token_ids'];

const recordTokensConfig = z
  .strictObject({
    policy: z
      .string()
      .min(1)
      .describe("Folder of the policy that the endpoint serves: its tokenizer must be the learner's."),
    logprobs: z
      .enum(['raw', 'sampled'])
      .default('raw')
      .describe(
        "What the endpoint's logprobs are of: `raw`, the softmax of the logits (vLLM unless told otherwise), or " +
          '`sampled`, that of the logits divided by the temperature.',
      ),
    checkPrompt: z
      .boolean()
      .default(true)
      .describe(
        "Compare the prompt's ids, where they are given, with how the learner would write the prompt.",
      ),
  })
  .describe(
    "Record the endpoint's own token ids and logprobs (`return_token_ids`, as vLLM has it): they are trained on as they " +
      'are, and ratios work.',
  );

/** Where an endpoint is; requests go to `path` below it. */
export const baseUrlSetting = (path: string) =>
  z
    .url({ protocol: /^https?$/ })
    .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), {
      error:
        'expected a URL without user name and password; name the variable that holds the key in apiKeyEnv',
    })
    .default('http://127.0.0.1:8000/v1')
    .describe(`The endpoint, up to and with \`/v1\`; requests go to \`${path}\` below it.`);

/** What every client of an endpoint is told. */
export const endpointSettings = {
  model: z.string().min(1).describe("The model's name, as the endpoint knows it."),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .nullable()
    .default(null)
    .describe('Name of the environment variable that holds the API key; null: none. Never the key itself.'),
};

export const openaiConfig = z.strictObject({
  baseUrl: baseUrlSetting('chat/completions'),
  ...endpointSettings,
  temperature: z
    .number()
    .min(0)
    .max(2)
    .nullable()
    .default(1)
    .describe("Divides the logits before the softmax; null: the endpoint's default."),
  topP: z
    .number()
    .gt(0)
    .max(1)
    .nullable()
    .default(null)
    .describe("Nucleus sampling; null: the endpoint's default."),
  maxTokens: z
    .int()
    .min(1)
    .nullable()
    .default(512)
    .describe("Most tokens of one completion; null: the endpoint's default."),
  maxTokensField: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .default('max_tokens')
    .describe('What the endpoint calls it.'),
  stop: z
    .array(z.string().min(1))
    .max(4)
    .default([])
    .describe('Texts that end a completion. The endpoint leaves them out of it.'),
  toolCalls: z
    .enum(['tags', 'protocol'])
    .default('tags')
    .describe(
      "How a policy calls its tools: `tags` in its text, or the API's `tools` and `tool_calls`. In either case records have " +
        'the call in its tag, and an answer stands in its own.',
    ),
  stopAtTag: z
    .boolean()
    .default(true)
    .describe(
      "Ask the endpoint to stop at the closing tags of a policy's tools and answer (four stops at most). false: for models " +
        'that write such tags while they think. What is written after an action is cut off in either case.',
    ),
  recordTokens: recordTokensConfig
    .nullable()
    .default(null)
    .describe('null: actions are recorded as text alone, and the learner tokenizes them.'),
  templateVariables: templateVariables.describe(
    "Variables of the endpoint's chat template (`{enable_thinking: false}`), sent as `chat_template_kwargs`.",
  ),
  seed: z
    .boolean()
    .default(false)
    .describe(
      "Send a seed made from the run's seed and the record's id. Whether it is obeyed is up to the endpoint.",
    ),
  system: z
    .enum(['message', 'merged'])
    .default('message')
    .describe(
      'Where instructions go: a system message, or the head of the first user message (Gemma has no system role).',
    ),
  thinking: thinkingConfig,
  timeoutMs: z
    .int()
    .min(1)
    .max(300_000)
    .default(120_000)
    .describe('Longest wait for one completion, body included (Node gives up after five minutes by itself).'),
  concurrency: z.int().min(1).max(1024).default(16).describe('Most requests in flight; others wait.'),
  maxResponseBytes: z.int().min(1024).default(4_194_304).describe('A larger response is an error.'),
  extra: z
    .record(z.string(), z.json())
    .refine((extra) => OWN_FIELDS.every((field) => !(field in extra)), {
      error: `expected none of ${OWN_FIELDS.join(', ')}, which Swirl sets itself`,
    })
    .default({})
    .describe('More fields of the request, as the endpoint has them (`{"top_k": 40}`).'),
});
export type OpenaiConfig = z.output<typeof openaiConfig>;
