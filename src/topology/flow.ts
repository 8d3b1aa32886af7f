/** The topology as a graph: which stage writes what another reads. */
import { STAGE_RECORDS, STAGES, type StageName } from './stage-configs.ts';
import type { TopicName } from './topics.ts';
import type { Topology } from './topology.ts';

export interface FlowStage {
  readonly name: StageName;
  readonly reads: TopicName;
  readonly writes: readonly TopicName[];
}

/** The stages that are there, in the order of the flow. */
export function flowStages(topology: Topology): FlowStage[] {
  return STAGES.flatMap((name) => {
    const stage = topology.stages[name];
    return stage === undefined ? [] : [{ name, reads: stage.reads, writes: stage.writes }];
  });
}

export function producersOf(topology: Topology, topic: TopicName): StageName[] {
  return flowStages(topology)
    .filter((stage) => stage.writes.includes(topic))
    .map((stage) => stage.name);
}

export function consumersOf(topology: Topology, topic: TopicName): StageName[] {
  return flowStages(topology)
    .filter((stage) => stage.reads === topic)
    .map((stage) => stage.name);
}

/** Topics that some stage reads and no stage writes, and that no other run provides: they must be fed. */
export function inputTopics(topology: Topology): TopicName[] {
  const read = new Set(flowStages(topology).map((stage) => stage.reads));
  return [...read].filter(
    (topic) => producersOf(topology, topic).length === 0 && topology.source?.topic !== topic,
  );
}

/**
 * The stages at and after a topic: those that a replay from it runs. By what each stage's records are, not by
 * what is there, so that `turns` brings its whole cycle.
 */
export function stagesFrom(topic: TopicName): StageName[] {
  const reached = new Set<TopicName>([topic]);
  const stages = new Set<StageName>();
  for (let before = -1; before !== stages.size; ) {
    before = stages.size;
    for (const name of STAGES) {
      if (!reached.has(STAGE_RECORDS[name].reads)) continue;
      stages.add(name);
      for (const written of STAGE_RECORDS[name].writes) reached.add(written);
    }
  }
  return STAGES.filter((name) => stages.has(name));
}

/**
 * A cycle of stages and topics that does not pass through `turns`, as `a -> topic -> b -> ... -> a`; null where
 * there is none. The cycle of a rollout's turns is the only one that ends by itself (at `maxSteps`).
 */
export function strayCycle(topology: Topology): readonly string[] | null {
  const stages = flowStages(topology);
  const visit = (
    stage: FlowStage,
    trail: readonly string[],
    open: readonly StageName[],
  ): readonly string[] | null => {
    if (open.includes(stage.name)) return trail.slice(trail.indexOf(stage.name));
    for (const topic of stage.writes) {
      if (topic === 'turns') continue;
      for (const next of stages.filter((candidate) => candidate.reads === topic)) {
        const found = visit(next, [...trail, topic, next.name], [...open, stage.name]);
        if (found !== null) return found;
      }
    }
    return null;
  };
  for (const stage of stages) {
    const found = visit(stage, [stage.name], []);
    if (found !== null) return found;
  }
  return null;
}
