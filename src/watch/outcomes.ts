/** How the trajectories of a run ended, by task: how many answers are right. */
import { type Redact, shownLine } from './shown-text.ts';
import { TopicReader } from './topic-reader.ts';
import { isRight } from './trajectory-list.ts';
import type { WatchedRun } from './watched-run.ts';

/** Trajectories that are looked at, of each partition the newest. */
const MOST_READ = 100_000;
/** Tasks that are told apart. */
const MOST_TASKS = 100;

interface TaskOutcome {
  readonly task: string;
  trajectories: number;
  /** Those that came to an answer. */
  answered: number;
  /** Those whose gold answer is known, and of these those that are right. */
  known: number;
  right: number;
}

export interface RunOutcomes {
  readonly tasks: readonly Readonly<TaskOutcome>[];
  /** Trajectories that were looked at, and how many there are. */
  readonly read: number;
  readonly of: number;
}

export class Outcomes {
  readonly #tasks = new Map<string, TaskOutcome>();
  readonly #reader: TopicReader;

  constructor(run: WatchedRun, redact: Redact) {
    this.#reader = new TopicReader(run, 'trajectories', {
      most: MOST_READ,
      take: async (entry) => {
        const record = await run.record('trajectories', entry);
        if (record === null) return;
        const outcome = this.#of(record.question.task, redact);
        const right = isRight(record, run.topology);
        outcome.trajectories++;
        outcome.answered += Number(record.end === 'ANSWERED');
        outcome.known += Number(right !== null);
        outcome.right += Number(right === true);
      },
    });
  }

  /** What is known after reading on for about so many milliseconds. */
  async look(budgetMs: number): Promise<RunOutcomes> {
    await this.#reader.advance(budgetMs);
    const tasks = [...this.#tasks.values()].sort((a, b) => (a.task < b.task ? -1 : 1));
    return { tasks, read: this.#reader.read, of: this.#reader.of };
  }

  #of(name: string, redact: Redact): TaskOutcome {
    const key = this.#tasks.size < MOST_TASKS || this.#tasks.has(name) ? name : '';
    const found = this.#tasks.get(key);
    if (found !== undefined) return found;
    const task = key === '' ? 'others' : shownLine(name, redact, 100);
    const made = { task, trajectories: 0, answered: 0, known: 0, right: 0 };
    this.#tasks.set(key, made);
    return made;
  }
}
