/** What each update was like, and what became of the steps that were judged before it. */
import type { Update } from '../topics/records.generated.ts';
import { BatchOrigins } from './batch-origins.ts';
import { JudgedShare } from './judged-share.ts';
import { TopicReader } from './topic-reader.ts';
import type { WatchedRun } from './watched-run.ts';

/** Updates that are kept, the newest of each partition. */
const MOST_UPDATES = 20_000;
/** Points that a page is sent. */
const MOST_POINTS = 1000;

/** One update, or the means of neighboring ones; null where it is not had. */
export type CurvePoint = Readonly<Record<string, number | null>>;

/** Fields of an update that are places and names rather than measures. */
const PLACES = new Set(['partition', 'fromOffset', 'toOffset', 'step', 'epoch']);

interface KeptUpdate {
  readonly update: Update;
  readonly time: number;
}

export class UpdateCurves {
  readonly #reader: TopicReader;
  readonly #kept: KeptUpdate[] = [];
  readonly #judged: JudgedShare;
  readonly #origins: BatchOrigins;
  #isSorted = true;

  constructor(run: WatchedRun) {
    this.#judged = new JudgedShare(run);
    this.#origins = new BatchOrigins(run);
    this.#reader = new TopicReader(run, 'updates', {
      most: MOST_UPDATES,
      take: async (entry) => {
        const update = await run.record('updates', entry);
        if (update === null) return;
        if ((this.#kept.at(-1)?.update.step ?? 0) > update.step) this.#isSorted = false;
        this.#kept.push({ update, time: entry.time });
      },
    });
  }

  /** Every update that was read, by its step. */
  async updates(budgetMs: number): Promise<readonly KeptUpdate[]> {
    await this.#reader.advance(budgetMs);
    if (!this.#isSorted) this.#kept.sort((a, b) => a.update.step - b.update.step);
    this.#isSorted = true;
    return this.#kept;
  }

  /** At most `MOST_POINTS` points; `of` says of how many updates. */
  async look(budgetMs: number): Promise<{ readonly points: CurvePoint[]; readonly of: number }> {
    const kept = await this.updates(budgetMs);
    const origins = await this.#origins.of(kept.map(({ update }) => update));
    // Of the first pass over the records: in the others nothing is judged.
    const times = origins.map((origin, i) => (kept[i]?.update.epoch === 0 ? (origin?.time ?? null) : null));
    const shares = await this.#judged.before(times);
    const rates = tokenRates(kept);
    const points = kept.map(({ update, time }, i) => ({
      step: update.step,
      epoch: update.epoch,
      time,
      ...measuresOf(update),
      ...shares[i],
      staleness: origins[i]?.staleness ?? null,
      tokensPerSecond: rates[i] ?? null,
    }));
    return { points: thinned(points), of: kept.length };
  }
}

/** Every number of an update: what later versions measure is drawn too. */
function measuresOf(update: Update): Record<string, number | null> {
  const numbers = Object.entries(update).filter(
    (field): field is [string, number | null] =>
      !PLACES.has(field[0]) && (typeof field[1] === 'number' || field[1] === null) && field[0] !== 'by',
  );
  return Object.fromEntries(numbers);
}

/**
 * Tokens through the policy per second. Updates become visible together with their checkpoint, at one time: they
 * share the time since the ones before.
 */
function tokenRates(kept: readonly KeptUpdate[]): (number | null)[] {
  const rates: (number | null)[] = [];
  let before: number | null = null;
  for (let from = 0; from < kept.length; ) {
    const { time } = kept[from] as KeptUpdate;
    let to = from;
    let tokens = 0;
    for (; to < kept.length && kept[to]?.time === time; to++) tokens += kept[to]?.update.rowTokens ?? 0;
    const rate = before === null || time <= before ? null : (1000 * tokens) / (time - before);
    for (; from < to; from++) rates.push(rate);
    before = time;
  }
  return rates;
}

/** Means of neighbors, so that no more points are sent than a screen has. */
function thinned(points: readonly CurvePoint[]): CurvePoint[] {
  if (points.length <= MOST_POINTS) return [...points];
  const size = Math.ceil(points.length / MOST_POINTS);
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => {
    const last = group.at(-1) as CurvePoint;
    const names = Object.keys(last);
    return Object.fromEntries(
      names.map((name) => {
        if (name === 'step' || name === 'epoch' || name === 'time') return [name, last[name] ?? null];
        const had = group.flatMap((point) => point[name] ?? []);
        return [name, had.length === 0 ? null : had.reduce((a, b) => a + b, 0) / had.length];
      }),
    );
  });
}
