/**
 * Where an update's batch comes from: when its first record was scored, and how many updates older the weights
 * were that wrote it, by the policy that it names.
 */
import type { Update } from '../topics/records.generated.ts';
import type { WatchedRun } from './watched-run.ts';

/** Updates of which it is looked up; of more, evenly spread ones. */
const MOST = 400;

export interface Origin {
  readonly time: number;
  /** Null where it is not known: another policy wrote it. */
  readonly staleness: number | null;
}

export class BatchOrigins {
  readonly #run: WatchedRun;
  readonly #known = new Map<number, Origin | null>();

  constructor(run: WatchedRun) {
    this.#run = run;
  }

  /** Null where it was not looked up, or cannot be. */
  async of(updates: readonly Update[]): Promise<(Origin | null)[]> {
    const every = Math.max(1, Math.ceil(updates.length / MOST));
    const steps = new Map(updates.map(({ step, weightsHash }) => [weightsHash.slice(0, 8), step]));
    for (const [i, update] of updates.entries()) {
      if (i % every === 0 && !this.#known.has(update.step)) {
        this.#known.set(update.step, await this.#look(update, steps));
      }
    }
    return updates.map(({ step }) => this.#known.get(step) ?? null);
  }

  async #look(
    { step, partition, fromOffset }: Update,
    steps: ReadonlyMap<string, number>,
  ): Promise<Origin | null> {
    // A replay's records are in another run.
    if (this.#run.topology.source?.topic === 'scored') return null;
    const [entry] = await this.#run.entries('scored', { partition, offset: fromOffset, count: 1 });
    const record = entry === undefined ? null : await this.#run.record('scored', entry);
    if (entry === undefined || record === null) return null;
    const { time } = entry;
    // `local:HASH` of what samples and learns in one, `local:HASH@STEP` of what follows a learner elsewhere.
    const [, hash, at] = /^local:([0-9a-f]+)(?:@(\d+))?$/.exec(record.subTrajectory.action.policy) ?? [];
    if (hash === undefined) return { time, staleness: null };
    const written = at === undefined ? (steps.get(hash.slice(0, 8)) ?? 0) : Number(at);
    return { time, staleness: Math.max(0, step - 1 - written) };
  }
}
