/**
 * What a run has spent: requests and tokens by stage and model, kept in its folder. All processes of the run in this
 * folder write to it.
 *
 * A request is counted before it is sent, and its tokens when the answer is there. A crash in between leaves one that
 * was sent and not answered: it may have been paid for. Nothing is ever counted twice that was sent once.
 */
import type { PaidRequest, Usage } from '../agent/paid.ts';
import type { Store } from './store.ts';

/** What was asked of one model for one stage. */
export interface Account {
  readonly stage: string;
  readonly model: string;
  readonly kind: PaidRequest['kind'];
  /** Requests that were sent, or were about to be when a process ended. */
  readonly sent: number;
  /** Those that were answered. */
  readonly answered: number;
  /** Those that ended with an error. */
  readonly failed: number;
  /** Requests that were not sent, since the answer was kept. */
  readonly kept: number;
  /** Answers that did not say what they took. */
  readonly unmetered: number;
  /** What the answers took. */
  readonly usage: Usage;
}

type Who = Pick<PaidRequest, 'stage' | 'model' | 'kind'>;

const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const ACCOUNTS = Buffer.from([1]);
const AFTER = Buffer.from([2]);
/** Models and stages are few. */
const MOST_ACCOUNTS = 10_000;

/** Where accounts are kept. */
export interface Ledger {
  /** Counts one that is to be sent, if `allowed` of what there is throws nothing. */
  begin(who: Who, allowed: (accounts: readonly Account[]) => void): Promise<void>;
  answered(who: Who, usage: Usage | null): Promise<void>;
  failed(who: Who): Promise<void>;
  kept(who: Who): Promise<void>;
  accounts(): readonly Account[];
  close(): void;
}

/** A ledger that ends with the process: of evaluations, which are no runs. */
export function ledgerInMemory(): Ledger {
  const all = new Map<string, Account>();
  const change = async (who: Who, to: (account: Account) => Account) => {
    const key = nameOf(who);
    all.set(key, to(all.get(key) ?? emptyAccount(who)));
  };
  return {
    ...changes(change),
    begin: async (who, allowed) => {
      allowed([...all.values()]);
      await change(who, (account) => ({ ...account, sent: account.sent + 1 }));
    },
    accounts: () => [...all.values()],
    close: () => {},
  };
}

/** The ledger in a store, which it closes. */
export function ledgerIn(store: Store): Ledger {
  const put = (who: Who, to: (account: Account) => Account) => {
    const key = keyOf(who);
    const before = store.inWrite(key);
    const account = before === undefined ? emptyAccount(who) : (JSON.parse(before.toString()) as Account);
    store.put(key, Buffer.from(JSON.stringify(to(account))));
  };
  const accounts = () => accountsIn(store);
  return {
    ...changes((who, to) => store.write(() => put(who, to))),
    begin: async (who, allowed) => {
      const refused = await store.write(() => {
        try {
          allowed(accounts());
        } catch (error) {
          return { error };
        }
        put(who, (account) => ({ ...account, sent: account.sent + 1 }));
        return null;
      });
      if (refused !== null) throw refused.error;
    },
    accounts: () => store.read(accounts),
    close: () => store.close(),
  };
}

/** What is in the store, within a read or a write of it. */
export function accountsIn(store: Store): Account[] {
  const found = store.range(ACCOUNTS, AFTER, MOST_ACCOUNTS);
  return found.map(({ value }) => JSON.parse(value.toString()) as Account);
}

function changes(change: (who: Who, to: (account: Account) => Account) => Promise<void>) {
  return {
    answered: (who: Who, usage: Usage | null) =>
      change(who, (account) => ({
        ...account,
        answered: account.answered + 1,
        unmetered: account.unmetered + Number(usage === null && who.kind === 'model'),
        usage: sumOf(account.usage, usage ?? NO_USAGE),
      })),
    failed: (who: Who) => change(who, (account) => ({ ...account, failed: account.failed + 1 })),
    kept: (who: Who) => change(who, (account) => ({ ...account, kept: account.kept + 1 })),
  };
}

/** The sum of two. */
export function sumOf(a: Usage, b: Usage): Usage {
  return {
    input: a.input + b.input,
    cachedInput: a.cachedInput + b.cachedInput,
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
  };
}

function emptyAccount({ stage, model, kind }: Who): Account {
  return { stage, model, kind, sent: 0, answered: 0, failed: 0, kept: 0, unmetered: 0, usage: NO_USAGE };
}

function nameOf({ stage, kind, model }: Who): string {
  return `${stage}\0${kind}\0${model}`;
}

/** LMDB's keys have at most 1978 bytes. */
function keyOf(who: Who): Buffer {
  return Buffer.concat([ACCOUNTS, Buffer.from(nameOf(who)).subarray(0, 1900)]);
}
