/** What a drawing of a topology shows: stages with a note each, and the topics between them. */
import { basename } from 'node:path';
import { consumersOf, flowStages, producersOf } from './flow.ts';
import type { Topology } from './topology.ts';

export interface GraphStage {
  readonly name: string;
  readonly reads: string;
  readonly writes: readonly string[];
  /** How it is configured, in a few words. Holds names from the file: hostile text. */
  readonly note: string;
}

export interface Graph {
  readonly run: string;
  readonly stages: readonly GraphStage[];
  /** Topics that nothing here writes, and where they come from. */
  readonly inputs: readonly { readonly topic: string; readonly from: string }[];
  /** Topics that nothing here reads. */
  readonly outputs: readonly string[];
}

export function topologyGraph(topology: Topology): Graph {
  const stages = flowStages(topology).map((stage) => ({ ...stage, note: noteOf(topology, stage.name) }));
  const read = [...new Set(stages.map((stage) => stage.reads))];
  const written = [...new Set(stages.flatMap((stage) => stage.writes))];
  const { source } = topology;
  return {
    run: topology.run,
    stages,
    inputs: read
      .filter((topic) => producersOf(topology, topic).length === 0 || topic === source?.topic)
      .map((topic) => ({ topic, from: topic === source?.topic ? `run ${source.run}` : 'fed' })),
    outputs: written.filter((topic) => consumersOf(topology, topic).length === 0),
  };
}

function noteOf(topology: Topology, stage: string): string {
  const own = Object.hasOwn(topology.ownStages, stage) ? topology.ownStages[stage] : undefined;
  if (own !== undefined) return basename(own.path);
  const { stages, policy, judge, reward, tools } = topology;
  switch (stage) {
    case 'start':
      return rolloutsEach(stages.start?.rollouts ?? 0);
    case 'branch':
      return rolloutsEach(stages.branch?.rollouts ?? 0);
    case 'rollout':
      return modelNote(policy);
    case 'tools':
      return Object.keys(tools).join(', ');
    case 'judge':
      return modelNote(judge);
    case 'filter':
      return stages.filter?.mode ?? '';
    case 'resample':
      return `${stages.resample?.actions ?? 0} fresh actions each`;
    case 'reward':
      return reward.kind === 'constant' ? `constant ${reward.value}` : modelNote(reward);
    case 'train': {
      const batch = stages.train?.batch;
      if (batch === undefined) return '';
      const size =
        'subTrajectories' in batch ? `${batch.subTrajectories} steps` : `${batch.trajectories} trajectories`;
      return `batches of ${size}`;
    }
    default:
      return '';
  }
}

function modelNote(model: {
  readonly kind: string;
  readonly model?: unknown;
  readonly path?: unknown;
}): string {
  if (model.kind === 'module') return basename(String(model.path));
  return typeof model.model === 'string' ? `${model.kind}: ${model.model}` : model.kind;
}

function rolloutsEach(count: number): string {
  return count === 1 ? 'one rollout each' : `${count} rollouts each`;
}
