/** The laboratory as a flow: a topology, a search corpus, questions to learn from and questions held out. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { corpus } from '../lab/articles.ts';
import { questionsOf } from '../lab/demonstrations.ts';
import { labTasks, labTools } from '../lab/task-settings.ts';
import { makeWorld } from '../lab/world.ts';
import { makeFolder } from '../make-folder.ts';
import type { Question } from '../topics/records.generated.ts';
import { resolveTopology } from '../topology/load.ts';
import type { Topology } from '../topology/topology.ts';

export const labFlowConfig = z.strictObject({
  seed: z.int().min(0).default(7).describe('Decides the world, the questions and every sample.'),
  questions: z.int().min(1).default(100).describe('Questions of each task to learn from.'),
  heldOut: z
    .int()
    .min(1)
    .default(200)
    .describe('Questions of each task to evaluate on, about other people and places.'),
  rollouts: z.int().min(1).default(5).describe('Trajectories per question.'),
  staleRate: z.number().min(0).max(1).default(0.15).describe('Share of articles with a wrong statement.'),
  epochs: z.int().min(1).default(3).describe('Passes over the scored steps.'),
  learningRate: z.number().positive().default(1e-3).describe('Of the updates.'),
  checkpoint: z.string().default('swirl:assets/base-policy').describe('The policy to begin with.'),
});
export type LabFlowConfig = z.output<typeof labFlowConfig>;

export interface LabFlow {
  readonly topology: Topology;
  /** To learn from. */
  readonly questions: readonly Question[];
  /** To evaluate on: no entity of theirs occurs in `questions` or in what the base policy was made of. */
  readonly heldOut: readonly Question[];
}

/** Writes the search corpus to `corpusPath`, and puts the flow of a run together. */
export async function labFlow(
  config: LabFlowConfig,
  { run, folder }: { readonly run: string; readonly folder: string },
): Promise<LabFlow> {
  const { seed, staleRate } = config;
  const train = makeWorld({ seed, split: 'train', staleRate });
  const test = makeWorld({ seed, split: 'test', staleRate });
  const corpusPath = join(folder, run, 'corpus.jsonl');
  makeFolder(dirname(corpusPath));
  const articles = [...corpus(train), ...corpus(test)];
  await writeFile(corpusPath, articles.map((article) => `${JSON.stringify(article)}\n`).join(''));
  const count = (questions: number) => ({ search: questions, math: questions });
  return {
    topology: resolveTopology(topologyOf(config, { run, folder, corpusPath }), process.cwd()),
    questions: [...questionsOf(train, count(config.questions))],
    heldOut: [...questionsOf(test, count(config.heldOut))],
  };
}

function topologyOf(
  { seed, rollouts, epochs, learningRate, checkpoint }: LabFlowConfig,
  { run, folder, corpusPath }: { readonly run: string; readonly folder: string; readonly corpusPath: string },
): object {
  const window = 256;
  return {
    run,
    seed,
    folder,
    policy: { kind: 'local', checkpoint, temperature: 1, maxTokens: 24, contextTokens: 256, slots: 128 },
    judge: { kind: 'lab' },
    reward: { kind: 'verdict' },
    tasks: Object.fromEntries(
      Object.values(labTasks).map(({ name, instructions, tools, maxSteps }) => [
        name,
        { instructions, tools, maxSteps },
      ]),
    ),
    tools: {
      [labTools.search.name]: { kind: 'search', tag: labTools.search.tag, corpus: corpusPath },
      [labTools.math.name]: { kind: 'calculator', tag: labTools.math.tag },
    },
    stages: {
      start: { rollouts },
      rollout: { window },
      tools: { window },
      decompose: {},
      judge: { window },
      filter: { mode: 'process' },
      reward: { window },
      train: {
        batch: { subTrajectories: 32 },
        epochs,
        schedule: { kind: 'constant', learningRate, warmupSteps: 5 },
        checkpointEvery: 50,
        keepCheckpoints: 2,
      },
    },
  };
}
