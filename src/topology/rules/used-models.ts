/** The models that some stage of a topology uses, and where they stand in it. */
import type { Topology } from '../topology.ts';

export interface UsedModel {
  readonly path: readonly PropertyKey[];
  readonly model: Readonly<Record<string, unknown>>;
}

/** The models that some stage uses. */
export function usedModels(topology: Topology): UsedModel[] {
  const { stages, policy, judge, reward, learner } = topology;
  const models: UsedModel[] = [];
  if (
    stages.rollout !== undefined ||
    stages.resample !== undefined ||
    (stages.train !== undefined && policy.kind === 'local')
  ) {
    models.push({ path: ['policy'], model: policy });
  }
  if (stages.train !== undefined && learner !== null) {
    models.push({ path: ['learner'], model: { kind: 'local', ...learner } });
  }
  const judges = stages.reward !== undefined && reward.kind === 'judge';
  if (stages.judge !== undefined || judges) models.push({ path: ['judge'], model: judge });
  if (stages.reward !== undefined) models.push({ path: ['reward'], model: reward });
  return models;
}
