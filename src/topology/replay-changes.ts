/** What a replay has changed of what decides its records, and what may make them others by itself. */
import { changesIn } from './changes.ts';
import { differencesOf } from './deciding-settings.ts';
import { flowStages } from './flow.ts';
import type { Topology } from './topology.ts';
import { changedParts } from './unchanged.ts';

export interface ReplayChange {
  /** A setting, such as `stages.filter.mode`; a part, such as `judge`; or what is left out of the topic. */
  readonly path: string;
  /** As JSON, of a part its hash; null where it is not there. */
  readonly was: string | null;
  readonly is: string | null;
  /** The stages whose records it decides. */
  readonly stages: readonly string[];
  /** Whether it may be the same by another name: a path, an endpoint. */
  readonly isTold: boolean;
}

/** Of the stages that the replay has. */
export function replayChanges(was: Topology, is: Topology): ReplayChange[] {
  const here = flowStages(is).map(({ name }) => name);
  const settings = differencesOf(was, is)
    .filter(({ path }) => path !== 'source' && !path.startsWith('source.'))
    .map((one) => ({ ...one, was: one.was ?? null, is: one.is ?? null }));
  const parts = changedParts(was, is).map(({ name, stages, ...one }) => ({
    ...{ path: name, was: one.was, is: one.is, stages },
    isTold: false,
  }));
  const before = flowStages(was).map(({ name }) => name);
  const added = here
    .filter((name) => !before.includes(name))
    .map((name) => ({
      path: `stages.${name}`,
      was: null,
      is: settingsOf(is, name),
      stages: [name],
      isTold: false,
    }));
  return [...settings, ...parts, ...recordChanges(was, is), ...added]
    .map((one) => ({ ...one, stages: one.stages.filter((stage) => here.includes(stage)) }))
    .filter(({ stages }) => stages.length > 0);
}

/** What is said of a stage that is added, besides where it stands. */
function settingsOf({ stages, ownStages }: Topology, name: string): string {
  const {
    reads: _,
    writes: __,
    window: ___,
    retry: ____,
    ...own
  } = { ...stages, ...ownStages }[name as 'start'] ?? {};
  return JSON.stringify(own);
}

/** What of the topic is read, where that is not what the old run had of it. */
function recordChanges(was: Topology, { source, ...is }: Topology): ReplayChange[] {
  if (source === null) return [];
  const before = was.source?.topic === source.topic ? was.source : null;
  const read = ({ without, until, verdicts }: Omit<typeof source, 'run' | 'topic'>) => ({
    ...{ without, until, verdicts },
  });
  const reading = flowStages(is).flatMap(({ name, reads }) => (reads === source.topic ? [name] : []));
  const text = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
  return changesIn(read(before ?? { without: [] }), read(source)).map((one) => ({
    ...{ path: `source.${one.path.join('.')}`, was: text(one.was), is: text(one.is) },
    stages: one.path[0] === 'verdicts' ? ['judge'] : reading,
    isTold: false,
  }));
}

/**
 * Why a run of the same settings may have other records: who is asked need not answer the same again, or
 * records come in the order of their arrival. Empty where everything is a function of what is read.
 */
export function whatMayDiffer(topology: Topology): string[] {
  const { stages, policy, judge, reward, tools, topics, ownTopics } = topology;
  const isElsewhere = (kind: string) => ['openai', 'http', 'mcp', 'module'].includes(kind);
  const asked = ({ kind }: { readonly kind: string }, path: string) =>
    isElsewhere(kind) ? [`\`${path}\` (kind ${kind}) may answer otherwise`] : [];
  const orders = flowStages(topology).flatMap(({ name, reads }) => {
    const settings = Object.hasOwn(ownTopics, reads)
      ? ownTopics[reads]
      : topics[reads as keyof typeof topics];
    return name === 'train' || (settings?.partitions ?? 1) === 1
      ? []
      : [`\`${reads}\` has several partitions, which come as they come`];
  });
  const { rollout, resample } = stages;
  return [
    ...((rollout ?? resample) === undefined ? [] : asked(policy, 'policy')),
    ...(resample?.follow ? ['fresh actions follow the training, as its updates come'] : []),
    ...(rollout !== undefined && rollout.merge !== 'deterministic' ? ['turns come as they come'] : []),
    ...(stages.tools === undefined
      ? []
      : Object.entries(tools).flatMap(([name, tool]) => asked(tool, `tools.${name}`))),
    ...(stages.judge === undefined && reward.kind !== 'judge' ? [] : asked(judge, 'judge')),
    ...(stages.reward === undefined ? [] : asked(reward, 'reward')),
    ...flowStages(topology).flatMap(({ name }) =>
      Object.hasOwn(topology.ownStages, name) ? [`\`stages.${name}\` is a module of yours`] : [],
    ),
    ...orders,
  ];
}
