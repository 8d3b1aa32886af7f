/** What became of a run's records, and the values of the same records in two runs. */
import { ConfigError } from '../errors.ts';
import type { Accepted, Judged, Scored, Update, VerdictLabel } from '../topics/records.generated.ts';
import { each } from './find.ts';
import { holderOf, type RunChain } from './run-chain.ts';

/** What became of a run's records. */
export interface RunMeasures {
  /** Steps by their verdict. */
  readonly verdicts: Readonly<Record<VerdictLabel, number>>;
  /** Trajectories: that were judged, and that the filter let pass. */
  readonly judged: number;
  readonly accepted: number;
  /** Steps with a reward, and its mean; null where there is none. */
  readonly scored: number;
  readonly meanReward: number | null;
  readonly updates: number;
  /** Of the last update; null where there is none. */
  readonly loss: number | null;
  readonly meanLogprob: number | null;
  readonly weightsHash: string | null;
}

/** What is compared record by record. */
export const PAIRED = ['good', 'accepted', 'reward'] as const;
export type Paired = (typeof PAIRED)[number];

/** A run's values by record: the shares as 0 and 1. */
type Values = ReadonlyMap<string, number>;

export interface Measured {
  readonly measures: RunMeasures;
  /** By which run each was written: the same one has the same records. */
  readonly holders: Readonly<Record<Paired, string | null>>;
  readonly values: Readonly<Record<Paired, Values>>;
}

/**
 * Reads a run, and those that it replays. The values of at most `most` steps are held in memory, about 100 bytes
 * each; a `ConfigError` where there are more.
 */
export async function measure(chain: RunChain, most: number): Promise<Measured> {
  const held = (values: ReadonlyMap<string, unknown>) => {
    if (values.size <= most) return;
    throw new ConfigError(
      `the run ${chain.runs[0]?.topology.run} has more than the ${most} steps that are held in memory to be compared: --compared N holds more`,
    );
  };
  async function* all<R>(topic: string): AsyncGenerator<R> {
    const run = holderOf(chain, topic);
    if (run === null) return;
    for await (const { record } of each(run, { topic, key: null })) if (record !== null) yield record as R;
  }
  const verdicts = { GOOD: 0, BAD: 0, UNKNOWN: 0 };
  const [good, accepted, reward] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ];
  const labels = new Map<string, VerdictLabel>();
  for await (const { id, verdict, subTrajectory } of all<Judged>('judged')) {
    labels.set(id, verdict.label);
    held(labels);
    accepted.set(subTrajectory.trajectory, 0);
  }
  for (const [id, label] of labels) {
    verdicts[label]++;
    good.set(id, Number(label === 'GOOD'));
  }
  for await (const { subTrajectory } of all<Accepted>('accepted')) accepted.set(subTrajectory.trajectory, 1);
  for await (const scored of all<Scored>('scored')) {
    reward.set(scored.id, scored.reward.value);
    held(reward);
  }
  let updates = 0;
  let last: Update | null = null;
  for await (const update of all<Update>('updates')) {
    updates++;
    last = update;
  }
  const passed = [...accepted.values()].filter((value) => value === 1).length;
  const holder = (topic: string) => holderOf(chain, topic)?.topology.run ?? null;
  return {
    measures: {
      ...{ verdicts, judged: accepted.size, accepted: passed, scored: reward.size, updates },
      meanReward: reward.size === 0 ? null : [...reward.values()].reduce((a, b) => a + b, 0) / reward.size,
      loss: last?.loss ?? null,
      meanLogprob: last?.meanLogprob ?? null,
      weightsHash: last?.weightsHash || null,
    },
    holders: { good: holder('judged'), accepted: holder('accepted'), reward: holder('scored') },
    values: { good, accepted, reward },
  };
}

/** Records of one question: how many, and the sums of their values. Their values are not independent. */
interface Group {
  readonly count: number;
  readonly was: number;
  readonly is: number;
}

export interface Pairs {
  /** Records that are in both: steps, of `accepted` trajectories. */
  readonly records: number;
  /** Those of which the value is another. */
  readonly changed: number;
  readonly groups: readonly Group[];
}

/** The values of one measure by the record's id, by question; null where both read the same records, or have none in common. */
export function pairsOf(measure: Paired, was: Measured, is: Measured): Pairs | null {
  if (was.holders[measure] === is.holders[measure]) return null;
  const questions = new Map<string, { count: number; was: number; is: number }>();
  let [records, changed] = [0, 0];
  for (const [id, before] of was.values[measure]) {
    const now = is.values[measure].get(id);
    if (now === undefined) continue;
    records++;
    if (now !== before) changed++;
    const question = id.split('/', 1)[0] ?? '';
    const group = questions.get(question) ?? { count: 0, was: 0, is: 0 };
    questions.set(question, group);
    group.count++;
    group.was += before;
    group.is += now;
  }
  return records === 0 ? null : { records, changed, groups: [...questions.values()] };
}
