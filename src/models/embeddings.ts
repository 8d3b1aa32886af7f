/** Embeddings of texts from an endpoint that speaks the OpenAI protocol: vLLM, TEI, Ollama, llama.cpp, OpenAI. */
import type { Sleep } from '../clock.ts';
import { Exhausted, retry } from '../runtime/retry.ts';
import type { EmbeddingsConfig } from './embeddings-config.ts';
import { readEmbeddings } from './openai-embeddings.ts';
import { openaiEndpoint } from './openai-endpoint.ts';

export interface EmbedderDeps {
  /** Where `apiKeyEnv` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sleep: Sleep;
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
  { env, sleep }: EmbedderDeps,
): Promise<Embedder> {
  const path = { path: 'embeddings', expected: 'embeddings' };
  const ofPassages = await openaiEndpoint(config, path, { env });
  const ofQueries = await openaiEndpoint({ ...config, timeoutMs: config.queryTimeoutMs }, path, { env });

  const embed = async (
    { endpoint, ask }: typeof ofPassages,
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
    const expected = { number: input.length, width: width ?? config.dimensions };
    const once = () => ask(signal, async (send) => readEmbeddings(await send(body), expected, endpoint));
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
