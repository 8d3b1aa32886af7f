/**
 * Variants of a recorded run: what it would have been under another judge, filter, reward or learner. Each is
 * a replay from the topic before the first stage that decides otherwise, of the recorded run or of another
 * variant that has the same up to there: so only what differs is computed.
 */
import { resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { flowStages, producersOf, stagesFrom } from './flow.ts';
import { begunWith } from './kept.ts';
import { openTopology } from './load.ts';
import type { Problem } from './problem.ts';
import { replaySettings, type Source, sourceOf } from './replay.ts';
import { type ReplayChange, replayChanges } from './replay-changes.ts';
import { recordedFile } from './run-place.ts';
import { withKeptMatmul } from './settle-matmul.ts';
import { withKeptTasks } from './settle-tasks.ts';
import type { Topology } from './topology.ts';

export interface Variant {
  readonly name: string;
  /** `path=value`, as `--set` takes them. */
  readonly set: readonly string[];
  /** A topology of its own, in place of the recorded run's. */
  readonly file?: string | undefined;
}

export interface PlannedVariant {
  readonly name: string;
  /** Its run: `RUN-NAME`. */
  readonly topology: Topology;
  /** What it decides otherwise than the recorded run. */
  readonly changes: readonly ReplayChange[];
}

export interface VariantsOptions {
  /** The recorded run. */
  readonly run: string;
  readonly folder: string;
  /** Settings that hold for the recorded run too, such as where its policy lies by now. */
  readonly set: readonly string[];
  readonly warn: (problems: readonly Problem[]) => void;
}

/** A run that a variant may replay, and what the whole of it would be. */
interface Candidate {
  readonly topology: Topology;
  readonly whole: Topology;
}

/** Plans them in order. Throws a `ConfigError` for one that decides nothing otherwise, or has the run of another. */
export async function planVariants(
  variants: readonly Variant[],
  options: VariantsOptions,
): Promise<PlannedVariant[]> {
  const { run, set, warn } = options;
  // Paths in a topology are relative to its file.
  const folder = resolve(options.folder);
  const recordedPath = recordedFile(folder, run);
  const recorded = await openTopology(recordedPath, {
    set: [...set, named('folder', folder)],
    replayed: true,
  });
  warn(recorded.warnings);
  const candidates: Candidate[] = [{ topology: recorded.topology, whole: recorded.topology }];
  const planned: PlannedVariant[] = [];
  for (const variant of variants) {
    const file = variant.file ?? recordedPath;
    // Topics are the recorded run's, wherever another file would have its own.
    const { transport, source } = recorded.topology;
    const place = { run, folder, transport, source };
    const all = [...set, ...variant.set, ...Object.entries(place).map(([key, value]) => named(key, value))];
    // What was left to Swirl is as it was settled for the recorded run.
    const settled = (topology: Topology) =>
      withKeptTasks(withKeptMatmul(topology, recorded.topology), recorded.topology);
    const whole = settled((await openTopology(file, { set: all, replayed: true })).topology);
    const name = `${run}-${variant.name}`;
    const kept = begunWith({ ...whole, run: name })?.source;
    const from = baseOf(variant.name, { whole, candidates, kept });
    const settings = replaySettings(whole, { name, folder, from: from.topic, source: from });
    const { topology: opened, warnings } = await openTopology(file, {
      set: [...all, ...settings],
      replayed: true,
    });
    const topology = settled(opened);
    warn(warnings);
    candidates.push({ topology, whole });
    planned.push({ name: variant.name, topology, changes: replayChanges(recorded.topology, whole) });
  }
  return planned;
}

function named(key: string, value: unknown): string {
  return `${key}=${JSON.stringify(value)}`;
}

interface Base {
  readonly whole: Topology;
  readonly candidates: readonly Candidate[];
  /** What the variant's run reads, where it is there already. */
  readonly kept: Topology['source'] | undefined;
}

/** From where a variant is computed: as late in the flow as any candidate allows. */
function baseOf(name: string, { whole, candidates, kept }: Base): Source {
  const found = candidates.flatMap(({ topology, whole: other }, n) => {
    const first = firstChanged(replayChanges(other, whole), whole);
    if (first === null) {
      const which = n === 0 ? 'the recorded run' : `the variant with the run ${topology.run}`;
      throw new ConfigError(
        `the variant ${name} decides nothing otherwise than ${which}: expected another judge, filter, reward, learner or policy`,
      );
    }
    const from = inputOf(whole, first);
    if (n > 0 && producersOf(topology, from).length === 0) return [];
    const source = sourceOf(topology, { run: topology.run, topic: from, without: [] });
    // How many stages there are to compute.
    return [{ source, stages: stagesFrom(from, whole).length }];
  });
  if (kept !== undefined && kept !== null) {
    const same = found.find(({ source }) => source.run === kept.run && source.topic === kept.topic);
    if (same !== undefined) return same.source;
    throw new ConfigError(
      `the variant ${name} has a run already that replays ${kept.topic} of ${kept.run}, and is another: name the variant otherwise, or delete that run (\`swirl runs delete\`)`,
    );
  }
  return found.reduce((best, one) => (one.stages < best.stages ? one : best)).source;
}

/** What another topology does not say may be what an earlier version had by default: that is shown, and decides nothing. */
function firstChanged(changes: readonly ReplayChange[], topology: Topology): string | null {
  const decides = ({ isTold, is }: ReplayChange) => !(isTold && is === null);
  const changed = new Set(changes.filter(decides).flatMap(({ stages }) => stages));
  return flowStages(topology).find(({ name }) => changed.has(name))?.name ?? null;
}

/** The topic to replay for a stage; what is inside of rollouts begins with the question. */
function inputOf(topology: Topology, stage: string): string {
  const flow = flowStages(topology);
  const reads = flow.find(({ name }) => name === stage)?.reads ?? '';
  const isInside = reads === 'turns' || reads === 'tool-calls';
  return isInside ? (flow.find(({ writes }) => writes.includes('turns'))?.reads ?? reads) : reads;
}
