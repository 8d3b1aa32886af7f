/** A language model that runs here: an engine, a tokenizer, and how conversations are rendered. */

import { actionEnd } from '../agent/action.ts';
import type { Completion, CompletionRequest, LanguageModel } from '../agent/model.ts';
import { outsideThinking, type ThinkingMarks } from '../agent/thinking.ts';
import type { PolicyFolder } from '../checkpoint/folder.ts';
import type { Engine, Sampler } from '../engine/engine.ts';
import { ContextError } from '../errors.ts';
import { seedFor } from '../random.ts';
import { renderAside } from '../tokenizer/bounded-renderer.ts';
import { stopsAt } from '../tokenizer/stop-text.ts';
import type { LocalModelConfig } from './local-model-config.ts';

/** How many of a prompt's last tokens are looked at for a mark that opens thinking. */
const PROMPT_TAIL = 32;

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

  get thinking(): ThinkingMarks {
    return this.#settings.thinking;
  }

  /** `local:` and the beginning of the weights' hash; it changes as the engine learns. */
  get name(): string {
    return `local:${this.#deps.weightsHash().slice(0, hashDigits)}`;
  }

  /** Throws `ContextError` where the conversation leaves no room in the context. */
  async complete({ messages, id, signal, tools }: CompletionRequest): Promise<Completion> {
    const { renderer, tokenizer } = this.#deps.policy;
    const prompt = (await renderAside(renderer, messages, { open: true })).ids;
    if (prompt.length >= this.#maxLength) {
      throw new ContextError(
        `${id}: expected a conversation of fewer than ${this.#maxLength} tokens, found ${prompt.length}. ` +
          `Raise contextTokens (this policy has ${this.#deps.engine.config.maxPositions} positions), or shorten what the tools return.`,
      );
    }
    const { temperature, topP, topK, maxTokens } = this.#settings;
    const startsInside = this.#opensThinking(prompt);
    const stops = this.#stops(tools, startsInside);
    const { tokens, logprobs } = await this.#sampler.sample({
      ...{ prompt, temperature, topP, topK, maxTokens, signal },
      stopTokens: renderer.stopTokens,
      ...(stops.at.length > 0 && { stop: stopsAt(stops.at, (ids) => tokenizer.decode(ids), stops.confirm) }),
      seed: seedFor(this.#deps.runSeed, id),
    });
    // Special tokens, the end of turn among them, have no text.
    const text = tokenizer.decode(tokens);
    const truncated = !renderer.stopTokens.includes(tokens[tokens.length - 1]) && !stops.confirm(text);
    return { text, tokens, logprobs, temperature, truncated, startsInside };
  }

  /** Whether the prompt ends with a mark that opens thinking, as some chat templates write. */
  #opensThinking(prompt: readonly number[]): boolean {
    const tail = this.#deps.policy.tokenizer.decode(prompt.slice(-PROMPT_TAIL)).trimEnd();
    return this.thinking.some(({ open }) => tail.endsWith(open));
  }

  /** Texts at which a sample may end, and whether a text that has one of them does end. */
  #stops(
    tools: CompletionRequest['tools'],
    startsInside: boolean,
  ): { readonly at: readonly string[]; readonly confirm: (text: string) => boolean } {
    const { stop } = this.#settings;
    const reading = { thinking: this.thinking, startsInside };
    const stopped = (text: string) =>
      stop.length > 0 &&
      outsideThinking(text, this.thinking, reading).spans.some(({ start, end }) =>
        stop.some((sequence) => text.slice(start, end).includes(sequence)),
      );
    if (tools === undefined) return { at: stop, confirm: stopped };
    const confirm = (text: string) => stopped(text) || actionEnd(text, tools, reading) !== null;
    // Every tag ends with this.
    return { at: [...stop, '>'], confirm };
  }

  async close(): Promise<void> {
    this.#sampler.close();
  }
}
