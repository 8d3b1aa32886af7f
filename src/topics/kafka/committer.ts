/**
 * Commits exactly once, whatever breaks in between. Every commit stores, beside the progress and in the same
 * transaction, a token of its own. When a commit's outcome is unknown (the broker died, the answer was lost,
 * the producer was fenced), a new producer of the same transactional id ends whatever was open, and the token
 * that is stored then tells: this commit's, it went through; the one before it, it did not, and is done
 * again; any other, somebody else owns the partition. kafkajs knows nothing of group metadata in transactions
 * (KIP-447); this does not need it.
 */
import { sleep } from '../../clock.ts';
import { TransportError } from '../../errors.ts';
import type { StoredOffset } from './broker.ts';
import { isPassing, isRefused, isTooLarge, refusedOutput, transportError, typeOf } from './kafka-errors.ts';
import type { Link } from './link.ts';
import { fetchStableOffsets } from './offset-fetch.ts';
import { type Placed, type ProgressPlace, Transactor, unique } from './transactor.ts';

export interface CommitterOptions {
  readonly link: Link;
  readonly transactionalId: string;
  readonly place: ProgressPlace;
  readonly transactionMs: number;
  /** Stored with every token: which topic of that name it is. Without an `@`. */
  readonly mark?: string;
  /** For messages. */
  readonly what: string;
  /**
   * Asked before others are fenced: whether this process may still be the owner. Without it a worker that was
   * paused would fence the one that has taken over. It is no more than polite: the token decides.
   */
  readonly stillOwner?: () => Promise<boolean>;
}

/** Somebody else has committed, or may: this owner is none any more, and the work goes on elsewhere. */
export class NotOwner extends TransportError {
  constructor(message: string) {
    super(message, { retryable: true });
  }
}

export class Committer {
  readonly #options: CommitterOptions;
  readonly #transactor: Transactor;
  readonly #id = unique();
  #count = 0;
  /** The token that is stored; '' where nothing is. */
  #stored = '';
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: CommitterOptions) {
    const { link, transactionalId, transactionMs } = options;
    this.#options = options;
    this.#transactor = new Transactor(link, transactionalId, transactionMs);
  }

  /**
   * Takes the place over from whoever had it. Returns the progress that is committed, or null where there is
   * none, and the mark that is stored with it.
   */
  async take(
    signal: AbortSignal,
  ): Promise<{ readonly offset: number | null; readonly mark: string | undefined }> {
    const { link, what } = this.#options;
    return link.patiently(
      `taking over ${what}`,
      async () => {
        await this.#transactor.begin();
        const { offset, token } = await this.#read();
        this.#stored = token;
        return { offset, mark: token.split('@')[1] };
      },
      signal,
    );
  }

  /** Durable when it returns. Throws `NotOwner`, or another `TransportError` when nothing was committed. */
  commit(offset: number, records: readonly Placed[]): Promise<void> {
    const done = this.#queue.then(() => this.#commit(offset, records));
    this.#queue = done.catch(() => {});
    return done;
  }

  async #commit(offset: number, records: readonly Placed[]): Promise<void> {
    const { link, place, what, mark } = this.#options;
    const token = `${this.#id}/${++this.#count}${mark === undefined ? '' : `@${mark}`}`;
    const trying = `committing ${what}`;
    const { outageMs, closed, now } = link.options;
    let alone = false;
    for (const since = now(); ; ) {
      if (!this.#transactor.ready && (await this.#recover(token, trying))) return;
      try {
        await this.#transactor.run(records, { ...place, offset, token }, { alone });
        this.#stored = token;
        return;
      } catch (error) {
        closed.throwIfAborted();
        // A topic may allow single records that together are too large for it.
        if (isTooLarge(error) && !alone) {
          alone = true;
          continue;
        }
        if (now() - since > outageMs || (isRefused(error) && !isPassing(error))) {
          // Readers wait for what is open: end it, as far as that can be done.
          await this.#transactor.begin().catch(() => {});
          throw isTooLarge(error) ? refusedOutput(trying, error) : transportError(trying, error);
        }
        if (isPassing(error)) link.reset();
        await sleep(AGAIN_MS, closed);
      }
    }
  }

  /** Whether the commit with this token had gone through after all. Else it may be done again. */
  async #recover(token: string, trying: string): Promise<boolean> {
    const { link, what, stillOwner } = this.#options;
    if (stillOwner !== undefined && !(await link.patiently(trying, stillOwner))) {
      throw new NotOwner(`${what} has gone to another worker: nothing more was committed here.`);
    }
    const found = await link.patiently(trying, async () => {
      await this.#transactor.begin();
      return this.#read();
    });
    if (found.token !== token && found.token !== this.#stored) {
      throw new NotOwner(
        `${what} was committed by another worker meanwhile: nothing more was committed here.`,
      );
    }
    this.#stored = found.token;
    return found.token === token;
  }

  async #read(): Promise<{ readonly offset: number | null; readonly token: string }> {
    const { link, place } = this.#options;
    const [stored] = await storedOffsets(link, place.group, place.name, [place.partition]);
    if (stored === undefined || Number(stored.offset) < 0) return { offset: null, token: '' };
    return { offset: Number(stored.offset), token: stored.metadata ?? '' };
  }
}

/** Before a failed commit is tried again, in milliseconds. */
const AGAIN_MS = 20;

/** What a group has committed, per partition; with everything that is committed by now. */
export async function storedOffsets(
  link: Link,
  group: string,
  name: string,
  partitions: readonly number[],
): Promise<StoredOffset[]> {
  const coordinator = await link.coordinator('group', group);
  try {
    return await fetchStableOffsets(coordinator, { groupId: group, topic: name, partitions });
  } catch (error) {
    // A group that never was has committed nothing.
    if (typeOf(error) === 'GROUP_ID_NOT_FOUND') return [];
    throw error;
  }
}
