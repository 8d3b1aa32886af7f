/** Two runs beside each other: settings, the first record that differs, verdicts that changed, measures. */
import type { Scored, Update } from '../topics/records.generated.ts';
import { RESAMPLED } from '../topology/stage-configs.ts';
import { TOPICS } from '../topology/topics.ts';
import { each } from './find.ts';
import { type JudgedBounds, type JudgedDiff, judgedDiff, type Tally } from './judged-diff.ts';
import { type ChainRun, holderOf, type RunChain, writerOf } from './run-chain.ts';
import { type SettingDiff, settingsDiff } from './settings-diff.ts';
import { countOf, sideBySide, type TopicDiff } from './topic-diff.ts';

interface Measures extends Tally {
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
  readonly verdicts: JudgedDiff['verdicts'];
  readonly measures: readonly [Measures, Measures];
}

export async function runDiff(a: RunChain, b: RunChain, bounds: JudgedBounds): Promise<RunDiff> {
  const [left, right] = [a.runs[0] as ChainRun, b.runs[0] as ChainRun];
  const topics: TopicDiff[] = [];
  const judged = await judgedDiff(a, b, bounds);
  for (const topic of [...TOPICS, RESAMPLED]) {
    // A replay has none of its own in the topics before the one that it reads.
    const [one, other] = [writerOf(a, topic), writerOf(b, topic)];
    if (one === null || other === null || one.topology.run === other.topology.run) continue;
    const diff = topic === 'judged' ? judged.topic : await sideBySide(topic, one, other);
    if (diff !== null) topics.push(diff);
  }
  return {
    runs: [left.topology.run, right.topology.run],
    settings: settingsDiff(left.topology, right.topology),
    topics,
    verdicts: judged.verdicts,
    measures: [await measuresOf(a, judged.tallies[0]), await measuresOf(b, judged.tallies[1])],
  };
}

async function measuresOf(chain: RunChain, tally: Tally): Promise<Measures> {
  async function* all<R>(topic: string): AsyncGenerator<R> {
    const run = holderOf(chain, topic);
    if (run === null) return;
    for await (const { record } of each(run, { topic, key: null })) if (record !== null) yield record as R;
  }
  let [scored, rewards, updates] = [0, 0, 0];
  let last: Update | null = null;
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
    ...{ ...tally, updates },
    accepted: accepted === null ? 0 : countOf(accepted, 'accepted'),
    meanReward: scored === 0 ? null : rewards / scored,
    lastLoss: last?.loss ?? null,
    weightsHash: last?.weightsHash ?? null,
  };
}
