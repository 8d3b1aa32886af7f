/** The topology as a graph: which stage writes what another reads. */
import type { TopicSpec } from '../topics/transport.ts';
import { DEFAULT_STAGES, STAGE_RECORDS, STAGES } from './stage-configs.ts';
import { TOPICS, type TopicName } from './topics.ts';
import type { Topology } from './topology.ts';

export interface FlowStage {
  readonly name: string;
  readonly reads: string;
  readonly writes: readonly string[];
}

/**
 * The stages that are there, in the order of the flow: those that a topology adds come after the stages whose
 * records they read, and those that nobody reads from at the end.
 */
export function flowStages(topology: Pick<Topology, 'stages' | 'ownStages'>): FlowStage[] {
  const { stages, ownStages } = topology;
  const wiring = (name: string, { reads, writes }: Omit<FlowStage, 'name'>) => ({ name, reads, writes });
  const placed = STAGES.flatMap((name) => {
    const stage = stages[name] ?? (Object.hasOwn(ownStages, name) ? ownStages[name] : undefined);
    return stage === undefined ? [] : [wiring(name, stage)];
  });
  const added = Object.entries(ownStages)
    .filter(([name]) => !(STAGES as readonly string[]).includes(name))
    .map(([name, stage]) => wiring(name, stage));
  const all = [...placed, ...added];
  const isRead = ({ writes }: FlowStage) => all.some(({ reads }) => writes.includes(reads));
  let left = added.filter(isRead);
  while (left.length > 0) {
    const waiting = left.filter(({ reads }) => left.some(({ writes }) => writes.includes(reads)));
    // In a circle all wait for each other: the rule `cycle` speaks about that.
    const next = waiting.length < left.length ? left.filter((stage) => !waiting.includes(stage)) : left;
    for (const stage of next) {
      const before = placed.findLastIndex(
        (one) => one.writes.includes(stage.reads) || (added.includes(one) && one.reads === stage.reads),
      );
      placed.splice(before + 1, 0, stage);
    }
    left = left.filter((stage) => !next.includes(stage));
  }
  return [...placed, ...added.filter((stage) => !isRead(stage))];
}

/** Whether there is a stage of that name: Swirl's, or one's own. */
export function hasStage(topology: Pick<Topology, 'stages' | 'ownStages'>, name: string): boolean {
  return flowStages(topology).some((stage) => stage.name === name);
}

export function producersOf(topology: Topology, topic: string): string[] {
  return flowStages(topology)
    .filter((stage) => stage.writes.includes(topic))
    .map((stage) => stage.name);
}

export function consumersOf(topology: Topology, topic: string): string[] {
  return flowStages(topology)
    .filter((stage) => stage.reads === topic)
    .map((stage) => stage.name);
}

/**
 * The topic of Swirl's own whose records a topic holds; null where it has a schema of its own, undefined
 * where the run has no such topic.
 */
export function recordsOf(
  { ownTopics }: Pick<Topology, 'ownTopics'>,
  topic: string,
): TopicName | null | undefined {
  const known = TOPICS.find((name) => name === topic);
  if (known !== undefined) return known;
  const own = Object.hasOwn(ownTopics, topic) ? ownTopics[topic] : undefined;
  if (own === undefined) return undefined;
  return 'record' in own ? own.record : null;
}

/**
 * Which of these topics hold the records of Swirl's own topics under another name, by the name that Swirl
 * has.
 */
export function heldBy(
  topology: Pick<Topology, 'ownTopics'>,
  topics: readonly string[],
): ReadonlyMap<string, string> {
  const held = topics.map((topic) => [recordsOf(topology, topic) ?? topic, topic] as const);
  return new Map(held.filter(([record, topic]) => record !== topic));
}

/** The names of every topic of the run. */
export function topicsOf({ ownTopics }: Pick<Topology, 'ownTopics'>): string[] {
  return [...TOPICS, ...Object.keys(ownTopics)];
}

/** The topics of the run, with their partitions. */
export function topicSpecs(topology: Pick<Topology, 'topics' | 'ownTopics'>): TopicSpec[] {
  const own = Object.entries(topology.ownTopics).map(([name, { partitions }]) => ({ name, partitions }));
  return [...TOPICS.map((name) => ({ name, partitions: topology.topics[name].partitions })), ...own];
}

/** Topics that some stage reads and no stage writes, and that no other run provides: they must be fed. */
export function inputTopics(topology: Topology): string[] {
  const read = new Set(flowStages(topology).map((stage) => stage.reads));
  return [...read].filter(
    (topic) => producersOf(topology, topic).length === 0 && topology.source?.topic !== topic,
  );
}

/**
 * The stages at and after a topic: those that a replay from it runs. Of Swirl's stages also those that the
 * topology does not have, as they are by default, so that `turns` brings its whole cycle.
 */
export function stagesFrom(topic: string, topology: Topology | null): string[] {
  const stages = possibleStages(topology);
  const reached = new Set([topic]);
  const found = new Set<string>();
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { name, reads, writes } of stages) {
      if (!reached.has(reads)) continue;
      found.add(name);
      for (const written of writes) reached.add(written);
    }
  }
  return stages.map(({ name }) => name).filter((name) => found.has(name));
}

/** The stages whose records, by way of others, come into a topic: in the order of the flow. */
export function stagesBefore(topology: Topology, topic: string): FlowStage[] {
  const stages = flowStages(topology);
  const topics = new Set([topic]);
  for (let before = 0; before !== topics.size; ) {
    before = topics.size;
    for (const { reads, writes } of stages) if (writes.some((name) => topics.has(name))) topics.add(reads);
  }
  return stages.filter(({ writes }) => writes.some((name) => topics.has(name)));
}

/** Those that the topology has, and Swirl's others as they are by default. */
export function possibleStages(topology: Topology | null): FlowStage[] {
  const there = topology === null ? [] : flowStages(topology);
  const others = DEFAULT_STAGES.filter((name) => there.every((stage) => stage.name !== name));
  return [...there, ...others.map((name) => ({ name, ...STAGE_RECORDS[name] }))];
}

/**
 * A cycle of stages and topics that does not pass through `turns`, as `a -> topic -> b -> ... -> a`; null
 * where there is none. The cycle of a rollout's turns is the only one that ends by itself (at `maxSteps`).
 */
export function strayCycle(topology: Topology): readonly string[] | null {
  const stages = flowStages(topology);
  const visit = (
    stage: FlowStage,
    trail: readonly string[],
    open: readonly string[],
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
