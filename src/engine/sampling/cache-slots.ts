/**
 * The slots of a key-value cache. A slot keeps its keys and values when its sample has finished, so that a
 * prompt which begins with the same tokens (the next turn of the same trajectory) is fed only from where it
 * differs; and what another slot holds of a prompt (another rollout of the same question, the same
 * instructions) is copied from there.
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

/**
 * The fewest tokens for which keys and values are copied from another slot: a copy has a cost of its own, layer by
 * layer.
 */
const fewestCopied = 16;

/** The first `count` positions of a slot, to be copied to another's; of a layer's ring all of its rows. */
export interface CacheCopy {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** What a slot in use holds of a prompt, computed with the same weights. */
export interface Held {
  readonly slot: number;
  /** How many tokens it was fed by now. */
  readonly fed: number;
  /** How many of those the prompt begins with, its last token left out. */
  readonly common: number;
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
    const used = new Set<Remains<Version>>();
    const give = (index: number, remains: Remains<Version>, reused: number) => {
      taken.set(index, { slot: remains.slot, reused });
      used.add(remains);
      // From the start again, the rings hold nothing that counts.
      this.#written.set(remains.slot, reused === 0 ? 0 : remains.written);
    };
    const pairs: { index: number; age: number; remains: Remains<Version>; reused: number }[] = [];
    for (const [index, prompt] of prompts.entries()) {
      for (const [age, remains] of this.#free.entries()) {
        const reused = this.#usable(remains, prompt, version);
        if (reused > 0 && 2 * reused >= remains.tokens.length) pairs.push({ index, age, remains, reused });
      }
    }
    pairs.sort((a, b) => b.reused - a.reused || a.index - b.index || a.age - b.age);
    for (const { index, remains, reused } of pairs)
      if (!taken.has(index) && !used.has(remains)) give(index, remains, reused);
    const oldest = this.#free.filter((remains) => !used.has(remains)).values();
    for (const [index, prompt] of prompts.entries()) {
      if (taken.has(index)) continue;
      const { value: remains } = oldest.next();
      if (remains) give(index, remains, this.#usable(remains, prompt, version));
    }
    this.#free = this.#free.filter((remains) => !used.has(remains));
    return prompts.map((_, index) => taken.get(index) as TakenSlot);
  }

  /** Frees a slot that holds the keys and values of these tokens, computed with these weights. */
  leave(slot: number, tokens: readonly number[], version: Version): void {
    const written = this.#writtenOf(slot, tokens.length);
    this.#written.delete(slot);
    this.#free.push({ slot, tokens, version, written });
  }

  /** Frees a slot of which one does not know what it holds. */
  discard(slot: number): void {
    this.#written.delete(slot);
    this.#free.push({ slot, tokens: [], version: undefined, written: 0 });
  }

  /**
   * The copy that spares a prompt the most, in a slot that holds `reused` of it by now: from a free slot, or from
   * one in use. Undefined where there is none worth its cost.
   */
  copyFor(
    { slot, reused }: TakenSlot,
    { prompt, version, inUse }: { prompt: readonly number[]; version: Version; inUse: readonly Held[] },
  ): CacheCopy | undefined {
    if (!this.#reuse) return undefined;
    let best: { readonly from: number; readonly count: number; readonly written: number } | undefined;
    const consider = (from: number, count: number, written: number) => {
      if (count - reused >= fewestCopied && count > (best?.count ?? 0)) best = { from, count, written };
    };
    for (const { slot: other, fed, common } of inUse) {
      const written = this.#writtenOf(other, fed);
      if (this.#holds(common, written)) consider(other, common, written);
    }
    for (const remains of this.#free)
      consider(remains.slot, this.#usable(remains, prompt, version), remains.written);
    if (!best) return undefined;
    this.#written.set(slot, best.written);
    return { from: best.from, to: slot, count: best.count };
  }

  /**
   * Whether it is worth waiting until a slot in use, which is being fed `prompt`, holds the first `common` tokens of
   * it, in the place of the `reused` that are held by now.
   */
  isWorthWaiting(slot: number, { common, reused }: { common: number; reused: number }): boolean {
    return (
      this.#reuse && common - reused >= fewestCopied && this.#holds(common, this.#writtenOf(slot, common))
    );
  }

  /** How far a slot in use was ever written, which is fed `count` tokens by now. */
  #writtenOf(slot: number, count: number): number {
    return Math.max(this.#written.get(slot) ?? 0, count);
  }

  /** How many of the prompt's first tokens need not be fed. The last one must be: its logits are wanted. */
  #usable(
    { tokens, version, written }: Remains<Version>,
    prompt: readonly number[],
    wanted: Version,
  ): number {
    if (!this.#reuse || version !== wanted) return 0;
    const common = commonTokens(tokens, prompt);
    return this.#holds(common, written) ? common : 0;
  }

  /**
   * Whether rings that were written up to `written` have what a token at position `count` looks back to: position
   * count - window + 1; they hold the positions from written - rows on.
   */
  #holds(count: number, written: number): boolean {
    return this.#rings.every(({ window, rows }) => Math.max(0, count - window + 1) >= written - rows);
  }
}

/**
 * How many tokens a prompt has in common with others, and with those `after` them, without its last one, which must
 * be fed.
 */
export function commonTokens(
  tokens: readonly number[],
  prompt: readonly number[],
  after: readonly number[] = [],
): number {
  const most = Math.min(tokens.length + after.length, prompt.length - 1);
  let common = 0;
  while (
    common < most &&
    (common < tokens.length ? tokens[common] : after[common - tokens.length]) === prompt[common]
  )
    common++;
  return common;
}
