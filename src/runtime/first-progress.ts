/**
 * A stage that takes up a partition in which it has no progress: it begins there for the first time, or its
 * progress was lost. In the second case all would be done again, or what was deleted left out, in silence.
 */
import { DataError } from '../errors.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { progressForgotten, recordsGone } from '../topics/lost-records.ts';
import { readEntries } from '../topics/read-records.ts';
import type { InputPartition, Transport } from '../topics/transport.ts';
import type { FlowStage } from './drain.ts';
import type { Stage } from './stage.ts';

export interface FirstProgressDeps {
  readonly transport: Transport;
  readonly codec: Codec;
  /** Every stage of the topology. */
  readonly flow: readonly FlowStage[];
  /** Topics that are filled from outside, whoever else writes them. */
  readonly fed: readonly string[];
}

/** Throws a `TransportError` that says how to go on, where the stage must not begin. */
export async function checkFirstProgress(
  stage: Stage,
  { fresh, topic, partition }: InputPartition,
  { transport, codec, flow, fed }: FirstProgressDeps,
): Promise<void> {
  // What keeps its own place knows it, whatever the topics say.
  if (fresh === undefined || stage.startAt !== undefined) return;
  if (fresh.start > 0)
    throw recordsGone({ stage: stage.name, topic, partition }, { next: 0, start: fresh.start });
  const { name, reads, readsRun, writes, isOwn } = stage;
  const hasProgress = async () =>
    (await transport.committed(name, reads, readsRun)).some((offset) => offset > 0);
  if (await hasProgress()) return;
  for (const output of writes) {
    if (fed.includes(output) || output === 'failures') continue;
    const alone = flow.every((other) => other.name === name || !other.writes.includes(output));
    if (!alone && isOwn === undefined) continue;
    for await (const { record } of readEntries({ transport, codec }, output)) {
      if (!alone && (record instanceof DataError || !isOwn?.(record))) continue;
      // Another worker may have made the stage's first commit since: outputs and progress come at once.
      if (await hasProgress()) return;
      throw progressForgotten({ stage: name, topic }, output);
    }
  }
}
