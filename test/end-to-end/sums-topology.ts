/**
 * The topology of the runs with the adding policy: every stage, nothing filtered out, a checkpoint at every
 * other update.
 */
import { instructions } from './able-policy.ts';

interface Stages {
  readonly start: object;
  readonly rollout: object;
  readonly filter?: object;
  /** Of a batch. */
  readonly trajectories: number;
  readonly maxRowTokens?: number;
}

/** Settings of every stage, training included. */
export function everyStage({ start, rollout, filter, trajectories, maxRowTokens = 256 }: Stages) {
  return {
    start,
    rollout,
    ...{ tools: {}, decompose: {}, judge: {}, filter: filter ?? { mode: 'none' }, reward: {} },
    train: {
      batch: { trajectories },
      schedule: { kind: 'constant', learningRate: 1e-3 },
      maxRowTokens,
      checkpointEvery: 2,
    },
  };
}

/** As an object, which is written as JSON. Runs live in `folder`, beside the policy in `policy`. */
export function sumsTopology(folder: string, device: 'auto' | 'reference' = 'reference') {
  return {
    run: 'main',
    seed: 7,
    folder,
    policy: { kind: 'local', checkpoint: 'policy', maxTokens: 12, contextTokens: 256, device },
    judge: { kind: 'rules' },
    reward: { kind: 'constant', value: 1 },
    tasks: { sums: { tools: ['calculator'], maxSteps: 3, instructions } },
    tools: { calculator: { kind: 'calculator' } },
    stages: everyStage({ start: { rollouts: 2 }, rollout: { window: 8 }, trajectories: 3 }),
  };
}
