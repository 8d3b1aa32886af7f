/** A policy's folder for programs: sample from it, score texts under it. */
import type { z } from 'zod';
import type { Completion, LanguageModel, Message } from '../agent/model.ts';
import { openDecoder, openLanguageOf } from '../checkpoint/folder.ts';
import { openEngine } from '../checkpoint/open-engine.ts';
import { hashEngine } from '../checkpoint/weights-hash.ts';
import { ConfigError } from '../errors.ts';
import { hashDigits, LocalModel } from '../models/local-model.ts';
import { localModelConfig } from '../models/local-model-config.ts';
import { parseScoreRequest, type Score, score, type scoreRequest } from '../models/score.ts';
import { resolvePath } from '../topology/paths.ts';
import { type Notify, warn } from './notes.ts';

/** How a policy samples and where it runs: the settings of `policy: { kind: local }` in a topology. */
export interface PolicySettings extends Omit<z.input<typeof localModelConfig>, 'checkpoint'> {
  /** With a sample's id it decides every random number; 0 by default. */
  readonly seed?: number;
  /**
   * Hears why there is no adapter, where the slow float64 reference takes its place. By default a Node
   * warning.
   */
  readonly notify?: Notify;
}

export interface SampleOptions {
  /**
   * Names the sample: the same id, seed, prompt and weights give the same tokens. By default `sample/0`,
   * `sample/1`, …
   */
  readonly id?: string;
  readonly signal?: AbortSignal;
}

/**
 * What may be scored: a text, a completion after a context, an assistant's message in a conversation, or
 * token ids.
 */
export type ScoreRequest = z.input<typeof scoreRequest>;

/**
 * A policy, opened. As a `LanguageModel` it may be the policy of `rollout`, or whatever judge or reward is
 * built on.
 */
export interface Policy extends LanguageModel, AsyncDisposable {
  /** The adapter's name, or `reference (float64)`. */
  readonly device: string;
  /**
   * Continues a conversation; a text is one user message. Throws a `ModelError` where it leaves no room in
   * `contextTokens`, and the signal's reason when it aborts.
   */
  sample(prompt: string | readonly Message[], options?: SampleOptions): Promise<Completion>;
  /**
   * Natural log-probabilities, token by token, at temperature 1. Throws a `ModelError` for what is longer
   * than the policy's positions or beyond its vocabulary, a `ConfigError` for what is no request.
   */
  score(request: ScoreRequest): Promise<Score>;
}

/**
 * Opens a Hugging Face folder (Gemma 2 and 3, Llama 3, Qwen 2.5 and 3; whole, sharded, or PEFT's adapters on
 * one), or `swirl:assets/base-policy`, the demo's. Throws a `ConfigError` or `DataError` that names the file
 * that is wrong, and a `DeviceError` where `device: 'webgpu'` finds no adapter.
 *
 * @example
 * await using policy = await openPolicy('policies/tiny', { temperature: 0, maxTokens: 64 });
 * const { text } = await policy.sample('What is 2 plus 3?');
 * const { logprobs } = await policy.score({ context: '2 plus 3 is', completion: ' 5' });
 */
export async function openPolicy(folder: string, options: PolicySettings = {}): Promise<Policy> {
  const { seed = 0, notify = warn, ...settings } = options;
  const checkpoint = resolvePath(folder, process.cwd());
  const config = localModelConfig.safeParse({ ...settings, checkpoint });
  if (!config.success) throw new ConfigError(`${folder}: ${issues(config.error)}`);
  const { device, precision, matmul, slots, contextTokens } = config.data;
  const decoder = await openDecoder(checkpoint);
  const language = await openLanguageOf(decoder);
  const engine = await openEngine(decoder, {
    ...{ device, precision, matmul, training: false, recompute: true },
    sampling: { slots, maxLength: contextTokens },
    onFallback: ({ message }) => notify(`${message} Going on with the float64 reference, which is slow.`),
  });
  let model: LocalModel | null = null;
  const close = async () => {
    await model?.close();
    await engine.close();
  };
  try {
    const hash = await hashEngine(engine);
    const weightsHash = () => hash;
    if (language !== null) {
      const policy = { tokenizer: language.tokenizer, renderer: language.renderer() };
      model = new LocalModel(config.data, { engine, policy, runSeed: seed, weightsHash });
    }
    const complete: LanguageModel['complete'] = async (request) => {
      if (model !== null) return model.complete(request);
      throw new ConfigError(
        `${folder}: expected tokenizer.json, without which nothing but ids can be scored`,
      );
    };
    let count = 0;
    return {
      name: `local:${hash.slice(0, hashDigits)}`,
      device: engine.device,
      complete,
      sample: (prompt, { id = `sample/${count++}`, signal = new AbortController().signal } = {}) => {
        const messages = typeof prompt === 'string' ? [{ role: 'user' as const, content: prompt }] : prompt;
        return complete({ messages, id, signal });
      },
      score: async (request) => score(parseScoreRequest(request, 'score'), { engine, language }),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function issues(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}
