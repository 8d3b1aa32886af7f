/** Which text each token of an action stands for, by the tokenizer of the run's local policy. */
import { openDecoder, openLanguageOf } from '../checkpoint/folder.ts';
import type { PolicyTokenizer } from '../tokenizer/tokenizer.ts';
import type { Topology } from '../topology/topology.ts';

/** Tokens of an action that are shown by themselves. */
const MOST_TOKENS = 4000;

export class TokenPieces {
  readonly #checkpoint: string | null;
  #tokenizer: Promise<PolicyTokenizer | null> | null = null;

  constructor({ policy, learner }: Pick<Topology, 'policy' | 'learner'>) {
    this.#checkpoint = policy.kind === 'local' ? policy.checkpoint : (learner?.checkpoint ?? null);
  }

  /** Null where there is no tokenizer, any more or here. */
  async of(tokens: readonly number[]): Promise<string[] | null> {
    this.#tokenizer ??= this.#open();
    const tokenizer = await this.#tokenizer;
    if (tokenizer === null) return null;
    return tokens.slice(0, MOST_TOKENS).map((token, i) => {
      // With the token before it: what stands at the beginning of a text loses its space.
      const before = i === 0 ? [] : [tokens[i - 1] as number];
      return tokenizer.decode([...before, token]).slice(tokenizer.decode(before).length);
    });
  }

  async #open(): Promise<PolicyTokenizer | null> {
    if (this.#checkpoint === null) return null;
    try {
      return (await openLanguageOf(await openDecoder(this.#checkpoint)))?.tokenizer ?? null;
    } catch {
      // The folder was moved since: tokens are shown by their ids.
      return null;
    }
  }
}
