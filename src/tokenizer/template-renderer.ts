/**
 * Renders conversations by a checkpoint's own chat template. Special tokens come from the template alone, an
 * assistant message stands as it was recorded, and an action stands after what it was sampled from: the
 * rendering of the messages before it with the template's generation prompt. A template that rewrites what
 * was said (Qwen 3 drops old reasoning) is followed; then renderings are no prefixes of each other, which
 * training sees in the ids (`train/packing.ts`).
 */

import type { Message } from '../agent/model.ts';
import { withReasoning } from '../agent/thinking.ts';
import { ConfigError, ModelError } from '../errors.ts';
import { ChatTemplate, type TemplateMessage } from './chat-template.ts';
import { type AssistantSpan, checkRecorded, type Renderer, type Rendering } from './render.ts';
import { type Piece, piecesOf } from './template-pieces.ts';
import type { TemplateVariables } from './template-variables.ts';
import { TokenRuns } from './token-runs.ts';
import type { PolicyTokenizer } from './tokenizer.ts';

export interface TemplateSettings {
  readonly source: string;
  /** `bos_token`, `eos_token` and others, by those names. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Names the template in errors. */
  readonly where: string;
  readonly variables?: TemplateVariables;
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
  /** White space that the template writes before an action, but not where one is to be sampled. */
  readonly #lead: string;
  /** What the template writes after an action, with the end of turn; empty where it writes none. */
  readonly #closing: string;

  /**
   * Throws `ConfigError` where a plain conversation cannot be rendered, or nothing ends an assistant message.
   */
  constructor(
    tokenizer: PolicyTokenizer,
    { source, tokens, where, endsOfText, vocabSize, variables = {} }: TemplateSettings,
  ) {
    this.#tokenizer = tokenizer;
    this.#template = new ChatTemplate(source, { tokens, where, variables });
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
    const { lead, closing, end } = this.#aroundActions();
    this.#lead = lead;
    const endOfTurn = end ?? tokenizer.id(tokens.eos_token ?? '') ?? endsOfText[0];
    if (endOfTurn === undefined || !tokenizer.specialIds.has(endOfTurn))
      throw refused('expected a special token after an assistant message, or an "eos_token", found neither');
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
      const { role, tokens = null } = action;
      const shown = { role, content: withReasoning(action), tokens, index: before.length };
      const closed = this.#appendAction(shown, { runs, spans });
      if (!closed) runs.template(this.#closing);
    }
    return { ids: [...runs.ids()], spans };
  }

  #appendAll(messages: readonly Message[], open: boolean, into: Into): void {
    const shown = this.#shown(messages);
    const pieces = piecesOf(this.#template, shown, { open });
    /** Whether the next piece of the template begins with what the message before it ends with already. */
    let closed = false;
    for (const [i, piece] of pieces.entries()) {
      if (piece.kind === 'template') {
        const next = pieces[i + 1];
        const action = next?.kind === 'content' && isAction(shown[next.message], next.text);
        const start = closed && piece.text.startsWith(this.#closing) ? this.#closing.length : 0;
        const end = action && piece.text.endsWith(this.#lead) ? -this.#lead.length : 0;
        into.runs.template(piece.text.slice(start, end || undefined));
        closed = false;
      } else if (isAction(shown[piece.message], piece.text)) {
        closed = this.#appendAction(shown[piece.message], into);
      } else {
        const { content } = shown[piece.message];
        // What a template adds to a certain content is not spelled out: that content is written as any other.
        into.runs.text(this.#specialsIn(piece.text) > this.#specialsIn(content) ? content : piece.text);
      }
    }
  }

  /** Appends recorded ids, or those of the text with its closing. Returns whether they end the turn. */
  #appendAction({ content, tokens, index }: Shown, { runs, spans }: Into): boolean {
    const start = runs.ids().length;
    if (tokens) {
      checkRecorded(tokens, this.#vocabSize);
      runs.tokens(tokens);
    } else {
      runs.text(this.#lead + content);
      runs.template(this.#closing);
      if (this.#closing === '') runs.tokens([this.endOfTurn]);
    }
    spans.push({ message: index, start, end: runs.ids().length });
    return tokens ? this.stopTokens.includes(tokens[tokens.length - 1]) : true;
  }

  #specialsIn(text: string): number {
    return this.#tokenizer.splitTemplate(text).filter((part) => typeof part !== 'string').length;
  }

  /** The messages in roles that the template knows. */
  #shown(messages: readonly Message[]): Shown[] {
    const all = messages.map(
      (message, index): Shown => ({
        ...{ role: message.role, content: withReasoning(message), tokens: message.tokens ?? null, index },
      }),
    );
    const [system, next] = all;
    if (system?.role !== 'system' || this.#takesSystem) return all;
    if (next?.role !== 'user') return all.with(0, { ...system, role: 'user' });
    return [{ ...next, content: `${system.content}\n\n${next.content}` }, ...all.slice(2)];
  }

  /**
   * What stands before and after an assistant message, the latter up to its first special token, and that
   * token.
   */
  #aroundActions(): { readonly lead: string; readonly closing: string; readonly end: number | null } {
    const pieces = this.#attempt('user', 'assistant') ?? this.#probe('user', 'assistant', 'user');
    const at = pieces.findIndex(isContentOf(1));
    const [before, after] = [pieces[at - 1], pieces[at + 1]];
    const sampled = this.#attempt('user')?.at(-1);
    const known = sampled?.kind === 'template' ? sampled.text : '';
    const written = before?.kind === 'template' ? before.text : '';
    const more = written.startsWith(known) ? written.slice(known.length) : '';
    const lead = more.trim() === '' ? more : '';
    let closing = '';
    for (const part of after?.kind === 'template' ? this.#tokenizer.splitTemplate(after.text) : []) {
      if (typeof part !== 'string') return { lead, closing: closing + part.content, end: part.id };
      closing += part;
    }
    return { lead, closing: '', end: null };
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

/** Whether an assistant message is shown as it was written, but for white space around it; not rewritten. */
function isAction({ role, content }: TemplateMessage, shown: string): boolean {
  return role === 'assistant' && shown.trim() === content.trim();
}
