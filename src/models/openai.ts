/**
 * A language model behind an endpoint that speaks the OpenAI protocol: vLLM, Ollama, llama.cpp, Gemini,
 * OpenAI.
 */
import type OpenAI from 'openai';
import { actionEnd, closingTags, type Reading, type ToolTag } from '../agent/action.ts';
import type { Completion, CompletionRequest, LanguageModel } from '../agent/model.ts';
import { type Paid, UNCOUNTED } from '../agent/paid.ts';
import { seedFor } from '../random.ts';
import type { WaitNotice } from '../runtime/wait-notice.ts';
import { readCompletion } from './openai-completion.ts';
import type { OpenaiConfig } from './openai-config.ts';
import { openaiEndpoint } from './openai-endpoint.ts';
import type { Endpoint } from './openai-errors.ts';
import { messagesFor } from './openai-messages.ts';
import { TOKEN_FIELDS } from './openai-tokens.ts';
import { type OfferedTool, offered } from './openai-tool-calls.ts';
import { usageIn } from './openai-usage.ts';

export interface OpenaiDeps {
  /** The run's seed, for `config.seed`. */
  readonly runSeed: number;
  /** Where `apiKeyEnv` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Says that the endpoint has not answered for long; nobody does otherwise. */
  readonly waits?: WaitNotice | undefined;
  /** The door of its requests; by default they are neither kept nor counted. */
  readonly paid?: Paid | undefined;
  /** For which stage it is asked, in the ledger. */
  readonly stage?: string | undefined;
}

/**
 * Makes the client; no request is sent yet. It never retries by itself, as the runtime does. Tokens and
 * logprobs are null unless `recordTokens` asks for them: a trainer could not rely on another tokenizer's.
 * Throws `ConfigError` where the API key's variable is not set.
 */
export async function openaiModel(config: OpenaiConfig, deps: OpenaiDeps): Promise<LanguageModel> {
  const { endpoint, ask } = await openaiEndpoint(
    config,
    { path: 'chat/completions', expected: 'a chat completion' },
    deps,
  );
  const recorder = await recorderOf(config, endpoint);

  const { paid = UNCOUNTED, stage = 'models', runSeed } = deps;

  return {
    name: config.model,
    thinking: config.thinking,
    async complete(request) {
      const { messages, tools, signal, usable = () => true } = request;
      const stops = stopsOf(request, config);
      const offer = tools && config.toolCalls === 'protocol' ? await offered(tools, signal) : undefined;
      const body = requestBody(request, { config, runSeed, stops, offer });
      const reading = { thinking: config.thinking };
      const toolsOf = tools && { tools, offered: async () => offer ?? offered(tools, signal) };
      const read = async (text: string) => {
        const completion = await readCompletion(text, { endpoint, reading, stops, ...toolsOf });
        const told = { messages, reading, ...(tools && { tools }) };
        const recorded = (await recorder?.record(text, completion, told)) ?? completion;
        const value = tools === undefined ? recorded : upToAction(recorded, tools, reading);
        return { value, keep: usable(value) };
      };
      const sample = sampleOf(request.id, { config, runSeed });
      return paid.ask(
        {
          ...{ stage: request.stage ?? stage, model: config.model, kind: 'model' },
          key: { asks: 'chat', url: endpoint.url, body, sample },
        },
        { send: () => ask(signal, (send) => send(body)), read, usage: usageIn },
      );
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
 * Which sample of its request it is: another record, vote or seed has another. A greedy answer is one for all who ask
 * the same, but for votes, which are to differ where they can.
 */
function sampleOf(
  id: string,
  { config, runSeed }: { readonly config: OpenaiConfig; readonly runSeed: number },
): string {
  return config.temperature === 0 ? (/\/vote\/\d+$/.exec(id)?.[0] ?? '') : `${runSeed} ${id}`;
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
