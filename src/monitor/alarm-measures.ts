/** What alarms may look at: shares and measures of the newest records, in bounded windows. */
import type { SchemaNode } from '../topics/avro/schema-tree.ts';
import type { Update, VerdictLabel } from '../topics/records.generated.ts';

/** Measures of updates. */
const OF_UPDATES = [
  ...['meanReward', 'loss', 'meanLogprob', 'kl', 'meanRatio', 'clippedShare', 'gradNorm'],
  ...['learningRate', 'actionTokens', 'rowTokens', 'subTrajectories', 'trajectories', 'dropped'],
] as const;
const LABELS: readonly VerdictLabel[] = ['GOOD', 'BAD', 'UNKNOWN'];
const SHARES = [...LABELS, 'failed', 'empty'];

/** The fields that a condition may name, with the stages of the topology. */
export function alarmFields(stages: readonly string[]): SchemaNode {
  return fields({
    share: numbers(SHARES),
    mean: numbers(OF_UPDATES),
    min: numbers(OF_UPDATES),
    max: numbers(OF_UPDATES),
    lag: numbers(stages),
  });
}

function numbers(names: readonly string[]): SchemaNode {
  return fields(Object.fromEntries(names.map((name) => [name, { kind: 'double', minBytes: 8 } as const])));
}

function fields(nodes: Readonly<Record<string, SchemaNode>>): SchemaNode {
  const all = Object.entries(nodes).map(([name, node]) => ({ name, node }));
  return { kind: 'record', name: 'alarm', minBytes: 1, fields: all };
}

/** The last so many values, in any order. */
class Newest<T> {
  readonly #most: number;
  readonly #values: T[] = [];
  readonly #counts = new Map<T, number>();
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(value: T): void {
    const oldest = this.#values[this.#next];
    const left = (this.#counts.get(oldest as T) ?? 0) - 1;
    if (left > 0) this.#counts.set(oldest as T, left);
    else this.#counts.delete(oldest as T);
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.#most;
  }

  /** Null before there are as many as wanted. */
  get all(): readonly T[] | null {
    return this.#values.length < this.#most ? null : this.#values;
  }

  share(value: T): number | null {
    return this.all === null ? null : (this.#counts.get(value) ?? 0) / this.#most;
  }
}

/** What changes a measure. */
export type Seen = 'verdict' | 'record' | 'batch' | 'update' | 'lag';

export function seenBy(group: string, name: string): Seen {
  if (group === 'lag') return 'lag';
  if (group !== 'share') return 'update';
  return name === 'failed' ? 'record' : name === 'empty' ? 'batch' : 'verdict';
}

/** What one alarm looks at. A measure is null before as many were seen as it is over. */
export class AlarmMeasures {
  readonly #verdicts: Newest<VerdictLabel>;
  readonly #records: Newest<boolean>;
  readonly #batches: Newest<boolean>;
  /** Measures that updates do not have are left out. */
  readonly #updates: Newest<Update>;
  readonly lag: Record<string, number> = {};

  constructor(over: number) {
    this.#verdicts = new Newest(over);
    this.#records = new Newest(over);
    this.#batches = new Newest(over);
    this.#updates = new Newest(over);
  }

  addVerdict(label: VerdictLabel): void {
    this.#verdicts.add(label);
  }

  addRecord(hasFailed: boolean): void {
    this.#records.add(hasFailed);
  }

  addBatch(isEmpty: boolean): void {
    this.#batches.add(isEmpty);
  }

  addUpdate(update: Update): void {
    this.#updates.add(update);
  }

  /** As `alarmFields` says; null where it is not known. */
  of(group: string, name: string): number | null {
    if (group === 'lag') return this.lag[name] ?? null;
    if (group !== 'share') return this.#ofUpdates(group, name as (typeof OF_UPDATES)[number]);
    if (name === 'failed') return this.#records.share(true);
    if (name === 'empty') return this.#batches.share(true);
    return this.#verdicts.share(name as VerdictLabel);
  }

  #ofUpdates(group: string, name: (typeof OF_UPDATES)[number]): number | null {
    const all = this.#updates.all?.flatMap((update) => update[name] ?? []) ?? [];
    if (all.length === 0) return null;
    if (group === 'max') return all.reduce((a, b) => Math.max(a, b));
    if (group === 'min') return all.reduce((a, b) => Math.min(a, b));
    return all.reduce((a, b) => a + b, 0) / all.length;
  }
}
