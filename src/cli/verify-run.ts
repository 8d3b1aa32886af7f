/** Says of everything in a run's folder whether it is what was written there. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EVALUATION_FILE, readEvaluation } from '../evaluate/manifest.ts';
import { checkResolved, identityIn } from '../topology/resolved-seal.ts';
import { RESOLVED_FILE } from '../topology/run-files.ts';
import { examineCheckpoint } from '../train/examine-checkpoint.ts';
import { lastCheckpoint } from '../train/last-checkpoint.ts';
import { damaged, type Finding } from './verify-finding.ts';
import { verifyLog } from './verify-log.ts';

export interface VerifyOptions {
  /** Where the runs live. */
  readonly folder: string;
  readonly run: string;
}

/** The settings, the log, the checkpoints, and what an evaluation keeps; one finding after the other. */
export async function* verifyRun(options: VerifyOptions): AsyncGenerator<Finding, void> {
  const path = join(options.folder, options.run);
  yield settings(path);
  let updates = 0;
  for await (const finding of verifyLog(options)) {
    if (finding.part === 'topic updates') updates = finding.records ?? 0;
    yield finding;
  }
  yield* checkpoints(path, options.run);
  // An update is published when there is a checkpoint to go on from.
  if (updates > 0 && lastCheckpoint(path) === null)
    yield {
      part: 'checkpoints',
      state: 'damaged',
      says: `there is none, and ${updates} updates were made: the weights are gone (a replay from \`scored\` makes them again)`,
    };
  if (existsSync(join(path, EVALUATION_FILE))) yield evaluation(path);
}

function settings(path: string): Finding {
  const file = join(path, RESOLVED_FILE);
  try {
    if (checkResolved(readFileSync(file, 'utf8'), file))
      return { part: RESOLVED_FILE, state: 'whole', says: "the run's settings" };
    return { part: RESOLVED_FILE, state: 'unchecked', says: 'an earlier version wrote it, without a hash' };
  } catch (error) {
    return damaged(RESOLVED_FILE, error);
  }
}

async function* checkpoints(path: string, run: string): AsyncGenerator<Finding, void> {
  const folder = join(path, 'checkpoints');
  const names = existsSync(folder) ? await readdir(folder) : [];
  const steps = names.flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  const file = join(path, RESOLVED_FILE);
  const identity = existsSync(file) ? identityIn(readFileSync(file, 'utf8')) : null;
  for (const step of steps.sort((a, b) => a - b)) {
    const part = `checkpoints/step-${step}`;
    try {
      const { isSealed } = await examineCheckpoint(join(folder, `step-${step}`), step, { run, identity });
      const says = isSealed
        ? 'every file'
        : 'an earlier version wrote it: its tensors are checked when it is used';
      yield { part, state: isSealed ? 'whole' : 'unchecked', says };
    } catch (error) {
      yield damaged(part, error);
    }
  }
}

function evaluation(path: string): Finding {
  try {
    const { isSealed } = readEvaluation(join(path, EVALUATION_FILE));
    const says = isSealed ? 'what is evaluated' : 'an earlier version wrote it, without a hash';
    return { part: EVALUATION_FILE, state: isSealed ? 'whole' : 'unchecked', says };
  } catch (error) {
    return damaged(EVALUATION_FILE, error);
  }
}
