/**
 * Steps without a verdict, judged again. The filter decides on whole trajectories, and has decided on these
 * with an UNKNOWN: so the step goes to the judge again, and the verdicts of the others to the filter, in one
 * transaction. A trajectory that was accepted all the same is left: it would be trained on twice.
 */
import type { OpenRun } from '../open-run.ts';
import { readEntries } from '../topics/read-records.ts';
import { firstStep } from '../topics/record-names.ts';
import type { Judged } from '../topics/records.generated.ts';
import type { LogEntry, Output } from '../topics/transport.ts';
import { flowStages } from '../topology/flow.ts';
import { appending, count, idIn, type RetryTopic } from './fed-again.ts';

/** The newest verdicts of a trajectory: where they stand, by step. */
type Places = Map<number, { readonly at: string; readonly ended: boolean }>;

/** What is gathered of a trajectory until all of it is there. */
interface Gathered {
  readonly outputs: Output[];
  left: number;
}

export async function retryVerdicts(run: OpenRun, options: RetryTopic): Promise<void> {
  const { failed, done } = options;
  const stages = flowStages(run.topology);
  const [judge, filter] = ['judge', 'filter'].map((name) => stages.find((stage) => stage.name === name));
  const topic = filter?.reads;
  if (judge === undefined || topic === undefined || !judge.writes.includes(topic)) {
    // Something of the user's own stands between the two: what it has made of the verdicts is not known.
    count(done.left, 'apart', failed.size);
    return;
  }
  const wanted = new Map<string, Places>();
  const steps = new Map<string, number>();
  for (const id of failed.keys()) {
    wanted.set(trajectoryOf(id), new Map());
    count(steps, trajectoryOf(id));
  }
  const leave = (trajectory: string, why: 'accepted' | 'underway') => {
    if (wanted.delete(trajectory)) count(done.left, why, steps.get(trajectory));
  };
  for await (const { subTrajectory } of run.read('accepted')) {
    leave(subTrajectory.trajectory, 'accepted');
  }
  const counts = await findPlaces(run, topic, wanted);
  for (const [trajectory, places] of wanted) {
    const all = counts.get(trajectory);
    if (
      places.size === (all ?? 0) - firstStep(trajectory) &&
      [...places.values()].every(({ ended }) => ended)
    )
      continue;
    leave(trajectory, 'underway');
  }
  const append = appending(run, options);
  const gathered = new Map<string, Gathered>();
  for await (const entry of readEntries(run, topic)) {
    const judged = entry.record as Judged;
    if (idIn(judged) === null) continue;
    const { trajectory, index } = judged.subTrajectory;
    const places = wanted.get(trajectory);
    if (places?.get(index)?.at !== placeOf(entry)) continue;
    const of = gathered.get(trajectory) ?? { outputs: [], left: places.size };
    gathered.set(trajectory, of);
    of.left--;
    of.outputs.push(outputOf(run, entry, { judge, judged, again: failed.has(judged.id), topic }));
    if (of.left > 0) continue;
    gathered.delete(trajectory);
    await append.add(of.outputs);
  }
  await append.flush();
}

/** Where the newest verdict of each step stands, and whether the filter is done with it. */
async function findPlaces(run: OpenRun, topic: string, wanted: ReadonlyMap<string, Places>) {
  const committed = await run.transport.committed('filter', topic);
  const counts = new Map<string, number>();
  for await (const entry of readEntries(run, topic)) {
    const judged = entry.record as Judged;
    if (idIn(judged) === null) continue;
    const { trajectory, index, count: all } = judged.subTrajectory;
    const ended = entry.offset < (committed[entry.partition] ?? 0);
    wanted.get(trajectory)?.set(index, { at: placeOf(entry), ended });
    if (wanted.has(trajectory)) counts.set(trajectory, all);
  }
  return counts;
}

interface OfStep {
  readonly judge: { readonly reads: string };
  readonly judged: Judged;
  /** Whether it is to be judged again. */
  readonly again: boolean;
  readonly topic: string;
}

function outputOf({ codec }: OpenRun, { key, value }: LogEntry, of: OfStep): Output {
  const { judge, judged, again, topic } = of;
  if (!again) return { topic, key, value };
  return { topic: judge.reads, key, value: codec.encode(judge.reads, judged.subTrajectory) };
}

function placeOf({ partition, offset }: Pick<LogEntry, 'partition' | 'offset'>): string {
  return `${partition}:${offset}`;
}

/** A step is named after its trajectory. */
function trajectoryOf(id: string): string {
  return id.slice(0, id.lastIndexOf('/'));
}
