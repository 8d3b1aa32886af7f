/**
 * Feeds what is in `failures` again: each failed record into the topic that its stage read it from, as it
 * stood there. What was fed again before is known by standing there once more, at a later offset: so the
 * command may be broken off and given again, and nothing that succeeded is done twice.
 */
import type { OpenRun } from '../open-run.ts';
import { readEntries } from '../topics/read-records.ts';
import type { Failure } from '../topics/records.generated.ts';
import { hasStage } from '../topology/flow.ts';
import {
  appending,
  count,
  type Failed,
  type FailedRecords,
  idIn,
  type Left,
  type Retried,
  type RetryTopic,
} from './fed-again.ts';
import { retryVerdicts } from './retry-verdicts.ts';

export interface RetryOptions {
  /** Only failures of this stage. */
  readonly stage?: string | undefined;
  /** Only those whose error or message has this text, in whatever case. */
  readonly cause?: string | undefined;
  /** Only the record of this id, and what became of it. */
  readonly id?: string | undefined;
  /** Only looks. */
  readonly dryRun: boolean;
}

/** Failures that are kept in memory at once. */
const CHUNK = 50_000;

export async function retryFailures(run: OpenRun, options: RetryOptions): Promise<Retried> {
  const done: Retried = { fed: new Map(), left: new Map() };
  let chunk = new Map<string, FailedRecords>();
  let size = 0;
  const finish = async () => {
    for (const [topic, failed] of chunk)
      await retryTopic(run, topic, { failed, done, dryRun: options.dryRun });
    chunk = new Map();
    size = 0;
  };
  for await (const failure of run.read('failures')) {
    if (!isMeant(failure, options)) continue;
    const why = hopeless(failure, run);
    if (why !== null) count(done.left, why);
    else {
      const { topic, record, stage, partition, offset } = failure;
      const failed = chunk.get(topic) ?? new Map<string, Failed>();
      chunk.set(topic, failed);
      // Failed twice: only the last time may not have been tried again.
      if (failed.has(record as string)) count(done.left, 'again');
      else size++;
      failed.set(record as string, { stage, partition, offset });
    }
    if (size >= CHUNK) await finish();
  }
  await finish();
  return done;
}

function isMeant(
  { stage, error, message, record }: Failure,
  { stage: of, cause, id }: RetryOptions,
): boolean {
  if (of !== undefined && stage !== of) return false;
  if (cause !== undefined && !`${error}: ${message}`.toLowerCase().includes(cause.toLowerCase()))
    return false;
  return id === undefined || record === id || (record?.startsWith(`${id}/`) ?? false);
}

/** Why there is nothing to feed again; null where there may be. */
function hopeless({ stage, topic, record }: Failure, { topology }: OpenRun): Left | null {
  if (record === null) return 'bytes';
  if (stage === 'train') return 'train';
  return topology.source?.topic === topic ? 'elsewhere' : null;
}

async function retryTopic(run: OpenRun, topic: string, options: RetryTopic): Promise<void> {
  const { failed, done } = options;
  await leaveNewer(run, topic, options);
  const verdicts: FailedRecords = new Map([...failed].filter(([, { stage }]) => stage === 'judge'));
  if (verdicts.size > 0 && hasStage(run.topology, 'filter')) {
    for (const id of verdicts.keys()) failed.delete(id);
    await retryVerdicts(run, { ...options, failed: verdicts });
  }
  if (failed.size === 0) return;
  const append = appending(run, options);
  for await (const { record, partition, offset, key, value } of readEntries(run, topic)) {
    const id = idIn(record);
    const at = id === null ? undefined : failed.get(id);
    if (at?.partition === partition && at.offset === offset) {
      failed.delete(id as string);
      await append.add([{ topic, key, value }]);
    }
  }
  await append.flush();
  count(done.left, 'gone', failed.size);
}

/** Drops the records that stand in the topic again, after the place where they failed. */
async function leaveNewer(run: OpenRun, topic: string, { failed, done }: RetryTopic): Promise<void> {
  for await (const { record, partition, offset } of readEntries(run, topic)) {
    const id = idIn(record);
    const at = id === null ? undefined : failed.get(id);
    if (id === null || at === undefined || at.partition !== partition || offset <= at.offset) continue;
    failed.delete(id);
    count(done.left, 'again');
  }
}
