/** A language model that runs here: an engine, a tokenizer, and how conversations are rendered. */

import type { Completion, CompletionRequest, LanguageModel } from '../agent/model.ts';
import type { PolicyFolder } from '../checkpoint/folder.ts';
import type { Engine, Sampler } from '../engine/engine.ts';
import { ModelError } from '../errors.ts';
import { seedFor } from '../random.ts';
import { stopsAt } from '../tokenizer/stop-text.ts';
import type { LocalModelConfig } from './local-model-config.ts';

/** How many digits of the weights' hash a name has. */
export const hashDigits = 12;

export interface LocalModelDeps {
  /** Holds the weights that are sampled from; the caller closes it. */
  readonly engine: Pick<Engine, 'config' | 'sampler'>;
  readonly policy: Pick<PolicyFolder, 'tokenizer' | 'renderer'>;
  /** With a request's id it decides every random number. */
  readonly runSeed: number;
  /** The hash of the engine's weights as they are now. */
  readonly weightsHash: () => string;
}

export type LocalModelSettings = Omit<LocalModelConfig, 'checkpoint' | 'device'>;

export class LocalModel implements LanguageModel {
  readonly #settings: LocalModelSettings;
  readonly #deps: LocalModelDeps;
  readonly #sampler: Sampler;
  readonly #maxLength: number;

  constructor(settings: LocalModelSettings, deps: LocalModelDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#maxLength = Math.min(settings.contextTokens, deps.engine.config.maxPositions);
    this.#sampler = deps.engine.sampler({
      slots: settings.slots,
      maxLength: this.#maxLength,
      chunk: settings.chunkTokens,
      stepTokens: settings.stepTokens,
    });
  }

  /** `local:` and the beginning of the weights' hash; it changes as the engine learns. */
  get name(): string {
    return `local:${this.#deps.weightsHash().slice(0, hashDigits)}`;
  }

  /** Throws `ModelError`, not to be retried, where the conversation leaves no room in the context. */
  async complete({ messages, id, signal }: CompletionRequest): Promise<Completion> {
    const { renderer, tokenizer } = this.#deps.policy;
    const prompt = renderer.render(messages, { open: true }).ids;
    if (prompt.length >= this.#maxLength) {
      throw new ModelError(
        `${id}: expected a conversation of fewer than ${this.#maxLength} tokens, found ${prompt.length}. ` +
          `Raise contextTokens (this policy has ${this.#deps.engine.config.maxPositions} positions), or shorten what the tools return.`,
      );
    }
    const { temperature, topP, topK, maxTokens, stop } = this.#settings;
    const { tokens, logprobs } = await this.#sampler.sample({
      ...{ prompt, temperature, topP, topK, maxTokens, signal },
      stopTokens: renderer.stopTokens,
      ...(stop.length > 0 && { stop: stopsAt(stop, (ids) => tokenizer.decode(ids)) }),
      seed: seedFor(this.#deps.runSeed, id),
    });
    // Special tokens, the end of turn among them, have no text.
    return { text: tokenizer.decode(tokens), tokens, logprobs };
  }

  async close(): Promise<void> {
    this.#sampler.close();
  }
}
