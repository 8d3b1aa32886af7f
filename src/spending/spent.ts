/** What a ledger comes to: sums, money, and whether a budget is spent. */

import type { Usage } from '../agent/paid.ts';
import { OutOfBudget } from '../errors.ts';
import { type Account, sumOf } from './ledger.ts';
import type { Budget, Prices } from './spending-config.ts';

/** What some requests have cost. */
export interface Spent {
  /** Requests that were sent. */
  readonly requests: number;
  /** Requests that were not sent, since the answer was kept. */
  readonly kept: number;
  readonly failed: number;
  /** Sent, and neither answered nor failed: under way, or lost with a process. */
  readonly open: number;
  /** Answers that did not say what they took. */
  readonly unmetered: number;
  readonly usage: Usage;
  /** By the price list; null where it has none of these. */
  readonly money: number | null;
}

/** One line of the ledger, with its money. */
export interface SpentBy extends Spent {
  readonly stage: string;
  readonly model: string;
}

/** All of a run. */
export interface Spending {
  readonly currency: string;
  readonly total: Spent;
  /** By stage and model. */
  readonly by: readonly SpentBy[];
  /** Models and tools that were asked and have no price. */
  readonly unpriced: readonly string[];
}

const NOTHING: Spent = {
  ...{ requests: 0, kept: 0, failed: 0, open: 0, unmetered: 0, money: null },
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
};

export function spendingOf(accounts: readonly Account[], prices: Prices): Spending {
  const by = accounts.map((account) => ({
    ...{ stage: account.stage, model: account.model },
    ...spentOn(account, prices),
  }));
  const unpriced = by.filter(({ money, requests }) => money === null && requests > 0);
  return {
    currency: prices.currency,
    total: by.reduce<Spent>(add, NOTHING),
    by,
    unpriced: [...new Set(unpriced.map(({ model }) => model))],
  };
}

function spentOn(
  { kind, model, sent, answered, failed, kept, unmetered, usage }: Account,
  prices: Prices,
): Spent {
  const money = moneyFor({ kind, usage, requests: sent }, { prices, model });
  return { requests: sent, kept, failed, open: sent - answered - failed, unmetered, usage, money };
}

/** What tokens and requests of a model, or calls of a tool, cost; null where the list has no price of it. */
export function moneyFor(
  { kind, usage, requests }: Pick<Account, 'kind' | 'usage'> & { readonly requests: number },
  { prices: { models, tools }, model }: { readonly prices: Prices; readonly model: string },
): number | null {
  const call = kind === 'tool' && Object.hasOwn(tools, model) ? tools[model] : undefined;
  if (call !== undefined) return requests * call.call;
  const price = kind === 'model' && Object.hasOwn(models, model) ? models[model] : undefined;
  if (price === undefined) return null;
  const { input, cachedInput, output, request } = price;
  const fresh = Math.max(0, usage.input - usage.cachedInput);
  const tokens = fresh * input + usage.cachedInput * (cachedInput ?? input) + usage.output * output;
  return tokens / 1e6 + requests * request;
}

function add(a: Spent, b: Spent): Spent {
  return {
    requests: a.requests + b.requests,
    kept: a.kept + b.kept,
    failed: a.failed + b.failed,
    open: a.open + b.open,
    unmetered: a.unmetered + b.unmetered,
    usage: sumOf(a.usage, b.usage),
    money: a.money === null && b.money === null ? null : (a.money ?? 0) + (b.money ?? 0),
  };
}

/** Throws `OutOfBudget` where one more request for a stage is more than the budget allows. */
export function checkBudget(
  stage: string,
  {
    accounts,
    budget,
    prices,
  }: { readonly accounts: readonly Account[]; readonly budget: Budget; readonly prices: Prices },
): void {
  const { stages, ...whole } = budget;
  const own = Object.hasOwn(stages, stage) ? stages[stage] : undefined;
  const sums = (of: readonly Account[]) => spendingOf(of, prices);
  const spent = [
    ['budget', whole, accounts],
    [`budget.stages.${stage}`, own, accounts.filter((account) => account.stage === stage)],
  ] as const;
  for (const [name, limits, of] of spent) {
    if (limits === undefined) continue;
    const { total, currency } = sums(of);
    const tokens = total.usage.input + total.usage.output;
    const over = [
      ['requests', limits.requests, total.requests, ''],
      ['tokens', limits.tokens, tokens, ''],
      ['money', limits.money, total.money ?? 0, ` ${currency}`],
    ] as const;
    for (const [what, most, found, unit] of over) {
      if (most === null || found < most) continue;
      const shown = Number(found.toPrecision(6));
      throw new OutOfBudget(`${name}.${what}: ${shown}${unit} of ${most}${unit} are spent`);
    }
  }
}
