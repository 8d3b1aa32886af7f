/** Failures by cause: one group for the same error of the same stage, whatever numbers and names it tells. */
import type { Failure } from '../topics/records.generated.ts';
import { type Redact, shownLine, shownText } from './shown-text.ts';
import { TopicReader } from './topic-reader.ts';
import type { WatchedRun } from './watched-run.ts';

/** Causes that are told apart; what comes after is counted together. */
const MOST_GROUPS = 200;
/** Failures that are looked at, of each partition the newest. */
const MOST_READ = 200_000;

export interface FailureGroup {
  readonly stage: string;
  readonly error: string;
  /** The message without what differs. */
  readonly cause: string;
  count: number;
  /** The newest: its message whole, and where it is. */
  readonly example: {
    readonly record: string | null;
    readonly message: string;
    readonly topic: string;
    readonly offset: number;
    readonly retryable: boolean;
    readonly attempts: number;
    readonly time: number;
  };
}

export class FailureGroups {
  readonly #groups = new Map<string, FailureGroup>();
  readonly #reader: TopicReader;
  readonly #stages = new Map<string, number>();
  #others = 0;

  constructor(run: WatchedRun, redact: Redact) {
    this.#reader = new TopicReader(run, 'failures', {
      most: MOST_READ,
      take: async (entry) => {
        const failure = await run.record('failures', entry);
        if (failure !== null) this.#add(failure, entry.time, redact);
      },
    });
  }

  async look(budgetMs: number) {
    await this.#reader.advance(budgetMs);
    const { read, of } = this.#reader;
    const groups = [...this.#groups.values()].sort((a, b) => b.count - a.count);
    return { groups, others: this.#others, read, of };
  }

  /** How many there are of each stage. */
  async byStage(budgetMs: number): Promise<ReadonlyMap<string, number>> {
    await this.#reader.advance(budgetMs);
    return this.#stages;
  }

  #add(failure: Failure, time: number, redact: Redact): void {
    const { stage, error, message, record, topic, offset, retryable, attempts } = failure;
    this.#stages.set(stage, (this.#stages.get(stage) ?? 0) + 1);
    const cause = causeOf(shownLine(message, redact, 300));
    const key = `${stage}\n${error}\n${cause}`;
    const known = this.#groups.get(key);
    if (known === undefined && this.#groups.size >= MOST_GROUPS) {
      this.#others++;
      return;
    }
    const example = {
      ...{ record: record === null ? null : shownLine(record, redact), topic: shownLine(topic, redact) },
      ...{ message: shownText(message, redact, 4000).text, offset, retryable, attempts, time },
    };
    const isNewer = known === undefined || time >= known.example.time;
    this.#groups.set(key, {
      ...{ stage: shownLine(stage, redact), error: shownLine(error, redact), cause },
      count: (known?.count ?? 0) + 1,
      example: isNewer ? example : known.example,
    });
  }
}

/** What of a message is the same when the same thing goes wrong again. */
function causeOf(message: string): string {
  return message
    .replace(/"[^"]*"|`[^`]*`|'[^']*'/g, '"…"')
    .replace(/\d+(?:\.\d+)?/g, '#')
    .slice(0, 160);
}
