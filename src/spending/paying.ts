/** The door of paid requests at work: kept answers, the ledger, and the budget. */
import type { Asking, Paid, PaidRequest } from '../agent/paid.ts';
import { OutOfBudget } from '../errors.ts';
import { type AnswerCache, requestHash } from './answer-cache.ts';
import type { Account, Ledger } from './ledger.ts';
import type { Budget, Prices } from './spending-config.ts';
import { checkBudget, type Spending, spendingOf } from './spent.ts';

export interface PayingDeps {
  /** Null: nothing is kept. */
  readonly cache: () => AnswerCache | null;
  readonly ledger: () => Ledger;
  /** What is in the ledger; one that was never written to is not made for that. */
  readonly accounts: () => readonly Account[];
  readonly prices: Prices;
  /** Null: anything may be spent. */
  readonly budget: Budget | null;
  readonly notify: (message: string) => void;
}

export class Paying implements Paid {
  readonly #deps: PayingDeps;
  readonly #spent = new AbortController();
  /** Requests under way whose answers are to be kept: who asks the same meanwhile waits for it. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(deps: PayingDeps) {
    this.#deps = deps;
  }

  /** Aborts, with its `OutOfBudget` as the reason, when the budget is spent. */
  get spent(): AbortSignal {
    return this.#spent.signal;
  }

  spending(): Spending {
    return spendingOf(this.#deps.accounts(), this.#deps.prices);
  }

  async ask<T>(request: PaidRequest, asking: Asking<T>): Promise<T> {
    const cache = request.key === null ? null : this.#deps.cache();
    if (request.key === null || cache === null) return (await this.#send(request, asking)).value;
    const hash = requestHash(request.key);
    const name = hash.toString('base64');
    for (;;) {
      const before = this.#underWay.get(name);
      if (before === undefined) break;
      await before;
    }
    const kept = await this.#kept(request, { cache, hash, asking });
    if (kept !== null) return kept.value;
    const later = this.#underWay.get(name);
    if (later !== undefined) return this.ask(request, asking);
    const sending = this.#send(request, asking);
    const done = sending
      .then(async ({ text, keep }) => {
        if (keep) await cache.put(hash, text);
      })
      .catch(() => {})
      .finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, done);
    const { value } = await sending;
    // What was paid for is written before anything is made of it.
    await done;
    return value;
  }

  /** The kept answer, if it can be read: an earlier version may have read more than this one. */
  async #kept<T>(
    request: PaidRequest,
    {
      cache,
      hash,
      asking,
    }: { readonly cache: AnswerCache; readonly hash: Buffer; readonly asking: Asking<T> },
  ): Promise<{ readonly value: T } | null> {
    const text = cache.get(hash);
    if (text === null) return null;
    try {
      const { value, keep } = await asking.read(text);
      if (keep) {
        await this.#deps.ledger().kept(request);
        return { value };
      }
    } catch (error) {
      this.#deps.notify(
        `a kept answer of ${request.model} cannot be used, and is asked for again: ${(error as Error).message}`,
      );
    }
    await cache.drop(hash);
    return null;
  }

  async #send<T>(
    request: PaidRequest,
    { send, read, usage }: Asking<T>,
  ): Promise<{ readonly text: string; readonly value: T; readonly keep: boolean }> {
    const ledger = this.#deps.ledger();
    await this.#begin(request, ledger);
    let text: string;
    try {
      text = await send();
    } catch (error) {
      await ledger.failed(request);
      throw error;
    }
    await ledger.answered(request, usage?.(text) ?? null);
    return { text, ...(await read(text)) };
  }

  async #begin(request: PaidRequest, ledger: Ledger): Promise<void> {
    const { budget, prices, notify } = this.#deps;
    // The first reason is the one that is told and thrown.
    if (this.#spent.signal.aborted) throw this.#spent.signal.reason;
    try {
      await ledger.begin(request, (accounts) => {
        if (budget !== null) checkBudget(request.stage, { accounts, budget, prices });
      });
    } catch (error) {
      if (!(error instanceof OutOfBudget)) throw error;
      if (this.#spent.signal.aborted) throw this.#spent.signal.reason;
      notify(`${error.message}: stopping; what is committed is kept, and the next run goes on from there`);
      this.#spent.abort(error);
      throw error;
    }
  }
}
