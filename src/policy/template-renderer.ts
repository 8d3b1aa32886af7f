/**
 * Renders conversations by a checkpoint's own chat template. Special tokens come from the template alone, an assistant
 * message stands as it was recorded, and an action stands behind what it was sampled from: the rendering of the messages before
 * it with the template's generation prompt. A template that rewrites what was said (Qwen 3 drops old reasoning) is followed;
 * then renderings are no prefixes of each other, which training sees in the ids (`train/packing.ts`).
 */
import { ConfigError, ModelError } from '../errors.ts';
import type { Message } from '../models/model.ts';
import { ChatTemplate, type TemplateMessage } from './chat-template.ts';
import { type AssistantSpan, checkRecorded, type Renderer, type Rendering } from './render.ts';
import { type Piece, piecesOf } from './template-pieces.ts';
import { TokenRuns } from './token-runs.ts';
import type { PolicyTokenizer } from './tokenizer.ts';

export interface TemplateSettings {
  readonly source: string;
  /** `bos_token`, `eos_token` and others, by those names. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Names the template in errors. */
  readonly where: string;
  /** Further ids that end a sample. */
  readonly endsOfText: readonly number[];
  /** Ids of the decoder's vocabulary are below this. */
  readonly vocabSize: number;
}

/** Messages as the template is given them, with their places in the conversation. */
interface Shown extends TemplateMessage {
  readonly index: number;
  readonly tokens: readonly number[] | null;
}

export class TemplateRenderer implements Renderer {
  readonly endOfTurn: number;
  readonly stopTokens: readonly number[];
  readonly #tokenizer: PolicyTokenizer;
  readonly #template: ChatTemplate;
  readonly #vocabSize: number;
  /** Whether the template knows the role; otherwise instructions open the user's turn. */
  readonly #takesSystem: boolean;
  /** What the template writes behind an action, with the end of turn; empty where it writes none. */
  readonly #closing: string;

  /** Throws `ConfigError` where a plain conversation cannot be rendered, or nothing ends an assistant message. */
  constructor(
    tokenizer: PolicyTokenizer,
    { source, tokens, where, endsOfText, vocabSize }: TemplateSettings,
  ) {
    this.#tokenizer = tokenizer;
    this.#template = new ChatTemplate(source, tokens, where);
    this.#vocabSize = vocabSize;
    const refused = (reason: string, cause?: unknown) =>
      new ConfigError(
        `${where}: ${reason}. Mend the template, or say how conversations are written in a "swirl" section of tokenizer_config.json.`,
        { cause },
      );
    try {
      this.#probe('user', 'assistant', 'user');
    } catch (cause) {
      throw refused((cause as Error).message, cause);
    }
    this.#takesSystem = this.#attempt('system', 'user')?.some(isContentOf(0)) ?? false;
    const { closing, end } = this.#endOfTurn();
    const endOfTurn = end ?? tokenizer.id(tokens.eos_token ?? '') ?? endsOfText[0];
    if (endOfTurn === undefined || !tokenizer.specialIds.has(endOfTurn))
      throw refused('expected a special token behind an assistant message, or an "eos_token", found neither');
    this.#closing = closing;
    this.endOfTurn = endOfTurn;
    this.stopTokens = [...new Set([endOfTurn, ...endsOfText])];
  }

  render(messages: readonly Message[], { open = false }: { readonly open?: boolean } = {}): Rendering {
    const last = messages.at(-1);
    const action = !open && last?.role === 'assistant' ? last : null;
    const before = action === null ? messages : messages.slice(0, -1);
    const runs = new TokenRuns(this.#tokenizer);
    const spans: AssistantSpan[] = [];
    if (messages.length > 0 || open) this.#appendAll(before, open || action !== null, { runs, spans });
    if (action !== null) {
      const closed = this.#appendAction({ ...action, index: before.length }, { runs, spans });
      if (!closed) runs.template(this.#closing);
    }
    return { ids: [...runs.ids()], spans };
  }

  #appendAll(messages: readonly Message[], open: boolean, into: Into): void {
    const shown = this.#shown(messages);
    const pieces = piecesOf(this.#template, shown, { open });
    /** Whether the next piece of the template begins with what the message before it ends with already. */
    let closed = false;
    for (const piece of pieces) {
      if (piece.kind === 'template') {
        const { text } = piece;
        const repeats = closed && this.#closing !== '' && text.startsWith(this.#closing);
        into.runs.template(repeats ? text.slice(this.#closing.length) : text);
        closed = false;
        continue;
      }
      const message = shown[piece.message];
      if (message.role !== 'assistant') into.runs.text(piece.text);
      else if (piece.text.trim() === message.content.trim()) closed = this.#appendAction(message, into);
      else into.runs.text(piece.text);
    }
  }

  /** Appends recorded ids, or those of the text with its closing. Returns whether they end the turn. */
  #appendAction(
    { content, tokens, index }: Pick<Message, 'content' | 'tokens'> & { index: number },
    into: Into,
  ): boolean {
    const { runs, spans } = into;
    const start = runs.ids().length;
    if (tokens) {
      checkRecorded(tokens, this.#vocabSize);
      runs.tokens(tokens);
    } else {
      runs.tokens(this.#tokenizer.encode(content, { continues: start > 0 }));
      if (this.#closing === '') runs.tokens([this.endOfTurn]);
      else runs.template(this.#closing);
    }
    spans.push({ message: index, start, end: runs.ids().length });
    return tokens ? this.stopTokens.includes(tokens[tokens.length - 1]) : true;
  }

  /** The messages in roles that the template knows. */
  #shown(messages: readonly Message[]): Shown[] {
    const all = messages.map(
      ({ role, content, tokens }, index): Shown => ({ role, content, tokens: tokens ?? null, index }),
    );
    const [system, next] = all;
    if (system?.role !== 'system' || this.#takesSystem) return all;
    if (next?.role !== 'user') return all.with(0, { ...system, role: 'user' });
    return [{ ...next, content: `${system.content}\n\n${next.content}` }, ...all.slice(2)];
  }

  /** What stands behind the last assistant message, up to its first special token, and that token. */
  #endOfTurn(): { readonly closing: string; readonly end: number | null } {
    const pieces = this.#attempt('user', 'assistant') ?? this.#probe('user', 'assistant', 'user');
    const behind = pieces[pieces.findIndex(isContentOf(1)) + 1];
    if (behind?.kind !== 'template') return { closing: '', end: null };
    let closing = '';
    for (const part of this.#tokenizer.splitTemplate(behind.text)) {
      if (typeof part !== 'string') return { closing: closing + part.content, end: part.id };
      closing += part;
    }
    return { closing: '', end: null };
  }

  #probe(...roles: TemplateMessage['role'][]): Piece[] {
    const messages = roles.map((role, i) => ({ role, content: `message ${i}` }));
    return piecesOf(this.#template, messages, { open: roles.at(-1) !== 'assistant' });
  }

  #attempt(...roles: TemplateMessage['role'][]): Piece[] | undefined {
    try {
      return this.#probe(...roles);
    } catch (error) {
      if (error instanceof ModelError) return undefined;
      throw error;
    }
  }
}

interface Into {
  readonly runs: TokenRuns;
  readonly spans: AssistantSpan[];
}

function isContentOf(message: number): (piece: Piece) => boolean {
  return (piece) => piece.kind === 'content' && piece.message === message;
}
