/** Opens the door of paid requests of one run, or of a command that is none. */
import { join } from 'node:path';
import { TransportError } from '../errors.ts';
import { AnswerCache } from './answer-cache.ts';
import type { CacheConfig } from './cache-config.ts';
import { type Account, accountsIn, type Ledger, ledgerIn, ledgerInMemory } from './ledger.ts';
import { Paying } from './paying.ts';
import type { Budget, Prices } from './spending-config.ts';
import { type Spending, spendingOf } from './spent.ts';
import { Store } from './store.ts';

const LEDGER_MARK = 'swirl ledger 1';

/** What matters here of a topology. */
export interface SpendingSettings {
  /** Where the runs live. */
  readonly folder: string;
  readonly cache: CacheConfig;
  readonly prices: Prices;
  readonly budget: Budget;
}

export interface OpenSpendingOptions {
  /** The folder of the run that pays; null: of none, so that the sums end with the process. */
  readonly run: string | null;
  readonly notify: (message: string) => void;
}

export interface OpenSpending {
  readonly paying: Paying;
  close(): void;
}

/** Nothing is opened, or made, before the first request. */
export function openSpending(
  { folder, cache, prices, budget }: SpendingSettings,
  { run, notify }: OpenSpendingOptions,
): OpenSpending {
  let answers: AnswerCache | null | undefined;
  let ledger: Ledger | undefined;
  const openAnswers = (): AnswerCache | null => {
    if (!cache.enabled) return null;
    try {
      const { maxBytes } = cache;
      return AnswerCache.open({ folder: cacheFolder({ folder, cache }), maxBytes, notify });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      notify(`${error.message}; answers are not kept (key \`cache\`)`);
      return null;
    }
  };
  const openLedger = (): Ledger =>
    run === null
      ? ledgerInMemory()
      : ledgerIn(Store.open({ folder: ledgerFolder(run), mark: LEDGER_MARK, notify }));
  const paying = new Paying({
    cache: () => {
      if (answers === undefined) answers = openAnswers();
      return answers;
    },
    ledger: () => {
      ledger ??= openLedger();
      return ledger;
    },
    accounts: () => ledger?.accounts() ?? (run === null ? [] : accountsOf(run)),
    ...{ prices, notify },
    budget: run === null ? null : budget,
  });
  return {
    paying,
    close: () => {
      answers?.close();
      ledger?.close();
      [answers, ledger] = [null, ledgerInMemory()];
    },
  };
}

/** Where the answers of a topology are kept. */
export function cacheFolder({ folder, cache }: Pick<SpendingSettings, 'folder' | 'cache'>): string {
  return cache.folder ?? join(folder, '.answers');
}

/** Accounts of a run; none where nothing was asked. */
export function accountsOf(run: string): readonly Account[] {
  return Store.look(ledgerFolder(run), accountsIn) ?? [];
}

/** What a run has spent, by its folder. */
export function spendingIn(run: string, prices: Prices): Spending {
  return spendingOf(accountsOf(run), prices);
}

function ledgerFolder(run: string): string {
  return join(run, 'ledger');
}
