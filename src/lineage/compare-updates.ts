/** Whether a replay made the updates of the run that it replays, and if not, what may be why. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenRun } from '../open-run.ts';
import type { Update } from '../topics/records.generated.ts';
import { changesIn } from '../topology/changes.ts';
import { type ReplayChange, replayChanges, whatMayDiffer } from '../topology/replay-changes.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { lastCheckpoint } from '../train/last-checkpoint.ts';
import { parseState, stateFile } from '../train/state-file.ts';
import { settingsDiff } from './settings-diff.ts';

/** What an update says of its batch and of its step; where it lies in the log, and how it was computed, is left out. */
const COMPARED = [
  ...['id', 'step', 'epoch', 'trajectories', 'subTrajectories', 'actionTokens'],
  ...['meanReward', 'loss', 'meanLogprob', 'kl', 'gradNorm', 'learningRate', 'weightsHash'],
] as const;

/** A relative difference in a loss that rounding explains: float32 sums in another order. */
const ROUNDING = 1e-4;

interface FieldDifference {
  readonly path: string;
  readonly was: unknown;
  readonly is: unknown;
}

export interface UpdatesComparison {
  /** The run that was replayed. */
  readonly with: string;
  /** How many updates each has: it, and the replay. */
  readonly updates: readonly [number, number];
  /** The weights after the last update that both have; null where there is none, or it carries no hash. */
  readonly weightsHash: string | null;
  /** The first update that differs, or that only the old run has; null where there is none. */
  readonly first: { readonly id: string; readonly fields: readonly FieldDifference[] } | null;
  /** What was changed, of what decides the updates. */
  readonly changed: readonly ReplayChange[];
  /** Why the updates may be others though nothing was changed. */
  readonly mayDiffer: readonly string[];
  /** Where they had to be equal and are not: what may be why. */
  readonly reasons: readonly string[];
}

/**
 * Compares them in order. `old` is the topology of the run that is replayed, which `run` reads from. Null
 * where the old run has no updates, or the replay has no training.
 */
export async function compareUpdates(
  run: Pick<OpenRun, 'read' | 'topology'>,
  old: Topology,
): Promise<UpdatesComparison | null> {
  const { topology } = run;
  if (topology.stages.train === undefined || old.stages.train === undefined) return null;
  const [left, right] = [inOrder(run.read('updates', { run: old.run })), inOrder(run.read('updates'))];
  const updates: [number, number] = [0, 0];
  let first: UpdatesComparison['first'] = null;
  let pair: readonly [Update, Update] | null = null;
  let weightsHash = '';
  for (;;) {
    const [was, is] = [(await left.next()).value ?? null, (await right.next()).value ?? null];
    if (was !== null) updates[0]++;
    if (is !== null) updates[1]++;
    if (was === null && is === null) break;
    // An old run that was stopped has the beginning only.
    if (first !== null || was === null) continue;
    const fields = is === null ? [] : differing(was, is);
    if (is === null || fields.length > 0) {
      first = { id: was.id, fields };
      pair = is === null ? null : [was, is];
    } else weightsHash = was.weightsHash || is.weightsHash;
  }
  if (updates[0] === 0) return null;
  const firstWeights = [await firstWeightsOf(old), await firstWeightsOf(topology)];
  const sameBeginning = firstWeights[0] !== null && firstWeights[0] === firstWeights[1];
  const changed = replayChanges(old, topology).filter(
    // The same weights in another place are the same policy, to training.
    ({ path, isTold, stages }) =>
      !(isTold && sameBeginning && path.endsWith('.checkpoint') && stages.every((one) => one === 'train')),
  );
  const mayDiffer = whatMayDiffer(topology);
  const comparison = { changed, mayDiffer, first };
  return {
    ...{ with: old.run, updates, first, changed, mayDiffer },
    weightsHash: weightsHash === '' ? null : weightsHash,
    reasons: isWrong(comparison)
      ? reasonsOf({ pair, updates, firstWeights, topologies: [old, topology] })
      : [],
  };
}

/** Whether updates differ that had to be equal. */
export function isWrong({
  first,
  changed,
  mayDiffer,
}: Pick<UpdatesComparison, 'first' | 'changed' | 'mayDiffer'>): boolean {
  return first !== null && changed.length === 0 && mayDiffer.length === 0;
}

/** Each step once: one that was made again from an earlier checkpoint is the same. */
async function* inOrder(updates: AsyncIterable<Update>): AsyncGenerator<Update, void> {
  let last = 0;
  for await (const update of updates) {
    if (update.step <= last) continue;
    last = update.step;
    yield update;
  }
}

/** Weights that were not hashed in one of the two are compared by what the next step saw of them. */
function differing(was: Update, is: Update): FieldDifference[] {
  const hashed = was.weightsHash !== '' && is.weightsHash !== '';
  const names = COMPARED.filter((name) => name !== 'weightsHash' || hashed);
  const of = (update: Update) => Object.fromEntries(names.map((name) => [name, update[name]]));
  return changesIn(of(was), of(is)).map(({ path, ...values }) => ({ path: path.join('.'), ...values }));
}

/** The hash of the weights that a run's training began with, as its newest checkpoint says; null where none does. */
async function firstWeightsOf(topology: Topology): Promise<string | null> {
  const last = lastCheckpoint(runFolder(topology));
  if (last === null) return null;
  const text = await readFile(join(last.path, stateFile), 'utf8').catch(() => '');
  const found = parseState(text, last.step);
  return typeof found === 'string' ? null : found.state.firstWeightsHash;
}

interface Reasons {
  /** The first two that differ; null where one is missing. */
  readonly pair: readonly [was: Update, is: Update] | null;
  readonly updates: readonly [number, number];
  readonly firstWeights: readonly (string | null)[];
  readonly topologies: readonly [old: Topology, replay: Topology];
}

function reasonsOf({ pair, updates, firstWeights, topologies }: Reasons): string[] {
  const [was, is] = firstWeights;
  if (was && is && was !== is) {
    return [
      `the policy that training began with is another: weights ${was.slice(0, 12)} then, ${is.slice(0, 12)} now`,
    ];
  }
  if (pair === null)
    return ['the topic that is read has lost records, or the replay was stopped before its end'];
  const [before, now] = pair;
  if (before.subTrajectories < now.subTrajectories && before.step < updates[0]) {
    return [
      'the old run was drained there with a part of a batch, and went on later with what was fed then: a replay cuts its batches otherwise',
    ];
  }
  if (before.subTrajectories !== now.subTrajectories || before.meanReward !== now.meanReward) {
    return [
      'the records are others: `swirl diff` names the first',
      ...(topologies[1].stages.rollout === undefined
        ? []
        : ['questions that were fed while the run went on may have been answered in another order']),
    ];
  }
  const free = settingsDiff(topologies[0], topologies[1])
    .map(({ path }) => path)
    .filter((path) => /^(policy|learner|stages\.train)\./.test(path));
  const apart = Math.abs(before.loss - now.loss) / Math.max(Math.abs(before.loss), Number.MIN_VALUE);
  return [
    apart <= ROUNDING
      ? 'no more than rounding: another adapter, driver or version of Swirl sums in another order (policy.device, policy.matmul)'
      : 'more than rounding: another version of Swirl, or a fault of this machine; `swirl doctor` checks every kernel',
    ...(free.length === 0 ? [] : [`settings that should change nothing: ${free.join(', ')}`]),
  ];
}
