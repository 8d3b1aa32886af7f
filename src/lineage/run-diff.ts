/** Two runs beside each other: settings, the first record that differs, verdicts that changed, measures. */
import type { Judged, Scored, Update } from '../topics/records.generated.ts';
import { RESAMPLED } from '../topology/stage-configs.ts';
import { TOPICS } from '../topology/topics.ts';
import { each, type Found } from './find.ts';
import { type ChainRun, holderOf, type RunChain, writerOf } from './run-chain.ts';
import { type SettingDiff, settingsDiff } from './settings-diff.ts';

/** Verdicts that changed and are listed by name; all are counted. */
const MOST_LISTED = 1000;
/** Verdicts of the first run that are held in memory, about 100 bytes each. */
const MOST_COMPARED = 5_000_000;

interface TopicDiff {
  readonly topic: string;
  /** How many records each has. */
  readonly a: number;
  readonly b: number;
  /** Which of the two in a partition, and the first fields that differ; null where all are equal. */
  readonly first: { readonly place: string; readonly id: string; readonly fields: readonly string[] } | null;
}

interface VerdictChange {
  readonly id: string;
  readonly a: string;
  readonly b: string;
}

interface Measures {
  readonly judged: number;
  readonly good: number;
  readonly accepted: number;
  readonly meanReward: number | null;
  readonly updates: number;
  readonly lastLoss: number | null;
  readonly weightsHash: string | null;
}

export interface RunDiff {
  readonly runs: readonly [string, string];
  readonly settings: readonly SettingDiff[];
  readonly topics: readonly TopicDiff[];
  readonly verdicts: {
    readonly compared: number;
    readonly changed: number;
    readonly listed: VerdictChange[];
  };
  readonly measures: readonly [Measures, Measures];
}

export async function runDiff(a: RunChain, b: RunChain): Promise<RunDiff> {
  const [left, right] = [a.runs[0] as ChainRun, b.runs[0] as ChainRun];
  const topics: TopicDiff[] = [];
  for (const topic of [...TOPICS, RESAMPLED]) {
    // A replay has none of its own in the topics before the one that it reads.
    const [one, other] = [writerOf(a, topic), writerOf(b, topic)];
    if (one === null || other === null || one.topology.run === other.topology.run) continue;
    if (countOf(one, topic) + countOf(other, topic) === 0) continue;
    topics.push(await topicDiff(topic, one, other));
  }
  return {
    runs: [left.topology.run, right.topology.run],
    settings: settingsDiff(left.topology, right.topology),
    topics,
    verdicts: await verdictsDiff(a, b),
    measures: [await measuresOf(a), await measuresOf(b)],
  };
}

/** Reads both side by side until they differ. */
async function topicDiff(topic: string, a: ChainRun, b: ChainRun): Promise<TopicDiff> {
  const [left, right] = [each(a, { topic, key: null }), each(b, { topic, key: null })];
  const counts = { topic, a: countOf(a, topic), b: countOf(b, topic) };
  try {
    for (;;) {
      const [{ value: one = null }, { value: other = null }] = [await left.next(), await right.next()];
      const shown = one ?? other;
      if (shown === null) return { ...counts, first: null };
      const fields = one === null || other === null ? [] : differing(one.record, other.record);
      if (one?.partition === other?.partition && one !== null && other !== null && fields.length === 0)
        continue;
      return { ...counts, first: { place: placeOf(shown), id: idOf(shown), fields } };
    }
  } finally {
    await left.return();
    await right.return();
  }
}

/** How many offsets are taken: on Kafka the marks of transactions are among them. */
function countOf({ topics }: ChainRun, topic: string): number {
  const offsets = topics.find(({ name }) => name === topic)?.offsets ?? [];
  return offsets.reduce((sum, { start, end }) => sum + end - start, 0);
}

const placeOf = ({ partition, offset }: Found) => `${partition}:${offset}`;
const idOf = ({ record, key }: Found) => String(record?.id ?? key);

/** The fields in which two records differ, except for what names the run or the time. */
function differing(a: object | null, b: object | null): string[] {
  return settingsDiff(a ?? {}, b ?? {}).map(({ path }) => path);
}

async function verdictsDiff(a: RunChain, b: RunChain): Promise<RunDiff['verdicts']> {
  const [one, other] = [holderOf(a, 'judged'), holderOf(b, 'judged')];
  const listed: VerdictChange[] = [];
  if (one === null || other === null || one.topology.run === other.topology.run) {
    return { compared: 0, changed: 0, listed };
  }
  // Of a step that was judged twice the newest verdict counts.
  const labels = new Map<string, { a: string; b?: string }>();
  for await (const { record } of each(one, { topic: 'judged', key: null })) {
    const judged = record as Judged | null;
    if (judged !== null) labels.set(judged.id, { a: judged.verdict.label });
    if (labels.size === MOST_COMPARED) break;
  }
  for await (const { record } of each(other, { topic: 'judged', key: null })) {
    const judged = record as Judged | null;
    const both = judged === null ? undefined : labels.get(judged.id);
    if (judged !== null && both !== undefined) both.b = judged.verdict.label;
  }
  let [compared, changed] = [0, 0];
  for (const [id, { a, b }] of labels) {
    if (b === undefined) continue;
    compared++;
    if (a === b) continue;
    changed++;
    if (listed.length < MOST_LISTED) listed.push({ id, a, b });
  }
  return { compared, changed, listed };
}

async function measuresOf(chain: RunChain): Promise<Measures> {
  async function* all<R>(topic: string): AsyncGenerator<R> {
    const run = holderOf(chain, topic);
    if (run === null) return;
    for await (const { record } of each(run, { topic, key: null })) if (record !== null) yield record as R;
  }
  let [judged, good, scored, rewards, updates] = [0, 0, 0, 0, 0];
  let last: Update | null = null;
  // Of a step that was judged twice the newest verdict counts.
  const isGood = new Map<string, boolean>();
  for await (const { id, verdict } of all<Judged>('judged')) {
    const before = isGood.get(id);
    if (before === undefined) judged++;
    if (before !== undefined || isGood.size < MOST_COMPARED) isGood.set(id, verdict.label === 'GOOD');
    good += Number(verdict.label === 'GOOD') - Number(before ?? false);
  }
  for await (const { reward } of all<Scored>('scored')) {
    scored++;
    rewards += reward.value;
  }
  for await (const update of all<Update>('updates')) {
    updates++;
    last = update;
  }
  const accepted = holderOf(chain, 'accepted');
  return {
    ...{ judged, good, updates },
    accepted: accepted === null ? 0 : countOf(accepted, 'accepted'),
    meanReward: scored === 0 ? null : rewards / scored,
    lastLoss: last?.loss ?? null,
    weightsHash: last?.weightsHash ?? null,
  };
}
