/** The topology of a run of branches: an old run's, with rollouts that begin again at recorded contexts. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { hasStage } from './flow.ts';
import { examineFile, type Loaded, openTopology } from './load.ts';
import { parentOf } from './parent.ts';
import { freeName } from './replay.ts';
import { RESOLVED_FILE } from './resolved.ts';
import { CONTEXTS } from './stage-configs.ts';

export interface BranchTopologyOptions {
  /** The old run, and where it lives. */
  readonly run: string;
  readonly folder: string;
  /** The new run's name; by default the old one's with the first free number. */
  readonly as?: string | undefined;
  /** Trajectories that begin again at each context. */
  readonly rollouts: number;
  /** A checkpoint in place of the topology's policy. */
  readonly policy?: string | undefined;
  /** Settings to change. */
  readonly set: readonly string[];
}

/** Throws a `ConfigError` where the old run is not there or has no rollouts, or the name is taken. */
export async function branchTopology(options: BranchTopologyOptions): Promise<Loaded> {
  const { run, folder, as, rollouts, policy, set } = options;
  const file = join(folder, run, RESOLVED_FILE);
  if (!existsSync(file)) {
    throw new ConfigError(
      `there is no run ${run} in ${folder}: expected ${file}, which every run leaves there`,
    );
  }
  const name = as ?? freeName(folder, `${run}-branch`);
  if (existsSync(join(folder, name)))
    throw new ConfigError(`--as ${name}: there is a run of that name: take another, or go on with \`run\``);
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
  return openTopology(file, { set: [...named, ...set], replayed: true });
}
