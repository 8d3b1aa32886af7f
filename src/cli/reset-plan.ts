/**
 * Where a stage's progress is to be set to, and whether the records from there on have been done before: their
 * outputs would then be written a second time.
 */
import { ConfigError } from '../errors.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { readEntries } from '../topics/read-records.ts';
import { originsOf, sampledAt } from '../topics/record-names.ts';
import type { TopicInfo, Transport } from '../topics/transport.ts';
import { logPlace } from './log-place.ts';

/** An end of the log, an offset, or a time in milliseconds since 1970. */
export type ResetTo = 'earliest' | 'latest' | { readonly offset: number } | { readonly time: number };

/** Reads `--to`. Throws a `ConfigError` for anything else. */
export function resetTo(text: string): ResetTo {
  if (text === 'earliest' || text === 'latest') return text;
  const place = logPlace(text);
  if (place !== null) return place;
  throw new ConfigError(
    `--to ${JSON.stringify(text)}: expected earliest, latest, an offset, or a time such as 2026-11-29T21:00:00Z`,
  );
}

export interface Move {
  readonly partition: number;
  readonly before: number;
  readonly after: number;
}

export interface ResetStage {
  readonly name: string;
  readonly reads: string;
  readonly readsRun?: string;
  readonly writes: readonly string[];
}

export interface PlanOptions {
  readonly transport: Transport;
  readonly stage: ResetStage;
  readonly to: ResetTo;
  /** All of them where none is named. */
  readonly partitions: readonly number[];
}

/** The moves, of partitions that are there. Throws a `ConfigError` for an offset that is not in the log. */
export async function planReset({ transport, stage, to, partitions }: PlanOptions): Promise<Move[]> {
  const { name, reads, readsRun } = stage;
  const info = (await transport.topics(readsRun)).find((topic) => topic.name === reads);
  if (info === undefined)
    throw new ConfigError(`the run has no topic ${reads} yet: there is nothing to reset`);
  const wanted = partitions.length > 0 ? partitions : info.offsets.map((_, partition) => partition);
  if (typeof to === 'object' && 'offset' in to && wanted.length > 1)
    throw new ConfigError(
      `--to ${to.offset}: ${reads} has ${info.partitions} partitions: name one with --partition`,
    );
  const committed = await transport.committed(name, reads, readsRun);
  const moves: Move[] = [];
  for (const partition of wanted) {
    const after = await offsetOf({ transport, info, partition, to, run: readsRun });
    moves.push({ partition, before: committed[partition] ?? 0, after });
  }
  return moves;
}

interface OffsetOf {
  readonly transport: Transport;
  readonly info: TopicInfo;
  readonly partition: number;
  readonly to: ResetTo;
  readonly run: string | undefined;
}

async function offsetOf({ transport, info, partition, to, run }: OffsetOf): Promise<number> {
  const ends = info.offsets[partition];
  if (ends === undefined)
    throw new ConfigError(
      `--partition ${partition}: ${info.name} has partitions 0 to ${info.partitions - 1}`,
    );
  if (to === 'earliest') return ends.start;
  if (to === 'latest') return ends.end;
  if ('offset' in to) {
    if (to.offset >= ends.start && to.offset <= ends.end) return to.offset;
    throw new ConfigError(
      `--to ${to.offset}: ${info.name}, partition ${partition}, has records from ${ends.start}, and ends at ${ends.end}`,
    );
  }
  const of = run === undefined ? {} : { run };
  for await (const { offset } of transport.read(info.name, { from: to, partition, ...of })) return offset;
  return ends.end;
}

/** An output that a record at or after the new progress has already, in words; null where there is none. */
export async function doneBefore(
  { transport, codec }: { readonly transport: Transport; readonly codec: Codec },
  stage: ResetStage,
  moves: readonly Move[],
): Promise<string | null> {
  const { name, reads, readsRun } = stage;
  const of = readsRun === undefined ? {} : { run: readsRun };
  const again = new Set<string>();
  /** A trajectory that is there has been through all of its turns. */
  const trajectories = new Set<string>();
  for (const { partition, after } of moves) {
    const options = { from: { offset: after }, partition, ...of };
    for await (const { record } of readEntries({ transport, codec }, reads, options)) {
      const { id, trajectory } = record as { readonly id?: unknown; readonly trajectory?: unknown };
      if (typeof id === 'string') again.add(id);
      if (name === 'rollout' && typeof trajectory === 'string') trajectories.add(trajectory);
    }
  }
  const there = new Set((await transport.topics()).map((topic) => topic.name));
  for (const topic of new Set([...stage.writes, 'failures'])) {
    if (!there.has(topic)) continue;
    for await (const { record } of readEntries({ transport, codec }, topic)) {
      const found =
        topic === 'failures'
          ? failed(stage, moves, record)
          : causesOf(topic, record).find(
              (id) => again.has(id) || (topic === 'trajectories' && trajectories.has(id)),
            );
      if (found) return `${topic} has the outputs of ${found}`;
    }
  }
  return null;
}

/** Whether it is the failure of a record that would be done again; then the record's name. */
function failed({ name, reads }: ResetStage, moves: readonly Move[], record: object): string | undefined {
  const { stage, topic, partition, offset } = record as Readonly<Record<string, unknown>>;
  if (stage !== name || topic !== reads) return undefined;
  const move = moves.find((one) => one.partition === partition);
  return move !== undefined && Number(offset) >= move.after ? `the record at offset ${offset}` : undefined;
}

/**
 * The names of the records that an output may have come from (promise 2): its own, those that it begins with,
 * and of a fresh action the step at whose context it was drawn; of a turn not its own, but that of the turn before.
 */
function causesOf(topic: string, record: object): string[] {
  const { id } = record as { readonly id?: unknown };
  if (typeof id !== 'string') return [];
  const parts = id.split('/');
  const all = parts.map((_, n) => parts.slice(0, n + 1).join('/'));
  if (topic !== 'turns') return [...all, sampledAt(id) ?? id];
  const [origin] = originsOf(parts.slice(0, 2).join('/'));
  if (origin !== undefined && origin.index === Number(parts.at(-1)))
    return [`${origin.trajectory}/${origin.index}`];
  const index = Number(parts.at(-1));
  return [...all.slice(0, -1), ...(index > 0 ? [[...parts.slice(0, -1), index - 1].join('/')] : [])];
}
