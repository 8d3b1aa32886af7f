/** Embeddings of texts from an endpoint that speaks the OpenAI protocol: vLLM, TEI, Ollama, llama.cpp, OpenAI. */
import { type Paid, UNCOUNTED } from '../agent/paid.ts';
import type { Sleep } from '../clock.ts';
import { Exhausted, retry } from '../runtime/retry.ts';
import type { EmbeddingsConfig } from './embeddings-config.ts';
import { readEmbeddings } from './openai-embeddings.ts';
import { openaiEndpoint } from './openai-endpoint.ts';
import { usageIn } from './openai-usage.ts';

export interface EmbedderDeps {
  /** Where `apiKeyEnv` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sleep: Sleep;
  /** The door of its requests; by default they are neither kept nor counted. */
  readonly paid?: Paid | undefined;
}

/**
 * Vectors of texts, of finite numbers and of `width` each where that is given, of one length in any case. Both throw
 * `ModelError` once the attempts are used up, and the signal's reason.
 */
export interface Embedder {
  /** One request; in the order of the texts. The prefix is put before each. */
  passages(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]>;
  query(text: string, options: EmbedOptions): Promise<Float32Array>;
}

interface EmbedOptions {
  /** How many numbers each vector must have; null for as many as come. */
  readonly width: number | null;
  readonly signal: AbortSignal;
}

/** Makes the client; no request is sent yet. Throws `ConfigError` where the API key's variable is not set. */
export async function openEmbedder(
  config: EmbeddingsConfig,
  { env, sleep, paid = UNCOUNTED }: EmbedderDeps,
): Promise<Embedder> {
  const path = { path: 'embeddings', expected: 'embeddings' };
  const ofPassages = await openaiEndpoint(config, path, { env });
  const ofQueries = await openaiEndpoint({ ...config, timeoutMs: config.queryTimeoutMs }, path, { env });

  const embed = async (
    at: typeof ofPassages,
    input: readonly string[],
    { width, signal }: EmbedOptions,
  ): Promise<Float32Array[]> => {
    const body = {
      ...config.extra,
      model: config.model,
      input,
      encoding_format: config.encoding,
      ...(config.dimensions === null ? {} : { dimensions: config.dimensions }),
    };
    const isQuery = at === ofQueries;
    const { endpoint, ask } = at;
    const expected = { number: input.length, width: width ?? config.dimensions };
    const once = () =>
      paid.ask(
        {
          ...{ stage: 'embeddings', model: config.model, kind: 'model' },
          // Vectors of passages are kept in the index that they are for.
          key: isQuery ? { asks: 'embeddings', url: endpoint.url, body } : null,
        },
        {
          send: () => ask(signal, (send) => send(body)),
          read: async (text) => ({ value: readEmbeddings(text, expected, endpoint), keep: true }),
          usage: usageIn,
        },
      );
    try {
      return await retry(once, { config: config.retry, signal, sleep });
    } catch (error) {
      throw error instanceof Exhausted ? error.error : error;
    }
  };

  return {
    passages: (texts, options) =>
      embed(
        ofPassages,
        texts.map((text) => config.passagePrefix + text),
        options,
      ),
    async query(text, options) {
      const [vector] = await embed(ofQueries, [config.queryPrefix + text], options);
      return vector as Float32Array;
    },
  };
}
