/** A language model behind an endpoint that speaks the OpenAI protocol: vLLM, Ollama, llama.cpp, Gemini, OpenAI. */
import type OpenAI from 'openai';
import { z } from 'zod';
import type { CompletionRequest, LanguageModel, Message } from '../agent/model.ts';
import { ConfigError, ModelError } from '../errors.ts';
import { seedFor } from '../random.ts';
import { limitConcurrency } from '../runtime/concurrency.ts';
import type { OpenaiConfig } from './openai-config.ts';
import type { Endpoint } from './openai-errors.ts';
import { connectionError, contentError, statusError, timeoutError } from './openai-errors.ts';

export interface OpenaiDeps {
  /** The run's seed, for `config.seed`. */
  readonly runSeed: number;
  /** Where `apiKeyEnv` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes the client; no request is sent yet. It never retries by itself, as the runtime does. Tokens and logprobs
 * are always null: what endpoints give are strings or other tokenizers' ids, and a trainer could not rely on them.
 * Throws `ConfigError` where the API key's variable is not set.
 */
export async function openaiModel(config: OpenaiConfig, deps: OpenaiDeps): Promise<LanguageModel> {
  const secret = readKey(config.apiKeyEnv, deps.env);
  const { default: Client, APIError } = await import('openai');
  const base = new URL(config.baseUrl);
  const endpoint: Endpoint = {
    url: `${base.origin}${base.pathname.replace(/\/$/, '')}/chat/completions`,
    secret,
  };
  const client = new Client({
    baseURL: config.baseUrl,
    apiKey: secret ?? 'none',
    // What is not set here the client would take from variables of its own.
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    maxRetries: 0,
    timeout: config.timeoutMs,
    fetch: (url, init) => boundedErrors(url, init, config.maxResponseBytes),
    ...(secret === null ? { defaultHeaders: { Authorization: null } } : {}),
  });
  const acquire = limitConcurrency(config.concurrency);

  /** Sends one request and reads the whole response. */
  const send = async (
    body: OpenAI.ChatCompletionCreateParamsNonStreaming,
    signal: AbortSignal,
  ): Promise<string> => {
    const response = await client.chat.completions.create(body, { signal }).asResponse();
    const { text, whole } = await readBody(response, config.maxResponseBytes);
    if (whole) return text;
    throw new ModelError(
      `${endpoint.url}: expected a response of at most ${config.maxResponseBytes} bytes (maxResponseBytes), found more`,
    );
  };

  return {
    name: config.model,
    async complete(request) {
      const release = await acquire(request.signal);
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), config.timeoutMs);
      try {
        const either = AbortSignal.any([request.signal, deadline.signal]);
        const text = readCompletion(await send(requestBody(request, config, deps.runSeed), either), endpoint);
        return { text, tokens: null, logprobs: null };
      } catch (error) {
        if (request.signal.aborted) throw request.signal.reason;
        if (error instanceof ModelError) throw error;
        if (deadline.signal.aborted) throw timeoutError(endpoint, config.timeoutMs);
        if (error instanceof APIError && typeof error.status === 'number') {
          const body =
            error.error === undefined ? error.message.replace(/^\d+ /, '') : JSON.stringify(error.error);
          throw statusError(endpoint, { status: error.status, headers: error.headers, body });
        }
        throw connectionError(endpoint, error);
      } finally {
        clearTimeout(timer);
        release();
      }
    },
    async close() {},
  };
}

/** The key, or null for none. A key that no header can hold is refused here, where its text is not printed. */
function readKey(variable: string | null, env: OpenaiDeps['env']): string | null {
  if (variable === null) return null;
  const key = env[variable]?.trim() ?? '';
  if (key === '')
    throw new ConfigError(`apiKeyEnv names the variable ${variable}, which is not set: set it to the key`);
  if (!/^[\x21-\x7E]+$/.test(key))
    throw new ConfigError(`the variable ${variable} holds characters that no API key has`);
  return key;
}

function requestBody(
  { messages, id }: CompletionRequest,
  config: OpenaiConfig,
  runSeed: number,
): OpenAI.ChatCompletionCreateParamsNonStreaming {
  const { model, temperature, topP, maxTokens, maxTokensField, stop, seed, extra } = config;
  return {
    ...extra,
    model,
    messages: place(messages, config.system).map(({ role, content }) => ({ role, content })),
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(maxTokens === null ? {} : { [maxTokensField]: maxTokens }),
    ...(stop.length === 0 ? {} : { stop }),
    // 31 bits, which every endpoint takes.
    ...(seed ? { seed: Number(seedFor(runSeed, id) & 0x7fff_ffffn) } : {}),
  };
}

/** Merges a system message into the user's first, for models without that role. */
function place(messages: readonly Message[], system: OpenaiConfig['system']): readonly Message[] {
  const [first, second, ...rest] = messages;
  if (system === 'message' || first?.role !== 'system' || second?.role !== 'user') return messages;
  return [{ role: 'user', content: `${first.content}\n\n${second.content}` }, ...rest];
}

const completionSchema = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.string().nullish() }),
      }),
    )
    .min(1),
});

function readCompletion(body: string, endpoint: Endpoint): string {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw contentError(endpoint, 'JSON', body);
  }
  const parsed = completionSchema.safeParse(json);
  if (!parsed.success) throw contentError(endpoint, 'a chat completion with at least one choice', body);
  const [choice] = parsed.data.choices;
  const content = choice?.message.content;
  if (typeof content === 'string') return content;
  throw contentError(
    endpoint,
    `text (the completion ended with ${choice?.finish_reason ?? 'no reason'})`,
    body,
  );
}

/** `fetch`, with the bodies of refusals cut: the client reads those whole. */
async function boundedErrors(
  url: Parameters<typeof fetch>[0],
  init: Parameters<typeof fetch>[1],
  most: number,
): Promise<Response> {
  const response = await fetch(url, init);
  if (response.ok) return response;
  const { text } = await readBody(response, Math.min(most, 65_536));
  return new Response(text === '' ? null : text, { status: response.status, headers: response.headers });
}

/** The body as text, up to a number of bytes, and whether that is the whole of it. */
async function readBody(response: Response, most: number): Promise<{ text: string; whole: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > most) {
      // Leaving the loop cancels the rest.
      return { text: text + decoder.decode(chunk.subarray(0, chunk.length - (size - most))), whole: false };
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return { text: text + decoder.decode(), whole: true };
}
