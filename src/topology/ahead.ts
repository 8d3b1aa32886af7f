/** What stands between `resample` and the training that it follows. */
import { type FlowStage, flowStages, stagesBefore, topicSpecs } from './flow.ts';
import type { Topology } from './topology.ts';

export interface Ahead {
  /** The stages that its fresh actions go through, `train` among them. */
  readonly readers: readonly FlowStage[];
  /** How many records these hold at most until they have more: `resample` may not wait with so few. */
  readonly held: number;
}

/** Null where nothing is followed. */
export function aheadOf(topology: Topology): Ahead | null {
  const { resample, train } = topology.stages;
  if (!resample?.follow || train === undefined) return null;
  const leading = stagesBefore(topology, train.reads);
  const reached = new Set(resample.writes);
  const readers: FlowStage[] = [];
  for (const stage of flowStages(topology)) {
    const isBetween = stage.name === 'train' || leading.some(({ name }) => name === stage.name);
    if (!isBetween || !reached.has(stage.reads)) continue;
    readers.push(stage);
    for (const topic of stage.writes) reached.add(topic);
  }
  const specs = topicSpecs(topology);
  const held = readers.reduce((sum, { name, reads }) => {
    const own = topology.stages[name as 'train'] ?? topology.ownStages[name];
    const partitions = specs.find((spec) => spec.name === reads)?.partitions ?? 1;
    return sum + (own?.window ?? 0) * partitions;
  }, 0);
  return { readers, held };
}
