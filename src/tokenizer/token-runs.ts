/**
 * Builds token ids from text, special tokens and recorded ids. What lies between two special tokens is
 * tokenized as one run of text, wherever its parts come from: so do transformers, and the ids of "user\n" and
 * a question depend on each other.
 */
import type { PolicyTokenizer } from './tokenizer.ts';

export class TokenRuns {
  readonly #tokenizer: PolicyTokenizer;
  readonly #ids: number[] = [];
  /** Text that is not yet tokenized. */
  #text = '';
  /** Whether the last special token takes the white space after it. */
  #takesSpace = false;

  constructor(tokenizer: PolicyTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Text from outside: special tokens in it are spelled out. */
  text(text: string): void {
    this.#text += text;
  }

  /** A template's text, in which special tokens are themselves. */
  template(text: string): void {
    for (const part of this.#tokenizer.splitTemplate(text)) {
      if (typeof part === 'string') {
        this.#text += part;
        continue;
      }
      if (part.lstrip) this.#text = this.#text.trimEnd();
      this.tokens([part.id]);
      this.#takesSpace = part.rstrip;
    }
  }

  /** Ids as they are; text does not run across them. */
  tokens(ids: readonly number[]): void {
    this.#flush();
    // One by one, not by spreading: an observation may be longer than a call's arguments may be.
    for (const id of ids) this.#ids.push(id);
    this.#takesSpace = false;
  }

  /** All ids so far. Text that follows is a run of its own. */
  ids(): readonly number[] {
    this.#flush();
    return this.#ids;
  }

  #flush(): void {
    const text = this.#takesSpace ? this.#text.trimStart() : this.#text;
    this.#text = '';
    if (text === '') return;
    this.#takesSpace = false;
    const ids = this.#tokenizer.encode(text, { continues: this.#ids.length > 0 });
    for (const id of ids) this.#ids.push(id);
  }
}
