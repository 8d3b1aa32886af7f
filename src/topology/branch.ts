/** The topology of a run of branches: an old run's, with rollouts that begin again at recorded contexts. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { hasStage } from './flow.ts';
import { examineFile, type Loaded, openTopology } from './load.ts';
import { parentOf } from './parent.ts';
import { freeName } from './replay.ts';
import { RESOLVED_FILE } from './run-files.ts';
import { recordedFile } from './run-place.ts';
import { CONTEXTS } from './stage-configs.ts';
import type { Topology } from './topology.ts';

export interface BranchTopologyOptions {
  /** The old run, and where it lives. */
  readonly run: string;
  readonly folder: string;
  /** The new run's name, which may be there from the same call before; by default the old one's with the first free number. */
  readonly as?: string | undefined;
  /** Trajectories that begin again at each context. */
  readonly rollouts: number;
  /** A checkpoint in place of the topology's policy. */
  readonly policy?: string | undefined;
  /** Settings to change. */
  readonly set: readonly string[];
}

export interface BranchTopology extends Loaded {
  /** The run of that name as a `swirl branch` that was ended early left it; null where there is none. */
  readonly begun: Topology | null;
}

/** Throws a `ConfigError` where the old run is not there or has no rollouts, or the name is taken. */
export async function branchTopology(options: BranchTopologyOptions): Promise<BranchTopology> {
  const { run, folder, as, rollouts, policy, set } = options;
  const file = recordedFile(folder, run);
  const name = as ?? freeName(folder, `${run}-branch`);
  const begun = begunBranch(join(folder, name), { name, of: run });
  // Before there is a run of that name.
  if (policy !== undefined && !existsSync(policy))
    throw new ConfigError(`--policy ${policy}: there is no such folder; expected a checkpoint`);
  const named = Object.entries({
    run: name,
    folder: resolve(folder),
    source: null,
    fed: [CONTEXTS],
    'stages.start': false,
    'stages.branch': { rollouts, of: run },
    ...(policy === undefined ? {} : { 'policy.checkpoint': resolve(policy) }),
  }).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const { topology: old } = examineFile(file);
  if (old !== null && !hasStage(old, 'rollout')) {
    const parent = parentOf(old)?.run;
    throw new ConfigError(
      `the run ${run} has no stage \`rollout\`, so nothing would go on from its contexts${parent === undefined ? '' : `: name the run that it replays, ${parent}`}`,
    );
  }
  const loaded = await openTopology(file, { set: [...named, ...set], replayed: true });
  return { ...loaded, begun };
}

/** What a branch of this run left in the folder of its own; null where it has left no topology. */
function begunBranch(folder: string, { name, of }: { readonly name: string; readonly of: string }) {
  const file = join(folder, RESOLVED_FILE);
  if (existsSync(file)) {
    const { topology } = examineFile(file);
    const branch = topology?.stages.branch;
    if (branch?.of === of && branch.contexts !== null) return topology;
  } else if (!existsSync(folder) || readdirSync(folder).every(isLeftFirst)) {
    return null;
  }
  throw new ConfigError(`--as ${name}: there is a run of that name, and no branch of ${of}: take another`);
}

/** Whether a run leaves it before its topology: the log, and the topology's file while it is written. */
function isLeftFirst(entry: string): boolean {
  return entry === 'log' || (entry.startsWith(`${RESOLVED_FILE}.`) && entry.endsWith('.tmp'));
}
