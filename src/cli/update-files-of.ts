/** Begins the files of a run's updates with those that it has. */
import { DataError } from '../errors.ts';
import { type TimedUpdate, type UpdateFileKind, UpdateFiles } from '../telemetry/update-files.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { readEntries } from '../topics/read-records.ts';
import type { Transport } from '../topics/transport.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';

/** Updates that are written together. */
const TOGETHER = 1000;

interface OpenTopics {
  readonly topology: Topology;
  readonly transport: Transport;
  readonly codec: Codec;
}

/** In the run's folder, or in another. */
export async function updateFilesOf(
  { topology, transport, codec }: OpenTopics,
  kinds: readonly UpdateFileKind[],
  folder = runFolder(topology),
): Promise<UpdateFiles> {
  let files: UpdateFiles | null = null;
  let batch: TimedUpdate[] = [];
  const write = (time: number) => {
    files ??= new UpdateFiles(folder, kinds, time);
    files.append(batch);
    batch = [];
    return files;
  };
  for await (const { record, time } of readEntries({ transport, codec }, 'updates')) {
    if (record instanceof DataError) continue;
    batch.push({ update: record, time });
    if (batch.length >= TOGETHER) write(batch[0]?.time ?? time);
  }
  return write(batch[0]?.time ?? Date.now());
}
