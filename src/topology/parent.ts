/** The run that another one goes on from. */
import type { Topology } from './topology.ts';

/** What a replay reads, and what a run of branches began from; null where a run stands for itself. */
export function parentOf({ source, stages }: Pick<Topology, 'source' | 'stages'>): {
  readonly run: string;
  readonly topic: string;
} | null {
  if (source !== null) return { run: source.run, topic: source.topic };
  const of = stages.branch?.of ?? null;
  return of === null ? null : { run: of, topic: 'sub-trajectories' };
}
