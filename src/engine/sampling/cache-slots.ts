/**
 * The slots of a key-value cache. A slot keeps its keys and values when its sample has finished, so that a
 * prompt which begins with the same tokens (the next turn of the same trajectory) is fed only from where it
 * differs.
 *
 * A layer with a sliding window keeps its last rows in a ring. What a ring has lost cannot be used again, so
 * a slot remembers how far it was ever written.
 */
import type { DecoderConfig } from '../config.ts';

export interface CacheLimits {
  /** Most tokens of a slot: context plus completion. */
  readonly maxLength: number;
  /** Most tokens that are fed to a slot in one step. */
  readonly chunk: number;
}

/**
 * Rows of keys and values that a layer keeps for each slot; position p is in row p % rows. A step writes its
 * chunk before the first of the chunk's tokens looks back over its window, so a ring has room for both.
 */
export function cacheRows(
  config: Pick<DecoderConfig, 'windows'>,
  layer: number,
  { maxLength, chunk }: CacheLimits,
): number {
  const window = config.windows[layer];
  return window === null ? maxLength : Math.min(maxLength, window + chunk);
}

/** A slot that was taken for a prompt, and how many of the prompt's tokens its cache holds. */
export interface TakenSlot {
  readonly slot: number;
  readonly reused: number;
}

/** What a free slot's cache holds. */
interface Remains<Version> {
  readonly slot: number;
  /** Tokens of positions 0, 1, ... */
  readonly tokens: readonly number[];
  /** Weights that the keys and values were computed with. */
  readonly version: Version | undefined;
  /** Positions below this were written, by these tokens or by others before them. */
  readonly written: number;
}

export class CacheSlots<Version> {
  /** Longest unused first. */
  #free: Remains<Version>[];
  /** `written` of the slots in use, as it was when they were taken. */
  readonly #written = new Map<number, number>();
  /** Window and rows of every kind of ring. */
  readonly #rings: readonly { readonly window: number; readonly rows: number }[];
  readonly #reuse: boolean;

  constructor(
    config: Pick<DecoderConfig, 'windows'>,
    options: CacheLimits & { readonly slots: number; readonly reuse: boolean },
  ) {
    this.#reuse = options.reuse;
    this.#free = Array.from({ length: options.slots }, (_, slot) => ({
      ...{ slot, tokens: [], version: undefined, written: 0 },
    }));
    this.#rings = config.windows.flatMap((window, layer) =>
      window === null ? [] : [{ window, rows: cacheRows(config, layer, options) }],
    );
  }

  get free(): number {
    return this.#free.length;
  }

  /**
   * A slot for each prompt; at most as many prompts as slots are free. The longest usable beginning chooses
   * first, where it is at least half of what the slot holds: of a shared system prompt alone more would be
   * lost than gained. All others take the slot that was unused for longest.
   */
  take(prompts: readonly (readonly number[])[], version: Version): TakenSlot[] {
    const taken = new Map<number, TakenSlot>();
    const pairs = prompts.flatMap((prompt, index) =>
      this.#free.map((remains, age) => {
        const reused = this.#usable(remains, prompt, version);
        return { index, age, remains, reused, worth: 2 * reused >= remains.tokens.length ? reused : 0 };
      }),
    );
    pairs.sort((a, b) => b.worth - a.worth || a.index - b.index || a.age - b.age);
    const used = new Set<Remains<Version>>();
    for (const { index, remains, reused } of pairs) {
      if (taken.has(index) || used.has(remains)) continue;
      taken.set(index, { slot: remains.slot, reused });
      used.add(remains);
      // From the start again, the rings hold nothing that counts.
      this.#written.set(remains.slot, reused === 0 ? 0 : remains.written);
    }
    this.#free = this.#free.filter((remains) => !used.has(remains));
    return prompts.map((_, index) => taken.get(index) as TakenSlot);
  }

  /** Frees a slot that holds the keys and values of these tokens, computed with these weights. */
  leave(slot: number, tokens: readonly number[], version: Version): void {
    const written = Math.max(this.#written.get(slot) ?? 0, tokens.length);
    this.#written.delete(slot);
    this.#free.push({ slot, tokens, version, written });
  }

  /** Frees a slot of which one does not know what it holds. */
  discard(slot: number): void {
    this.#written.delete(slot);
    this.#free.push({ slot, tokens: [], version: undefined, written: 0 });
  }

  /** How many of the prompt's first tokens need not be fed. The last one must be: its logits are wanted. */
  #usable(
    { tokens, version, written }: Remains<Version>,
    prompt: readonly number[],
    wanted: Version,
  ): number {
    if (!this.#reuse || version !== wanted) return 0;
    const most = Math.min(tokens.length, prompt.length - 1);
    let common = 0;
    while (common < most && tokens[common] === prompt[common]) common++;
    // The next token looks back to position common - window + 1; rings hold the positions from written - rows
    // on.
    const held = this.#rings.every(({ window, rows }) => Math.max(0, common - window + 1) >= written - rows);
    return held ? common : 0;
  }
}
