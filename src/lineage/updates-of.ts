/** Which updates a record was trained on in, and which records an update was made of. */
import { ConfigError } from '../errors.ts';
import type { Update } from '../topics/records.generated.ts';
import { isNameOf } from '../topics/without-records.ts';
import { type Found, find, findRange } from './find.ts';
import type { ChainRun, RunChain } from './run-chain.ts';

/** An update, as a record that was in its batch sees it. */
export interface UpdateOf {
  readonly run: string;
  readonly update: Update;
}

interface LookOptions {
  readonly signal?: AbortSignal;
}

/** The updates of each of the records that `train` read, in the order in which they were made. */
export async function updatesOf(
  runs: readonly ChainRun[],
  records: readonly Found[],
  options: LookOptions = {},
): Promise<ReadonlyMap<Found, readonly UpdateOf[]>> {
  const found = new Map<Found, UpdateOf[]>();
  for (const run of runs) {
    const input = inputOf(run, runs);
    if (input === null) continue;
    const read = records.filter(({ run: of, topic }) => of === input.holder && topic === input.topic);
    if (read.length === 0) continue;
    // An update is made after all of its batch was scored.
    const since = input.holder === run.topology.run ? Math.min(...read.map(({ time }) => time)) : 0;
    for (const { record } of await find(run, { topic: 'updates', key: null, since, ...options })) {
      const update = record as Update | null;
      for (const one of read) {
        if (update === null || !isIn(update, one) || isLeftOut(run, one)) continue;
        found.set(one, [...(found.get(one) ?? []), { run: run.topology.run, update }]);
      }
    }
  }
  return found;
}

function isIn({ partition, fromOffset, toOffset }: Update, found: Found): boolean {
  return found.partition === partition && found.offset >= fromOffset && found.offset < toOffset;
}

/** Whether a replay left it out of what it read. */
function isLeftOut({ topology: { source } }: ChainRun, { run, topic, key, record }: Found): boolean {
  if (source?.run !== run || source.topic !== topic) return false;
  return source.without.some((name) => isNameOf(name, { key, id: record?.id }));
}

/** Where `train` of a run reads its records; null where it has no such stage. */
function inputOf({ topology }: ChainRun, runs: readonly ChainRun[]) {
  const topic = topology.stages.train?.reads;
  if (topic === undefined) return null;
  const holder = topology.source?.topic === topic ? topology.source.run : topology.run;
  return { topic, holder, in: runs.find((run) => run.topology.run === holder) };
}

/** An update and the records of its batch. */
export interface UpdateTrace {
  readonly id: string;
  readonly found: Found;
  readonly update: Update;
  /** The update before it; null for the first. */
  readonly before: Update | null;
  /** In the order of the batch. Of those that `dropped` counts it is not recorded which they were. */
  readonly batch: readonly Found[];
}

/** Throws a `ConfigError` where the run has no such update. */
export async function traceUpdate(
  { runs }: RunChain,
  id: string,
  options: LookOptions = {},
): Promise<UpdateTrace> {
  const [run] = runs;
  const updates = run === undefined ? [] : await find(run, { topic: 'updates', key: null, ...options });
  const found = updates.find(({ record }) => record?.id === id);
  if (run === undefined || found === undefined) {
    const last = updates.at(-1)?.record?.id;
    const had = last === undefined ? 'which has none' : `whose last is ${String(last)}`;
    throw new ConfigError(`expected an update of the run ${run?.topology.run}, ${had}; found ${id}`);
  }
  const update = found.record as unknown as Update;
  const before = updates.find(({ record }) => record?.step === update.step - 1)?.record ?? null;
  const input = inputOf(run, runs);
  const { partition, fromOffset: from, toOffset: to } = update;
  const read =
    input?.in === undefined ? [] : await findRange(input.in, { topic: input.topic, partition, from, to });
  const batch = read.filter((one) => !isLeftOut(run, one));
  return { id, found, update, before: before as Update | null, batch };
}
