/** The topology of a replay: the old run's, from a recorded topic on. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { nearest } from '../suggest.ts';
import type { VerdictLabel } from '../topics/records.generated.ts';
import { possibleStages, stagesFrom, topicsOf } from './flow.ts';
import { examineFile, type Loaded, openTopology } from './load.ts';
import { recordedFile } from './run-place.ts';
import type { Topology } from './topology.ts';

export interface ReplayOptions {
  /** The old run. */
  readonly run: string;
  /** Which of its topics to start from. */
  readonly from: string;
  /** The new run's name; by default the old one's with the first free number. */
  readonly as?: string;
  /** Where the runs live. */
  readonly folder: string;
  /** Names of questions, trajectories and steps to leave out. */
  readonly without?: readonly string[];
  /** Where the topic ends for the replay. */
  readonly until?: Until | undefined;
  /** Only steps with these verdicts are judged again; the other verdicts are those of the old run. */
  readonly only?: readonly VerdictLabel[] | undefined;
  /** Settings to change. */
  readonly set: readonly string[];
}

export type Source = NonNullable<Topology['source']>;
type Until = NonNullable<Source['until']>;

/**
 * Reads the old run's resolved topology and keeps the stages that come after the topic. A module that is not
 * what it was then is among the warnings.
 */
export async function replayTopology({
  run,
  from,
  as,
  folder,
  set,
  until,
  only = [],
  without: ids = [],
}: ReplayOptions): Promise<Loaded> {
  const file = recordedFile(folder, run);
  const { topology: old } = examineFile(file);
  const topics = topicsOf(old ?? { ownTopics: {} });
  if (!topics.includes(from)) {
    const near = nearest(from, topics);
    const hint = near === null ? `expected one of ${topics.join(', ')}` : `did you mean ${near}?`;
    throw new ConfigError(`--from ${from}: the run ${run} has no such topic; ${hint}`);
  }
  const kept = stagesFrom(from, old);
  if (kept.length === 0)
    throw new ConfigError(`--from ${from}: no stage reads ${from}, so there is nothing to replay`);
  if (only.length > 0 && (!kept.includes('judge') || old?.stages.judge === undefined)) {
    throw new ConfigError(
      `--only ${only.join(', ')}: expected a replay with Swirl's stage judge, such as --from sub-trajectories; of the run ${run} there is none from ${from} on`,
    );
  }
  const source = {
    ...sourceOf(old, { run, topic: from, without: [...ids], ...(until === undefined ? {} : { until }) }),
    ...(only.length === 0 ? {} : { verdicts: { run, again: [...only] } }),
  };
  const name = as ?? freeName(folder, `${run}-replay`);
  const settings = replaySettings(old, { name, folder, from, source });
  const loaded = await openTopology(file, { set: [...settings, ...set], replayed: true });
  if (loaded.topology.run === run)
    throw new ConfigError(`a replay needs a name of its own; ${run} is the run it reads`);
  return loaded;
}

export interface ReplaySettings {
  /** The new run. */
  readonly name: string;
  readonly folder: string;
  readonly from: string;
  readonly source: Source;
}

/** The settings, as `--set` takes them, that make a replay of a topology: no stage before the topic. */
export function replaySettings(
  topology: Topology | null,
  { name, folder, from, source }: ReplaySettings,
): string[] {
  const kept = stagesFrom(from, topology);
  const without = possibleStages(topology)
    .filter((stage) => !kept.includes(stage.name))
    .map((stage) => `stages.${stage.name}=false`);
  // In quotes, as a name such as 7 or null would be read as something else.
  const named = Object.entries({ run: name, folder: resolve(folder), source });
  return [...without, ...named.map(([key, value]) => `${key}=${JSON.stringify(value)}`)];
}

/**
 * Where the topic's records lie: a replay has none of its own in the topic that it reads from elsewhere, and
 * what it leaves out there stays left out.
 */
export function sourceOf(old: Topology | null, own: Source): Source {
  const before = old?.source;
  if (before?.topic !== own.topic) return own;
  const until = earlier(before.until, own.until);
  return {
    ...{ run: before.run, topic: before.topic, without: [...before.without, ...own.without] },
    ...(until === undefined ? {} : { until }),
  };
}

/** What is before both. */
function earlier(a: Until | undefined, b: Until | undefined): Until | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const offsets = [a.offset, b.offset].flatMap((offset) => offset ?? []);
  const times = [a.time, b.time].flatMap((time) => time ?? []);
  const [time] = times.sort((one, other) => Date.parse(one) - Date.parse(other));
  return {
    ...(offsets.length === 0 ? {} : { offset: Math.min(...offsets) }),
    ...(time === undefined ? {} : { time }),
  };
}

/** The name with the first number that no run has. */
export function freeName(folder: string, stem: string): string {
  for (let number = 1; ; number++) {
    const name = `${stem}-${number}`;
    if (!existsSync(join(folder, name))) return name;
  }
}
