/** The verdicts of two runs beside each other, from one reading of each. */
import type { Judged, VerdictLabel } from '../topics/records.generated.ts';
import { each, type Found } from './find.ts';
import { type ChainRun, holderOf, type RunChain, writerOf } from './run-chain.ts';
import { sideBySide, type TopicDiff } from './topic-diff.ts';

/** How much of the verdicts is held. */
export interface JudgedBounds {
  /** Verdicts that changed and are listed by name; all are counted. */
  readonly listed: number;
  /** Steps whose verdicts are held in memory, about 100 bytes each. */
  readonly compared: number;
}

const JUDGED = 'judged';

interface VerdictChange {
  readonly id: string;
  readonly a: string;
  readonly b: string;
}

/** What of a run was judged: each step once. */
export interface Tally {
  readonly judged: number;
  readonly good: number;
}

export interface JudgedDiff {
  /** Null where both read one topic, or one has none. */
  readonly topic: TopicDiff | null;
  readonly verdicts: {
    readonly compared: number;
    readonly changed: number;
    /** Records of steps beyond those that are held: they are counted in the tallies, and not compared. */
    readonly beyond: number;
    readonly listed: VerdictChange[];
  };
  readonly tallies: readonly [Tally, Tally];
}

/** The newest verdict of a step in each run: of one that was judged twice it counts. */
interface Labels {
  a?: VerdictLabel;
  b?: VerdictLabel;
}

type Side = keyof Labels;

export async function judgedDiff(a: RunChain, b: RunChain, bounds: JudgedBounds): Promise<JudgedDiff> {
  const labels = new Map<string, Labels>();
  // Beyond what is held each record counts.
  const more = { a: { judged: 0, good: 0 }, b: { judged: 0, good: 0 } };
  const hear = (side: Side, { record }: Found) => {
    if (record === null) return;
    const { id, verdict } = record as unknown as Judged;
    const held = labels.get(id);
    if (held !== undefined) held[side] = verdict.label;
    else if (labels.size < bounds.compared) labels.set(id, { [side]: verdict.label });
    else {
      more[side].judged++;
      more[side].good += Number(verdict.label === 'GOOD');
    }
  };
  const topic = await readBoth(a, b, hear);
  const [one, other] = [holderOf(a, JUDGED), holderOf(b, JUDGED)];
  const isShared = one !== null && one.topology.run === other?.topology.run;
  const tallyOf = (side: Side): Tally => {
    const newest = [...labels.values()].flatMap(({ [side]: label }) => label ?? []);
    return {
      judged: more[side].judged + newest.length,
      good: more[side].good + newest.filter((label) => label === 'GOOD').length,
    };
  };
  const tally = tallyOf('a');
  const verdicts = { ...changesOf(labels, bounds.listed), beyond: more.a.judged + more.b.judged };
  return { topic, verdicts, tallies: [tally, isShared ? tally : tallyOf('b')] };
}

/** Reads `judged` of each run once, or once of both where they read the same. */
async function readBoth(
  a: RunChain,
  b: RunChain,
  hear: (side: Side, found: Found) => void,
): Promise<TopicDiff | null> {
  const writers = [writerOf(a, JUDGED), writerOf(b, JUDGED)] as const;
  const [one, other] = writers;
  if (one !== null && other !== null && one.topology.run !== other.topology.run)
    return sideBySide(JUDGED, one, other, hear);
  const read = async (side: Side, run: ChainRun | null) => {
    if (run !== null) for await (const found of each(run, { topic: JUDGED, key: null })) hear(side, found);
  };
  await read('a', one);
  if (one === null) await read('b', other);
  return null;
}

function changesOf(labels: ReadonlyMap<string, Labels>, most: number) {
  const listed: VerdictChange[] = [];
  let [compared, changed] = [0, 0];
  for (const [id, { a, b }] of labels) {
    if (a === undefined || b === undefined) continue;
    compared++;
    if (a === b) continue;
    changed++;
    if (listed.length < most) listed.push({ id, a, b });
  }
  return { compared, changed, listed };
}
