/** Why a run that came to its end has taught its policy nothing: counts of what became of the records. */
import type { FilterConfig } from '../judge/filter-config.ts';
import type { OpenRun } from '../open-run.ts';
import type { StageProgress } from '../runtime/run.ts';
import type { Failure, Judged, Trajectory, VerdictLabel } from '../topics/records.generated.ts';
import { counted } from './count.ts';

/** Most records of a topic that are looked at: a reason is plain long before. */
const MOST = 100_000;
/** Most causes of failures that are named. */
const CAUSES = 5;
const CAUSE_CHARS = 160;

/** The topics that a run is for, where it has the stage that writes them: the last one counts. */
const ENDS = [
  ['train', 'updates'],
  ['reward', 'scored'],
  ['filter', 'accepted'],
] as const;

/**
 * Null where something was learnt, or nothing was to be. Otherwise what came out of each stage, first the
 * sum of it.
 */
export async function nothingLearnt(
  run: OpenRun,
  progress: readonly StageProgress[],
): Promise<string[] | null> {
  const consumed = progress.reduce((sum, { done }) => sum + done, 0);
  const end = ENDS.find(([name]) => progress.some(({ stage }) => stage === name));
  if (end === undefined || consumed === 0) return null;
  const [, topic] = end;
  const head = topic === 'updates' ? await noUpdate(run) : await noRecord(run, topic);
  if (head === null) return null;
  return [head, ...(await stageLines(run))];
}

async function noRecord(run: OpenRun, topic: 'scored' | 'accepted'): Promise<string | null> {
  for await (const _ of run.read(topic)) return null;
  return `nothing was learnt: no record came into ${topic}`;
}

async function noUpdate(run: OpenRun): Promise<string | null> {
  let updates = 0;
  for await (const { gradNorm } of run.read('updates')) {
    updates++;
    if (gradNorm !== 0 || updates >= MOST) return null;
  }
  if (updates === 0) return 'nothing was learnt: no update was made';
  return `nothing was learnt: ${counted(updates, 'update')}, with a gradient of 0`;
}

async function stageLines(run: OpenRun): Promise<string[]> {
  const { source, stages } = run.topology;
  const of = (topic: string) => (source?.topic === topic ? { run: source.run } : {});
  const lines: string[] = [];
  const ends = new Map<string, number>();
  for await (const { end } of atMost(
    run.read('trajectories', of('trajectories')) as AsyncIterable<Trajectory>,
  )) {
    add(ends, WORDS[end]);
  }
  if (ends.size > 0) lines.push(`trajectories: ${listed(ends)}`);
  const { steps, worst } = await verdicts(atMost(run.read('judged', of('judged')) as AsyncIterable<Judged>));
  if (steps.size > 0) lines.push(`judge: ${listed(steps)}`);
  const accepted = new Set<string>();
  for await (const { subTrajectory } of atMost(run.read('accepted', of('accepted')))) {
    accepted.add(subTrajectory.trajectory);
  }
  const failed = await failures(run);
  if (stages.filter !== undefined && worst.size > 0) {
    lines.push(
      `filter (mode ${stages.filter.mode}): ${passed(worst, { accepted, failed: failed.trajectories, ...stages.filter })}`,
    );
  }
  const rewards = new Map<string, number>();
  for await (const { reward } of atMost(run.read('scored', of('scored')))) {
    add(rewards, reward.value === 0 ? 'of 0' : 'other than 0');
  }
  if (rewards.size > 0) lines.push(`rewards: ${listed(rewards)}`);
  return [...lines, ...failed.lines];
}

const WORDS: Readonly<Record<Trajectory['end'], string>> = {
  ANSWERED: 'answered',
  OUT_OF_STEPS: 'out of steps',
  OUT_OF_CONTEXT: 'out of context',
};

/** How many steps have each verdict, and the worst of each trajectory. */
async function verdicts(judged: AsyncIterable<Judged>) {
  const steps = new Map<string, number>();
  const worst = new Map<string, VerdictLabel>();
  for await (const { subTrajectory, verdict } of judged) {
    const { label } = verdict;
    add(steps, label);
    const before = worst.get(subTrajectory.trajectory);
    if (before === undefined || label === 'BAD' || (label === 'UNKNOWN' && before === 'GOOD'))
      worst.set(subTrajectory.trajectory, label);
  }
  return { steps, worst };
}

interface Outcomes extends FilterConfig {
  /** Trajectories. */
  readonly accepted: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

/** What the filter made of the trajectories, by the rule that left them out. */
function passed(
  worst: ReadonlyMap<string, VerdictLabel>,
  { accepted, failed, mode, unknown }: Outcomes,
): string {
  const byVerdicts = mode === 'process' || mode === 'process+outcome';
  const found = new Map<string, number>();
  for (const [trajectory, label] of worst) {
    if (accepted.has(trajectory)) add(found, 'accepted');
    else if (failed.has(trajectory)) add(found, 'failed');
    else if (byVerdicts && label === 'BAD') add(found, 'left out for a BAD step');
    else if (byVerdicts && label === 'UNKNOWN' && unknown === 'reject')
      add(found, 'left out for an UNKNOWN step');
    else add(found, 'left out for a wrong answer or none');
  }
  return listed(found, 'trajectory', 'trajectories');
}

/** Failures by stage and cause, the most frequent first, and which trajectories failed in the filter. */
async function failures(run: OpenRun) {
  const causes = new Map<string, number>();
  const trajectories = new Set<string>();
  for await (const { stage, error, message, record } of atMost(run.read('failures'))) {
    add(causes, `${stage}: ${error}: ${oneCause(message, record)}`);
    if (stage === 'filter' && record !== null) trajectories.add(record.replace(/\/[^/]*$/, ''));
  }
  const sorted = [...causes].sort(([, a], [, b]) => b - a);
  const lines = sorted.slice(0, CAUSES).map(([cause, count]) => `${counted(count, 'failure')} at ${cause}`);
  const more = sorted.slice(CAUSES).reduce((sum, [, count]) => sum + count, 0);
  return { lines: more > 0 ? [...lines, `${counted(more, 'other failure')}`] : lines, trajectories };
}

/** The message without what differs from record to record. */
function oneCause(message: Failure['message'], record: Failure['record']): string {
  // A step's name has its trajectory's before it, and that its question's.
  const trajectory = /^(.+)\/[^/]*$/.exec(record ?? '')?.[1];
  const question = /^(.+)\/[^/]*$/.exec(trajectory ?? '')?.[1];
  const names = [record, trajectory, question && `question ${question}`];
  const nameless = names.reduce<string>(
    (text, name) => (name ? text.replaceAll(name, '...') : text),
    message,
  );
  const plain = nameless.replaceAll(/"[^"]*"/g, '"..."').replaceAll(/\s+/g, ' ');
  return plain.length > CAUSE_CHARS ? `${plain.slice(0, CAUSE_CHARS)}...` : plain;
}

async function* atMost<T>(records: AsyncIterable<T>): AsyncGenerator<T> {
  let count = 0;
  for await (const record of records) {
    yield record;
    if (++count >= MOST) return;
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function listed(counts: ReadonlyMap<string, number>, one?: string, many?: string): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const nameOf = (count: number) => (one === undefined ? '' : `${count === 1 ? one : many} `);
  return sorted.map(([name, count]) => `${count} ${nameOf(count)}${name}`).join(', ');
}
