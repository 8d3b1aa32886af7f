/**
 * Makes the base policy: supervised training on demonstrations, every action with weight 1, good or bad. What
 * comes out writes as the demonstrator does, faults and all; the flow then makes it better.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PolicyFolder } from '../checkpoint/folder.ts';
import { openPolicy, savePolicy } from '../checkpoint/folder.ts';
import { writeJson } from '../checkpoint/folder-aside.ts';
import { makePolicy, policyShape } from '../checkpoint/new-policy.ts';
import { readOptimizer, writeOptimizer } from '../checkpoint/optimizer-file.ts';
import { readWeights } from '../checkpoint/weight-files.ts';
import { hashEngine } from '../checkpoint/weights-hash.ts';
import { subTrajectories } from '../decompose/decompose.ts';
import { tensorShapes } from '../engine/config.ts';
import type { Engine } from '../engine/engine.ts';
import { ConfigError } from '../errors.ts';
import { updateConfig } from '../train/config.ts';
import type { UpdateStatistics } from '../train/optimizer-step.ts';
import { OptimizerStep } from '../train/optimizer-step.ts';
import type { TrainStep } from '../train/packing.ts';
import { demonstrations } from './demonstrations.ts';
import { faultsConfig } from './faults.ts';
import { labTasks } from './task-settings.ts';
import { labTokenizer } from './vocabulary.ts';

export const baseConfig = z.strictObject({
  seed: z
    .int()
    .min(0)
    .default(1)
    .describe('Decides the first weights, the worlds, the questions and the faults.'),
  updates: z.int().min(1).default(4500).describe('Optimizer steps.'),
  trajectories: z.int().min(1).default(16).describe('Demonstrations in a batch.'),
  learningRate: z.number().positive().default(3e-3).describe('Peak, after the warm-up; a cosine follows.'),
  finalShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('The last learning rate, as a share of the peak.'),
  warmupSteps: z.int().min(0).default(50).describe('Updates of linear warm-up.'),
  staleRate: z.number().min(0).max(1).default(0.15).describe('Share of articles with a wrong statement.'),
  searchPerWorld: z.int().min(1).default(200).describe('Search questions asked of a world.'),
  mathPerWorld: z.int().min(1).default(100).describe('Word problems in between.'),
  checkpointEvery: z.int().min(1).default(100).describe('Updates between checkpoints.'),
  faults: faultsConfig.prefault({}),
  shape: policyShape.prefault({
    hiddenSize: 64,
    intermediateSize: 128,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 16,
    maxPositions: 256,
    slidingWindow: 256,
  }),
});
export type BaseConfig = z.output<typeof baseConfig>;

export interface BaseDeps {
  /** Where the checkpoint is kept; an unfinished one there is taken up. */
  readonly folder: string;
  readonly openEngine: (policy: PolicyFolder) => Promise<Engine>;
  readonly onUpdate: (statistics: UpdateStatistics) => void;
  /** Milliseconds on a clock that only goes forward. */
  readonly now: () => number;
  /** Aborts between two updates; what is done by then is kept. */
  readonly signal: AbortSignal;
}

export interface MadeBase {
  /** The trained policy's folder. */
  readonly path: string;
  readonly weightsHash: string;
  readonly device: string;
}

const stateFile = 'base.json';
const optimizerFile = 'optimizer.safetensors';
const savedState = z.strictObject({ step: z.int().min(0), settings: z.string() });

/**
 * Trains a base policy, from the start or from the checkpoint in `deps.folder`. Throws `ConfigError` where
 * the checkpoint was made with other settings, and as the optimizer does where training diverges.
 */
export async function makeBasePolicy(config: BaseConfig, deps: BaseDeps): Promise<MadeBase> {
  const path = join(deps.folder, 'policy');
  const settings = JSON.stringify(config);
  const done = await doneSteps(path, settings);
  const { shape, seed } = config;
  const policy =
    done === null
      ? await makePolicy({ path, shape, seed, tokenizer: labTokenizer() })
      : await openPolicy(path);
  const shapes = tensorShapes(policy.config);
  const engine = await deps.openEngine(policy);
  try {
    if (done !== null) await engine.setOptimizer(await readOptimizer(join(path, optimizerFile), shapes));
    const optimizerStep = newOptimizerStep(config, engine, policy, done ?? 0);
    const save = async () => {
      const optimizer = await engine.optimizer();
      await savePolicy(path, policy, await engine.weights(), async (folder) => {
        await writeOptimizer(join(folder, optimizerFile), optimizer, shapes);
        await writeJson(join(folder, stateFile), { step: optimizerStep.taken, settings });
      });
    };
    if (done === null) await save();
    for await (const batch of batches(config, deps, optimizerStep.taken)) {
      const { statistics, refused } = await optimizerStep.packAndTake(batch);
      if (refused[0] !== undefined)
        throw new ConfigError(`demonstration ${refused[0].id}: ${refused[0].reason}`);
      if (statistics !== null) deps.onUpdate(statistics);
      if (optimizerStep.taken % config.checkpointEvery === 0 || optimizerStep.taken === config.updates)
        await save();
    }
    return { path, weightsHash: await hashEngine(engine), device: engine.device };
  } finally {
    await engine.close();
  }
}

/**
 * Moves a trained policy, without its optimizer's state, to where the project keeps it, and says how it was
 * made.
 */
export async function publishBase(made: MadeBase, to: string, config: BaseConfig): Promise<void> {
  const policy = await openPolicy(made.path);
  await savePolicy(to, policy, await readWeights(policy), async (folder) => {
    await writeJson(join(folder, 'lab.json'), {
      weightsHash: made.weightsHash,
      device: made.device,
      settings: config,
    });
  });
}

/**
 * How many updates the checkpoint has; null where there is none. Never touches a folder that is not a
 * checkpoint.
 */
async function doneSteps(path: string, settings: string): Promise<number | null> {
  if (!(await stat(path).catch(() => undefined))) return null;
  const file = join(path, stateFile);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(
      `${path}: expected a checkpoint of a base policy, or nothing; found a folder without ${stateFile}. Move it away, ` +
        'or keep the checkpoint elsewhere (--folder)',
      { cause },
    );
  });
  const saved = savedState.parse(JSON.parse(text));
  if (saved.settings !== settings) {
    throw new ConfigError(
      `${path} was made with other settings: ${saved.settings}; expected ${settings}. Move it away to begin anew`,
    );
  }
  return saved.step;
}

function newOptimizerStep(
  config: BaseConfig,
  engine: Engine,
  policy: PolicyFolder,
  step: number,
): OptimizerStep {
  const { learningRate, warmupSteps, finalShare, updates } = config;
  const update = updateConfig.parse({
    maxRowTokens: config.shape.maxPositions,
    schedule: {
      kind: 'cosine',
      learningRate,
      warmupSteps,
      totalSteps: updates,
      finalLearningRate: learningRate * finalShare,
      // The bundled policy is made again from its seed, to the bit.
      end: 'at',
    },
  });
  const tasks = new Map(Object.values(labTasks).map((task) => [task.name, task]));
  return new OptimizerStep(update, { engine, renderer: policy.renderer, tasks }, step);
}

/** The batches from update number `done` on: all that come before it are drawn and passed over. */
async function* batches(config: BaseConfig, deps: BaseDeps, done: number): AsyncGenerator<TrainStep[]> {
  const { seed, faults, staleRate, searchPerWorld, mathPerWorld, trajectories, updates } = config;
  const perWorld = { search: searchPerWorld, math: mathPerWorld };
  const { now, signal } = deps;
  let batch: TrainStep[] = [];
  let taken = 0;
  for await (const { trajectory } of demonstrations({
    seed,
    split: 'base',
    faults,
    staleRate,
    perWorld,
    now,
    signal,
  })) {
    if (taken >= done * trajectories) {
      const steps = subTrajectories(trajectory);
      batch.push(...steps.map((subTrajectory) => ({ subTrajectory, reward: { value: 1 } })));
    }
    taken++;
    if (taken % trajectories !== 0 || taken <= done * trajectories) continue;
    signal.throwIfAborted();
    yield batch;
    batch = [];
    if (taken >= updates * trajectories) return;
  }
}
