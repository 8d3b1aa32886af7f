/**
 * Renders a conversation to token ids. Sampler and trainer both use it. In the formats described here every
 * message is tokenized apart and only ever appended, so that the rendering of the first messages is a prefix
 * of the rendering of all: that makes packing exact, and recorded ids stay what they were. Checkpoints with a
 * chat template of their own are rendered by `template-renderer.ts`.
 */
import { z } from 'zod';
import type { Message } from '../agent/model.ts';
import { withReasoning } from '../agent/thinking.ts';
import { ConfigError, ModelError } from '../errors.ts';
import type { PolicyTokenizer } from './tokenizer.ts';

const around = z.strictObject({
  before: z.string().default('').describe('Template text before the message.'),
  after: z.string().default('').describe('Template text after the message.'),
});

/** The `swirl` section of tokenizer_config.json. In template texts special tokens are themselves. */
export const renderFormat = z.strictObject({
  endOfTurn: z.string().describe('The special token that ends an assistant message.'),
  begin: z.string().default('').describe('Template text at the start, such as `<bos>`.'),
  system: around.prefault({}),
  user: around.prefault({}),
  assistant: around.prefault({}).describe('`after` comes after the end-of-turn token.'),
  systemOpensUserTurn: z
    .boolean()
    .default(false)
    .describe('A user message right after a system message gets no `before`: they share a turn.'),
});
export type RenderFormat = z.output<typeof renderFormat>;

/** For policies that Swirl makes: a system line, and every other message closed by the end of turn. */
export const plainFormat: RenderFormat = {
  endOfTurn: '<end_of_turn>',
  begin: '<bos>',
  system: { before: '', after: '\n' },
  user: { before: '', after: '<end_of_turn>' },
  assistant: { before: '', after: '' },
  systemOpensUserTurn: true,
};

/** Gemma 2's turns; its template has no system role, so instructions open the user's turn. */
export const gemmaFormat: RenderFormat = {
  endOfTurn: '<end_of_turn>',
  begin: '<bos>',
  system: { before: '<start_of_turn>user\n', after: '\n\n' },
  user: { before: '<start_of_turn>user\n', after: '<end_of_turn>\n' },
  assistant: { before: '<start_of_turn>model\n', after: '\n' },
  systemOpensUserTurn: true,
};

/** Which ids are an assistant message's own: those that may carry loss. */
export interface AssistantSpan {
  /** Index into the messages. */
  readonly message: number;
  /** First id, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

export interface Rendering {
  readonly ids: number[];
  readonly spans: AssistantSpan[];
}

/** How a policy's conversations become token ids. */
export interface Renderer {
  /** Ends an assistant message. */
  readonly endOfTurn: number;
  /** Ids that end a sample: the end of turn, and the checkpoint's ends of text. */
  readonly stopTokens: readonly number[];
  /**
   * Renders messages. An assistant message's span holds its recorded ids, or where there are none the ids of
   * its text with the end of turn. Recorded ids that do not end (the sample was cut) are closed by an end of
   * turn that is context. With `open`, the start of the next assistant message is added, for sampling: what
   * is rendered then is what stands before the last message's span once that message is there. Throws
   * `ModelError` where recorded ids are not of this vocabulary, and where the policy's chat template refuses
   * the messages.
   */
  render(messages: readonly Message[], options?: { readonly open?: boolean }): Rendering;
  /** The same beside the event loop where that would take long; `renderAside` asks for it. */
  renderAside?(messages: readonly Message[], options?: { readonly open?: boolean }): Promise<Rendering>;
}

/** Renders by a `RenderFormat`. */
export class FormatRenderer implements Renderer {
  readonly endOfTurn: number;
  readonly stopTokens: readonly number[];
  readonly #tokenizer: PolicyTokenizer;
  readonly #format: RenderFormat;
  readonly #vocabSize: number;

  /**
   * `endsOfText` are further ids that end a sample; a decoder's vocabulary may be larger than its
   * tokenizer's. Throws `ConfigError` where the end of turn is no token.
   */
  constructor(
    tokenizer: PolicyTokenizer,
    format: RenderFormat,
    { endsOfText = [], vocabSize = tokenizer.vocabularySize }: FormatRendererOptions = {},
  ) {
    const endOfTurn = tokenizer.id(format.endOfTurn);
    if (endOfTurn === undefined || !tokenizer.specialIds.has(endOfTurn)) {
      throw new ConfigError(
        `expected the end of turn ${JSON.stringify(format.endOfTurn)} to be a special token of the tokenizer, ` +
          'found none. Name one as "endOfTurn" in the "swirl" section of tokenizer_config.json.',
      );
    }
    this.endOfTurn = endOfTurn;
    this.stopTokens = [...new Set([endOfTurn, ...endsOfText])];
    this.#tokenizer = tokenizer;
    this.#format = format;
    this.#vocabSize = vocabSize;
  }

  render(messages: readonly Message[], options: { readonly open?: boolean } = {}): Rendering {
    const ids = this.#tokenizer.encodeTemplate(this.#format.begin);
    const spans: AssistantSpan[] = [];
    // One by one, not by spreading: an observation may be longer than a call's arguments may be.
    const append = (tokens: readonly number[]) => {
      for (const token of tokens) ids.push(token);
    };
    const template = (text: string) => append(this.#tokenizer.encodeTemplate(text));
    for (const [index, message] of messages.entries()) {
      const shape = this.#format[message.role];
      const sharesTurn =
        this.#format.systemOpensUserTurn && message.role === 'user' && messages[index - 1]?.role === 'system';
      if (!sharesTurn) template(shape.before);
      const start = ids.length;
      if (message.role !== 'assistant') {
        append(this.#tokenizer.encode(message.content));
      } else {
        const recorded = message.tokens ?? [
          ...this.#tokenizer.encode(withReasoning(message)),
          this.endOfTurn,
        ];
        checkRecorded(recorded, this.#vocabSize);
        append(recorded);
        spans.push({ message: index, start, end: ids.length });
        if (!this.stopTokens.includes(recorded[recorded.length - 1])) ids.push(this.endOfTurn);
      }
      template(shape.after);
    }
    if (options.open) template(this.#format.assistant.before);
    return { ids, spans };
  }
}

export interface FormatRendererOptions {
  readonly endsOfText?: readonly number[];
  readonly vocabSize?: number;
}

/** Throws `ModelError` where recorded ids are not of a vocabulary of this size. */
export function checkRecorded(recorded: readonly number[], vocabSize: number): void {
  const stranger = recorded.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabSize);
  if (stranger === undefined) return;
  throw new ModelError(
    `expected recorded token ids from 0 to ${vocabSize - 1}, found ${stranger}: ` +
      'the action was recorded by a policy with another vocabulary',
  );
}
