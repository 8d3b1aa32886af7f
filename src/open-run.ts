/** A run, opened: its topology, its topics, and the ways to feed, read and run it. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { askReviewers } from './ask-reviewers.ts';
import { ConfigError, DataError } from './errors.ts';
import { RecordedVerdicts } from './judge/recorded-verdicts.ts';
import { Alarms, type RaisedAlarm } from './monitor/alarms.ts';
import { AlarmKeeper } from './monitor/kept-alarms.ts';
import { openParts, type Parts } from './open-parts.ts';
import { openTransport } from './open-transport.ts';
import { historyOf } from './own-stages/history.ts';
import { pipeline, scheduledStages } from './pipeline.ts';
import { checkFedContexts } from './rollout/fed-contexts.ts';
import type { FlowStage } from './runtime/drain.ts';
import { observers, type RunObserver } from './runtime/observer.ts';
import { Run, type RunEnd, type StageProgress } from './runtime/run.ts';
import { openSpending } from './spending/open-spending.ts';
import type { Spending } from './spending/spent.ts';
import type { Codec } from './topics/avro/codec.ts';
import { schemaIn } from './topics/avro/schemas.ts';
import { fedTwice } from './topics/fed-twice.ts';
import { decodeOrError, readEntries, readRecords } from './topics/read-records.ts';
import type { RecordOf } from './topics/record-of.ts';
import type { LogEntry, Output, ReadOptions, Transport } from './topics/transport.ts';
import { waitingRecords } from './topics/waiting-records.ts';
import { isAfter, withoutRecords } from './topics/without-records.ts';
import { codecOf } from './topology/codec-of.ts';
import { checkEvolutions, withEarlierSchemas } from './topology/evolved-topics.ts';
import { consumersOf, flowStages, hasStage, topicSpecs } from './topology/flow.ts';
import { keepSettings } from './topology/keep-settings.ts';
import { begunWith } from './topology/kept.ts';
import { topicSchemas } from './topology/own-topics.ts';
import { makeRunFolder, runIdentity, writeResolved } from './topology/resolved.ts';
import { withKeptMatmul } from './topology/settle-matmul.ts';
import { begunTasks, isUnsettled, withKeptTasks } from './topology/settle-tasks.ts';
import type { Topology } from './topology/topology.ts';
import { checkUnchanged, withPartsOf } from './topology/unchanged.ts';
import { lastStep, trainTopics } from './train/train-topics.ts';

/** How often alarms look at what waits for the stages, in milliseconds. */
const LAG_MS = 1000;

/** Records are appended in transactions of this many. */
const FEED_BATCH = 512;

interface StartOptions {
  /** Only these stages; all that the topology has otherwise. */
  readonly stages?: readonly string[];
  readonly untilDrained: boolean;
  /** Training goes on from the checkpoint of this update, and not from the newest. */
  readonly fromUpdate?: number | undefined;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** Notes for the user; by default nobody hears them. */
  readonly notify?: (message: string) => void;
  /** Hears of the work as it goes on. */
  readonly observer?: RunObserver | undefined;
}

export interface Started {
  /** How the run ended; rejects with the error that stopped it. Models, tools and device are closed by then. */
  readonly finished: Promise<RunEnd>;
  progress(): Promise<StageProgress[]>;
  /** The alarms of the topology that were raised so far. */
  alarms(): readonly RaisedAlarm[];
  /** What the run has spent, in all of its processes in this folder. */
  spending(): Spending;
  /** Why the budget stopped the run; null: it did not. */
  outOfBudget(): string | null;
}

interface FeedHears {
  /** How many records are durable so far. */
  readonly onAppend?: ((count: number) => void) | undefined;
  /** Of records that the topic cannot hold, which are left out; without it the first one ends the feeding. */
  readonly skip?: ((error: DataError) => void) | undefined;
}

export interface OpenRun {
  readonly topology: Topology;
  readonly folder: string;
  readonly transport: Transport;
  readonly codec: Codec;
  /** Appends records. Returns how many there were. */
  feed<K extends string>(
    topic: K,
    records: AsyncIterable<RecordOf<K>> | Iterable<RecordOf<K>>,
    hears?: FeedHears,
  ): Promise<number>;
  read<K extends string>(topic: K, options?: ReadOptions): AsyncIterable<RecordOf<K>>;
  start(options: StartOptions): Promise<Started>;
  close(): Promise<void>;
}

/**
 * Opens a run's topics, made if missing, and saves its resolved topology. `notify` hears what the transport has to say: an
 * outage, a topic that differs from the topology.
 */
export async function openRun(
  loaded: Topology,
  notify: (message: string) => void = () => {},
): Promise<OpenRun> {
  const before = begunWith(loaded);
  const { topology: whole, evolutions } = withEarlierSchemas(await withPartsOf(loaded), before);
  const written = withKeptMatmul(whole, before);
  const topology = withKeptTasks(written, before);
  const folder = makeRunFolder(topology);
  const codec = await codecOf(topology, 'write', before);
  let transport = await openTransport(topology, { access: 'write', notify });
  let keep: (given: Topology) => Topology;
  try {
    transport = await withoutHidden(transport, { topology, codec, notify });
    await transport.ensureTopics(topicSpecs(topology));
    await checkEvolutions(topology, evolutions, { transport, notify });
    await checkUnchanged(topology, {
      begun: before,
      hasBegun: (stage) => hasBegun(stage, { topology, transport }),
      notify,
    });
    keep = await keepSettings(topology, {
      begun: before,
      hasBegun: async (stage, topic, run) =>
        (await transport.committed(stage, topic, run)).some((offset) => offset > 0),
      notify,
    });
    writeResolved(keep(topology));
  } catch (error) {
    await transport.close();
    throw error;
  }
  const schemas = topicSchemas(topology);

  return {
    topology,
    folder,
    transport,
    codec,
    feed: async (topic, records, { onAppend, skip } = {}) => {
      checkFed(topology, topic);
      let batch: Output[] = [];
      let count = 0;
      const append = async () => {
        if (batch.length > 0) await transport.append(batch);
        count += batch.length;
        batch = [];
        onAppend?.(count);
      };
      for await (const record of records) {
        try {
          batch.push({
            topic,
            key: schemaIn(schemas, topic).key(record),
            value: codec.encode(topic, record),
          });
        } catch (error) {
          if (!(error instanceof DataError) || skip === undefined) throw error;
          skip(error);
        }
        if (batch.length >= FEED_BATCH) await append();
      }
      await append();
      return count;
    },
    read: (topic, options) => readRecords({ transport, codec }, topic, options),
    start: async ({ stages: only, untilDrained, fromUpdate, stop: asked, abort, ...heard }) => {
      checkStages(topology, only);
      await checkContexts(topology, { transport, codec }, only);
      const { notify = () => {} } = heard;
      const keeper = new AlarmKeeper({ folder, process: randomUUID(), now: Date.now, notify });
      const alarms = new Alarms(topology.alarms, {
        stages: flowStages(topology).map(({ name }) => name),
        notify,
        keep: (raised) => keeper.keep(raised),
      });
      const observer = observers([alarms, ...(heard.observer ? [heard.observer] : [])]);
      const spending = openSpending(topology, { run: folder, notify });
      const { paying } = spending;
      const stop = AbortSignal.any([asked, alarms.stop, paying.spent]);
      const checkpoints = join(folder, 'checkpoints');
      const topics = { transport, codec };
      const published = (signal: AbortSignal) => lastStep({ ...topics, signal });
      const training = { published, checkpoints };
      const parts = openParts(topology, { training, env: process.env, paid: paying, notify });
      const signal = AbortSignal.any([stop, abort]);
      /** Read before all is closed, and kept for those who ask later. */
      let spent: Spending | null = null;
      const told = {
        alarms: () => alarms.raised,
        spending: () => spent ?? paying.spending(),
        outOfBudget: () => (paying.spent.aborted ? (paying.spent.reason as Error).message : null),
      };
      const close = async () => {
        await parts.close();
        spent = paying.spending();
        spending.close();
      };
      try {
        await askReviewers(topology, { env: process.env, paid: paying, signal, notify, only });
        const begun = await begin(written, { parts, only, signal, notify, keep });
        const stages = await pipeline(
          begun,
          {
            ...{ parts, signal, checkpoints, observer },
            training: { identity: runIdentity(topology), fromUpdate, notify },
            trainTopics: (of) => trainTopics({ ...topics, ...of }),
            recordedVerdicts: ({ run, again }) =>
              RecordedVerdicts.open({
                read: (options) => readEntries(topics, 'judged', { ...options, run, signal }),
                again,
              }),
            waiting: (readers, most) => waitingRecords(transport, { readers, most, signal }),
            notify,
            history: (of) => (at) => historyOf({ ...topics, ...of }, at),
          },
          only,
        );
        const { runtime } = topology;
        const run = new Run(
          {
            stages,
            flow: flowOf(topology),
            fed: topology.fed,
            scheduled: scheduledStages(topology),
            untilDrained,
            stop,
            abort,
          },
          { transport, codec, config: runtime, now: () => performance.now(), notify, observer },
        );
        const release = alarms.looksAtLag ? watchLag(run, alarms) : () => {};
        return {
          finished: ended(run.run(), async () => {
            release();
            keeper.flush();
            await close();
          }),
          progress: () => run.progress(),
          ...told,
        };
      } catch (error) {
        await close();
        // What was being opened is given up; nothing has begun.
        if (!signal.aborted || error !== signal.reason) throw error;
        return {
          finished: Promise.resolve(abort.aborted ? 'aborted' : 'stopped'),
          progress: async () => [],
          ...told,
        };
      }
    },
    close: () => transport.close(),
  };
}

/** What a run ends with, once all is closed. */
async function ended(end: Promise<RunEnd>, close: () => Promise<void>): Promise<RunEnd> {
  try {
    return await end;
  } finally {
    await close();
  }
}

/** Tells the alarms what waits, until it is released. */
function watchLag(run: Run, alarms: Alarms): () => void {
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    // A log that does not answer tells nothing: the run itself hears of it.
    const stages = await run.progress().catch(() => []);
    isLooking = false;
    alarms.onLag(stages);
  };
  const timer = setInterval(() => void look(), LAG_MS).unref();
  return () => clearInterval(timer);
}

/** The topics as the run reads them: without what its replay leaves out, and each record once. */
async function withoutHidden(
  transport: Transport,
  { topology: { source, runtime }, codec, notify }: OpenedTopics,
): Promise<Transport> {
  if (source === null) return transport;
  const { run, topic, without: ids, until } = source;
  const places = await fedTwice(
    { transport, codec },
    {
      ...{ run, topic, isOut: isAfter(until), most: runtime.failuresHeld },
    },
  );
  if (places.size > 0)
    notify(`${places.size} records of ${topic} of the run ${run} were fed again: each is read once`);
  if (ids.length === 0 && until === undefined && places.size === 0) return transport;
  const idOf = async ({ value }: LogEntry) => {
    await codec.learn?.(topic, [value]);
    const { id } = decodeOrError(codec, topic, value) as { readonly id?: unknown };
    return typeof id === 'string' ? id : null;
  };
  return withoutRecords(transport, { run, topic, ids, until, places, idOf });
}

interface OpenedTopics {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly notify: (message: string) => void;
}

/** Whether a stage has consumed anything. */
async function hasBegun(
  name: string,
  { topology, transport }: { readonly topology: Topology; readonly transport: Transport },
): Promise<boolean> {
  const reads = flowStages(topology).find((stage) => stage.name === name)?.reads;
  if (reads === undefined) return false;
  const run = topology.source?.topic === reads ? topology.source.run : undefined;
  return (await transport.committed(name, reads, run)).some((offset) => offset > 0);
}

interface Beginning {
  readonly parts: Parts;
  readonly only: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly notify: (message: string) => void;
  /** What of a topology stays with the run. */
  readonly keep: (topology: Topology) => Topology;
}

/** Writes the instructions of tasks that have none, where stages that show them run here, and keeps them with the run. */
async function begin(written: Topology, { parts, only, signal, notify, keep }: Beginning): Promise<Topology> {
  const runs = (name: string) => hasStage(written, name) && (only?.includes(name) ?? true);
  if (!isUnsettled(written) || !['rollout', 'tools', 'resample', 'train'].some(runs)) return written;
  const { toldOf } = parts;
  const begun = await begunTasks(written, { toldOf, signal, notify, compare: runs('tools') });
  writeResolved(keep(begun));
  return begun;
}

/** A stage that is not there would be waited for in silence. */
function checkStages(topology: Topology, only: readonly string[] = []): void {
  const stages = flowStages(topology).map(({ name }) => name);
  const missing = only.filter((name) => !stages.includes(name));
  if (missing.length === 0) return;
  throw new ConfigError(`stages ${missing.join(', ')}: not in the topology, which has ${stages.join(', ')}`);
}

/** A run of branches that has only some of its contexts would be taken for the whole. */
async function checkContexts(
  topology: Topology,
  topics: { readonly transport: Transport; readonly codec: Codec },
  only?: readonly string[],
): Promise<void> {
  const { branch } = topology.stages;
  if (branch === undefined || !(only?.includes('branch') ?? true)) return;
  if (await hasBegun('branch', { topology, transport: topics.transport })) return;
  await checkFedContexts(branch, { ...topics, run: topology.run });
}

/** Every stage of the topology as the runtime sees it, whether it runs here or not. */
function flowOf(topology: Topology): FlowStage[] {
  const { source } = topology;
  const stages = flowStages(topology);
  // Any stage may write failures; it matters only where one reads them.
  const failures = stages.some(({ reads }) => reads === 'failures') ? ['failures'] : [];
  return stages.map((stage) => ({
    ...stage,
    writes: [...stage.writes, ...failures],
    ...(source?.topic === stage.reads ? { readsRun: source.run } : {}),
  }));
}

/** A record in a topic that the flow itself writes would be taken for its own, and could ruin the run. */
function checkFed(topology: Topology, topic: string): void {
  const { run, fed, source } = topology;
  // Of a replay the stages above its topic are gone for good.
  const isIdle = source !== null && consumersOf(topology, topic).length === 0;
  if (fed.some((name) => name === topic) && source?.topic !== topic) {
    if (!isIdle) return;
    throw new ConfigError(
      `the run ${run} replays \`${source.topic}\` of the run ${source.run}, and none of its stages reads ${topic}: feed ${source.run}, or a run of its own`,
    );
  }
  const may = fed.map((name) => `\`${name}\``).join(', ') || 'none';
  const why =
    source?.topic === topic
      ? `it reads \`${topic}\` of the run ${source.run}`
      : `its stages write \`${topic}\`, or nobody is to fill it. To fill it from outside, list it under \`fed\` of the topology`;
  throw new ConfigError(`the run ${run} may be fed: ${may}. Found ${topic}: ${why}`);
}
