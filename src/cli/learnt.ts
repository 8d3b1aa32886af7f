/** What the summary of a run says of what it has learnt, and what to do with it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { counted } from './count.ts';
import type { RunStatus } from './run-status.ts';

export interface Learnt {
  /** Of what this process has judged, by verdict. */
  readonly steps: Readonly<Record<string, number>>;
  readonly trajectories: number;
  readonly accepted: number;
  /** Updates that this process made, and the number of the last one. */
  readonly updates: number;
  readonly step: number;
  /** Mean rewards of the updates: of all, of the first tenth, of the last tenth. */
  readonly reward: { readonly mean: number; readonly first: number; readonly last: number };
  /** The folder of the policy after the last update; null where it is not kept. */
  readonly checkpoint: string | null;
}

/** Null where no update was made. */
export function learntOf(topology: Topology, status: RunStatus): Learnt | null {
  const { rewards, update, labels, trajectories, accepted, updates } = status;
  if (rewards === null || update === null) return null;
  const checkpoint = join(runFolder(topology), 'checkpoints', `step-${update.step}`);
  return {
    ...{ steps: { ...labels }, trajectories, accepted, updates, step: update.step, reward: rewards },
    checkpoint: existsSync(checkpoint) ? checkpoint : null,
  };
}

interface Named {
  /** The run's folder as commands take it. */
  readonly folder: string;
  readonly status: RunStatus;
}

/** Lines for people. */
export function learntLines(
  { updates, step, reward, checkpoint }: Learnt,
  { folder, status }: Named,
): string[] {
  const short = (value: number) => String(Number(value.toPrecision(3)));
  const judged = status.judgedParts();
  const at = `${folder}/checkpoints/step-${step}`;
  return [
    `learnt: ${counted(updates, 'update')}${updates === step ? '' : ` (to update ${step})`}, reward ${short(reward.mean)}` +
      `${reward.first === reward.last ? '' : ` (first ${short(reward.first)}, last ${short(reward.last)})`}${judged.length > 0 ? `; ${judged.join(', ')}` : ''}`,
    ...(checkpoint === null
      ? ['policy: not kept yet; the next run makes the updates after the last checkpoint again']
      : [`policy: ${at}`]),
  ];
}
