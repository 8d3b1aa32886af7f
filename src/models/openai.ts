/**
 * A language model behind an endpoint that speaks the OpenAI protocol: vLLM, Ollama, llama.cpp, Gemini,
 * OpenAI.
 */
import type OpenAI from 'openai';
import { actionEnd, closingTags, type Reading, type ToolTag } from '../agent/action.ts';
import type { Completion, CompletionRequest, LanguageModel } from '../agent/model.ts';
import { ConfigError, ModelError } from '../errors.ts';
import { seedFor } from '../random.ts';
import { limitConcurrency } from '../runtime/concurrency.ts';
import { readCompletion } from './openai-completion.ts';
import type { OpenaiConfig } from './openai-config.ts';
import type { Endpoint } from './openai-errors.ts';
import { connectionError, statusError, timeoutError } from './openai-errors.ts';
import { messagesFor } from './openai-messages.ts';
import { TOKEN_FIELDS } from './openai-tokens.ts';
import { type OfferedTool, offered } from './openai-tool-calls.ts';

export interface OpenaiDeps {
  /** The run's seed, for `config.seed`. */
  readonly runSeed: number;
  /** Where `apiKeyEnv` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes the client; no request is sent yet. It never retries by itself, as the runtime does. Tokens and
 * logprobs are null unless `recordTokens` asks for them: a trainer could not rely on another tokenizer's.
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
  const recorder = await recorderOf(config, endpoint);

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
    thinking: config.thinking,
    async complete(request) {
      const release = await acquire(request.signal);
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), config.timeoutMs);
      try {
        const either = AbortSignal.any([request.signal, deadline.signal]);
        const { tools } = request;
        const stops = stopsOf(request, config);
        const offer = tools && config.toolCalls === 'protocol' ? await offered(tools, either) : undefined;
        const body = requestBody(request, { config, runSeed: deps.runSeed, stops, offer });
        const sent = await send(body, either);
        const reading = { thinking: config.thinking };
        const toolsOf = tools && { tools, offered: async () => offer ?? offered(tools, either) };
        const completion = await readCompletion(sent, { endpoint, reading, stops, ...toolsOf });
        const { messages } = request;
        const whole = await recorder?.record(sent, completion, {
          messages,
          reading,
          ...(tools && { tools }),
        });
        const recorded = whole ?? completion;
        return tools === undefined ? recorded : upToAction(recorded, tools, reading);
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

/** What records the endpoint's tokens; undefined where that is not asked for. Throws as `openPolicy` does. */
async function recorderOf(config: OpenaiConfig, endpoint: Endpoint) {
  const { recordTokens, templateVariables } = config;
  if (recordTokens === null) return undefined;
  const { openPolicy } = await import('../checkpoint/folder.ts');
  const { TokenRecorder } = await import('./openai-tokens.ts');
  const policy = await openPolicy(recordTokens.policy, { templateVariables });
  return new TokenRecorder({ endpoint, config: { ...config, recordTokens }, policy });
}

/**
 * The key, or null for none. A key that no header can hold is refused here, where its text is not printed.
 */
function readKey(variable: string | null, env: OpenaiDeps['env']): string | null {
  if (variable === null) return null;
  const key = env[variable]?.trim() ?? '';
  if (key === '')
    throw new ConfigError(`apiKeyEnv names the variable ${variable}, which is not set: set it to the key`);
  if (!/^[\x21-\x7E]+$/.test(key))
    throw new ConfigError(`the variable ${variable} holds characters that no API key has`);
  return key;
}

/** Most stop sequences that endpoints take. */
const MAX_STOPS = 4;

/** What the endpoint is asked to stop at: its own settings', and the closing tags of what may be written. */
function stopsOf({ tools }: CompletionRequest, { stop, stopAtTag }: OpenaiConfig): string[] {
  const tags = tools === undefined || !stopAtTag ? [] : closingTags(tools);
  return [...new Set([...stop, ...tags])].slice(0, MAX_STOPS);
}

/** A completion that ends with its action, whatever the endpoint went on to write. */
function upToAction(completion: Completion, tools: readonly ToolTag[], reading: Reading): Completion {
  const end = actionEnd(completion.text, tools, reading);
  if (end === null) return completion;
  return { ...completion, text: completion.text.slice(0, end), truncated: false };
}

function functionOf({ name, description, parameters }: OfferedTool): OpenAI.ChatCompletionTool {
  return { type: 'function', function: { name, description, parameters: { ...parameters } } };
}

function requestBody(
  { messages, id, json }: CompletionRequest,
  sent: {
    readonly config: OpenaiConfig;
    readonly runSeed: number;
    readonly stops: readonly string[];
    /** The tools to call by the protocol; undefined where actions are written in tags. */
    readonly offer: readonly OfferedTool[] | undefined;
  },
): OpenAI.ChatCompletionCreateParamsNonStreaming {
  const { config, runSeed, stops, offer } = sent;
  const { model, temperature, topP, maxTokens, maxTokensField, seed, templateVariables, extra } = config;
  return {
    ...extra,
    ...(config.recordTokens === null ? {} : TOKEN_FIELDS),
    model,
    messages: messagesFor(messages, { system: config.system, tools: offer ?? [] }),
    ...(offer?.length ? { tools: offer.map(functionOf) } : {}),
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(maxTokens === null ? {} : { [maxTokensField]: maxTokens }),
    ...(stops.length === 0 ? {} : { stop: [...stops] }),
    ...(Object.keys(templateVariables).length === 0 ? {} : { chat_template_kwargs: templateVariables }),
    ...(json && { response_format: { type: 'json_schema', json_schema: { ...json, strict: true } } }),
    // 31 bits, which every endpoint takes.
    ...(seed ? { seed: Number(seedFor(runSeed, id) & 0x7fff_ffffn) } : {}),
  };
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
