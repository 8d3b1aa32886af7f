/** The list of trajectories: newest first, a page at a time, those that a search and filters let through. */
import { answersMatch } from '../agent/answers.ts';
import { goldAnswers } from '../agent/gold-answers.ts';
import { sampledAt } from '../topics/record-names.ts';
import type { Trajectory, VerdictLabel } from '../topics/records.generated.ts';
import type { LogEntry } from '../topics/transport.ts';
import type { Topology } from '../topology/topology.ts';
import { KeyedTopic } from './joined.ts';
import { type Cursor, NewestFirst } from './newest-first.ts';
import { type Redact, shownLine } from './shown-text.ts';
import type { WatchedRun } from './watched-run.ts';

/** Trajectories that are looked at together. */
const TOGETHER = 32;

/** What a list is asked for. Everything may be left out. */
export interface TrajectoryQuery {
  /** Words of the question, the answer, an action or an observation, or of the id; upper and lower case are one. */
  readonly search?: string;
  readonly task?: string;
  /** A step has this verdict. */
  readonly label?: VerdictLabel;
  readonly end?: string;
  /** Whether the answer is a gold answer. */
  readonly right?: boolean;
  /** Whether it passed the filter. */
  readonly accepted?: boolean;
}

interface TrajectoryItem {
  readonly id: string;
  /** `PARTITION:OFFSET` in the topic. */
  readonly place: string;
  readonly time: number;
  readonly task: string;
  readonly question: string;
  readonly answer: string | null;
  readonly end: string;
  readonly steps: number;
  /** Per step; null: not judged, or not found yet. */
  readonly labels: readonly (VerdictLabel | null)[];
  readonly rewards: readonly (number | null)[];
  readonly right: boolean | null;
  readonly accepted: boolean;
}

export interface TrajectoryPage {
  readonly items: readonly TrajectoryItem[];
  /** Where the next page begins; null: that was all. */
  readonly next: Cursor | null;
  /** How many trajectories were looked at for this page. */
  readonly scanned: number;
}

/** How much a request may do. */
export interface Work {
  readonly limit: number;
  readonly budgetMs: number;
}

export class TrajectoryList {
  readonly #run: WatchedRun;
  readonly #redact: Redact;
  readonly trajectories: KeyedTopic<'trajectories'>;
  readonly judged: KeyedTopic<'judged'>;
  readonly accepted: KeyedTopic<'accepted'>;
  readonly scored: KeyedTopic<'scored'>;

  constructor(run: WatchedRun, redact: Redact) {
    this.#run = run;
    this.#redact = redact;
    this.trajectories = new KeyedTopic(run, 'trajectories');
    this.judged = new KeyedTopic(run, 'judged');
    this.accepted = new KeyedTopic(run, 'accepted');
    this.scored = new KeyedTopic(run, 'scored');
  }

  /** Reads on where the topics' keys are not all known. Returns whether they are. */
  async advance(budgetMs: number): Promise<boolean> {
    const topics = [this.judged, this.accepted, this.scored, this.trajectories];
    let isKnown = true;
    for (const topic of topics) isKnown = (await topic.advance(budgetMs / topics.length)) && isKnown;
    return isKnown;
  }

  /** A page of the list. It ends early where little is found in the time that it has. */
  async page(
    query: TrajectoryQuery,
    cursor: Cursor | null,
    { limit, budgetMs }: Work,
  ): Promise<TrajectoryPage> {
    const until = performance.now() + budgetMs;
    await this.advance(budgetMs / 8);
    const reader = await NewestFirst.open(this.#run, 'trajectories', cursor);
    const items: TrajectoryItem[] = [];
    let scanned = 0;
    let next = reader.cursor();
    while (items.length < limit && next !== null && (scanned === 0 || performance.now() < until)) {
      const batch: {
        readonly entry: LogEntry;
        readonly record: Trajectory;
        readonly after: Cursor | null;
      }[] = [];
      while (batch.length < TOGETHER) {
        const entry = await reader.next();
        if (entry === null) break;
        scanned++;
        const record = await this.#run.record('trajectories', entry);
        if (record !== null && meetsText(record, query))
          batch.push({ entry, record, after: reader.cursor() });
        else if (scanned % 256 === 0 && performance.now() >= until) break;
      }
      next = reader.cursor();
      const found = await this.#items(batch.map(({ entry, record }) => ({ entry, record })));
      for (const [i, item] of found.entries()) {
        if (!meetsState(item, query)) continue;
        items.push(item);
        if (items.length < limit) continue;
        next = batch[i]?.after ?? null;
        break;
      }
    }
    return { items, next, scanned };
  }

  /** So many trajectories, spread evenly over the topic, oldest first. */
  async sample(count: number): Promise<readonly TrajectoryItem[]> {
    const { offsets } = await this.#run.topic('trajectories');
    const total = offsets.reduce((sum, { start, end }) => sum + end - start, 0);
    const every = Math.max(1, total / Math.max(1, count));
    const found: { readonly entry: LogEntry; readonly record: Trajectory }[] = [];
    for (const [partition, { start, end }] of offsets.entries()) {
      for (let at = start; at < end; at += every) {
        const [entry] = await this.#run.entries('trajectories', {
          partition,
          offset: Math.floor(at),
          count: 1,
        });
        const record = entry === undefined ? null : await this.#run.record('trajectories', entry);
        if (entry !== undefined && record !== null) found.push({ entry, record });
      }
    }
    return this.#items(found.slice(0, count));
  }

  async #items(found: readonly { readonly entry: LogEntry; readonly record: Trajectory }[]) {
    const keys = found.map(({ record }) => record.id);
    const judged = await this.judged.records(keys);
    const scored = await this.scored.records(keys);
    const redact = this.#redact;
    return found.map(({ entry, record }): TrajectoryItem => {
      const { id, question, steps, end, answer } = record;
      const labels = new Map(
        judged.get(id)?.map(({ record }) => [record.subTrajectory.index, record.verdict.label]),
      );
      const rewards = new Map(
        scored
          .get(id)
          ?.filter(({ record }) => sampledAt(record.id) === null)
          .map(({ record }) => [record.subTrajectory.index, record.reward.value]),
      );
      return {
        ...{ id, place: `${entry.partition}:${entry.offset}`, time: entry.time, end, steps: steps.length },
        task: shownLine(question.task, redact, 100),
        question: shownLine(question.text, redact, 240),
        answer: answer === null ? null : shownLine(answer, redact, 120),
        labels: steps.slice(0, 64).map((_, i) => labels.get(i) ?? null),
        rewards: steps.slice(0, 64).map((_, i) => rewards.get(i) ?? null),
        right: isRight(record, this.#run.topology),
        accepted: this.accepted.place(id) !== null,
      };
    });
  }
}

/** Whether the answer is a gold answer; null where that is not known, or asked of a matcher of one's own. */
export function isRight(
  { question, answer }: Pick<Trajectory, 'question' | 'answer'>,
  { matcher }: Pick<Topology, 'matcher'>,
): boolean | null {
  const golds = goldAnswers(question);
  if (golds.length === 0 || matcher.kind !== 'standard') return null;
  return answer !== null && answersMatch(answer, golds);
}

function meetsText({ id, question, answer, steps, end }: Trajectory, query: TrajectoryQuery): boolean {
  if (query.task !== undefined && question.task !== query.task) return false;
  if (query.end !== undefined && end !== query.end) return false;
  if (query.search === undefined || query.search === '') return true;
  const wanted = query.search.toLowerCase();
  const has = (text: string | null | undefined) => text?.toLowerCase().includes(wanted) === true;
  return (
    has(id) ||
    has(question.text) ||
    has(answer) ||
    steps.some(
      ({ action, observation }) => has(action.text) || has(action.reasoning) || has(observation?.text),
    )
  );
}

function meetsState({ labels, right, accepted }: TrajectoryItem, query: TrajectoryQuery): boolean {
  if (query.label !== undefined && !labels.includes(query.label)) return false;
  if (query.right !== undefined && right !== query.right) return false;
  return query.accepted === undefined || accepted === query.accepted;
}
