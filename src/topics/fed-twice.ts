/**
 * Records of another run's topic that stand there twice, since `swirl retry` fed them again. Its replay reads
 * each once: a step that came a second time would wait for the rest of its trajectory for ever.
 */
import { ConfigError, DataError } from '../errors.ts';
import type { Codec } from './avro/codec.ts';
import { readEntries, readRecords } from './read-records.ts';
import type { LogEntry, Transport } from './transport.ts';

export interface FedTwice {
  /** The other run and its topic. */
  readonly run: string;
  readonly topic: string;
  /** What the replay does not read anyway. */
  readonly isOut: (entry: LogEntry) => boolean;
  /** How many names and places are held at most. */
  readonly most: number;
}

type Topics = { readonly transport: Transport; readonly codec: Codec };

/** An entry's place in its topic, as one text. */
export function placeOf({ partition, offset }: Pick<LogEntry, 'partition' | 'offset'>): string {
  return `${partition}:${offset}`;
}

/**
 * The places of those that are not read. The first is read: it stands beside the others of its trajectory, and
 * training used it. Of `judged` it is the newest, which has the verdict that counts. Only a topic into which
 * `retry` may have fed something is read: none downstream of every stage that failed. A `ConfigError` where
 * more would have to be held than `most`.
 */
export async function fedTwice(topics: Topics, options: FedTwice): Promise<ReadonlySet<string>> {
  const { run, topic, isOut } = options;
  const there = (await topics.transport.topics(run)).map(({ name }) => name);
  if (!there.includes('failures') || !there.includes(topic)) return new Set();
  const failed = await failedNames(topics, options);
  const hidden = new Set<string>();
  if (failed.size === 0) return hidden;
  const read = new Map<string, string>();
  for await (const entry of readEntries(topics, topic, { run })) {
    const { record } = entry;
    if (record instanceof DataError || isOut(entry)) continue;
    const { id } = record as { readonly id?: unknown };
    if (typeof id !== 'string' || !failed.has(topic === 'judged' ? trajectoryOf(id) : id)) continue;
    const [before, here] = [read.get(id), placeOf(entry)];
    if (before === undefined) read.set(id, here);
    else if (topic !== 'judged') hidden.add(here);
    else {
      hidden.add(before);
      read.set(id, here);
    }
    checkHeld(failed.size + read.size + hidden.size, options);
  }
  return hidden;
}

/** What may have been fed again: the records of the topic that failed; of `judged`, trajectories. */
async function failedNames(topics: Topics, options: FedTwice): Promise<ReadonlySet<string>> {
  const { run, topic } = options;
  const names = new Set<string>();
  for await (const { stage, topic: from, record } of readRecords(topics, 'failures', { run })) {
    // What `train` refused is not fed again: it has used the id. What failed in `judge` is, with the verdicts.
    const isFed = (from === topic && stage !== 'train') || (topic === 'judged' && stage === 'judge');
    if (record === null || !isFed) continue;
    names.add(topic === 'judged' ? trajectoryOf(record) : record);
    checkHeld(names.size, options);
  }
  return names;
}

/** A step is named after its trajectory. */
function trajectoryOf(id: string): string {
  return id.slice(0, id.lastIndexOf('/'));
}

function checkHeld(held: number, { run, topic, most }: FedTwice): void {
  if (held <= most) return;
  throw new ConfigError(
    `the run ${run} has more failures in stages that read \`${topic}\` than runtime.failuresHeld (${most}) lets a replay look for records that were fed again: raise it (--set runtime.failuresHeld=${most * 4}), or replay a later topic, such as scored`,
  );
}
