/**
 * The topology of the runs with the adding policy: every stage, nothing filtered out, a checkpoint at every
 * other update.
 */
import { instructions } from './able-policy.ts';

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
    stages: {
      start: { rollouts: 2 },
      rollout: { window: 8 },
      tools: {},
      decompose: {},
      judge: {},
      filter: { mode: 'none' },
      reward: {},
      train: {
        batch: { trajectories: 3 },
        schedule: { kind: 'constant', learningRate: 1e-3 },
        maxRowTokens: 256,
        checkpointEvery: 2,
      },
    },
  };
}
