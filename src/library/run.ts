/** A run for programs: its topics to look at and to feed, and its flow to run in this process. */
import { map, type Observable } from 'rxjs';
import { openRun as openWhole } from '../open-run.ts';
import { openTransport } from '../open-transport.ts';
import { readRecords } from '../topics/read-records.ts';
import type { RecordOf } from '../topics/record-of.ts';
import type { ReadOptions, TopicInfo } from '../topics/transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import type { Topology } from '../topology/topology.ts';
import { type Flow, flowOf } from './flow.ts';
import { iterableOf, QUEUE, type Source } from './iterable-of.ts';
import { type Notify, warn } from './notes.ts';
import { type Entry, type TapDeps, type TapOptions, tapEntries } from './tap.ts';

export interface OpenOptions {
  /** Hears what the user should know. By default these are Node warnings. */
  readonly notify?: Notify;
}

export interface FeedOptions {
  /** Most records of an Observable that wait to be written, 65,536 by default. More are a `DataError`. */
  readonly queue?: number;
  /** Told how many records are durable so far, after every transaction (of at most 512 records). */
  readonly onAppend?: (count: number) => void;
}

export interface StartOptions {
  /** Only these stages, as one worker of several; all that the topology has otherwise. */
  readonly stages?: readonly string[];
  /** End when every topic is consumed and nothing is in flight; otherwise the flow waits for more. */
  readonly untilDrained?: boolean;
}

/** The topics of a run, to look at. Nothing that is done here changes or slows the run. */
export interface Topics extends AsyncDisposable {
  readonly topology: Topology;
  /**
   * The records of a topic as they pass: see `TapOptions` for where it begins and what happens when the
   * subscriber is slow. Each subscription reads for itself; unsubscribing, and closing the run, end it. It
   * errors with a `TransportError` where there is no such topic or offset. An operator that waits, such as
   * `concatMap` with a promise, has a queue of its own that RxJS does not bound: for slow work use `read`.
   *
   * @example
   * run.tap('scored').pipe(map(({ reward }) => reward.value)).subscribe(console.log);
   */
  tap<K extends string>(topic: K, options?: TapOptions): Observable<RecordOf<K>>;
  /** As `tap`, each record with its partition, offset, time and key. */
  entries<K extends string>(topic: K, options?: TapOptions): Observable<Entry<K>>;
  /**
   * The records of a topic for a `for await` loop, which is read at the loop's own pace and loses nothing;
   * what makes no record is left out. By default it ends at the end.
   */
  read<K extends string>(topic: K, options?: ReadOptions): AsyncIterable<RecordOf<K>>;
  /** The topics there are, with their first and last offsets. */
  topics(): Promise<TopicInfo[]>;
  /** Ends taps and gives everything back. */
  close(): Promise<void>;
}

/** A run: its topics, and the ways to feed and run it. */
export interface Run extends Topics {
  /** The run's folder: its resolved topology, its checkpoints and, on the embedded log, its topics. */
  readonly folder: string;
  /**
   * Appends records to a topic, in order, and returns how many. Iterables are asked for the next records once
   * the last ones are durable; of an Observable, `queue` records may wait. Throws a `DataError` for a record
   * that does not fit its topic's schema; what was durable by then stays, and `onAppend` was told how many.
   *
   * @example
   * await run.feed('questions', [{ id: 'q1', task: 'math', text: '2 + 2?', answer: '4', source: null, meta:
   * {} }]);
   */
  feed<K extends string>(topic: K, source: Source<RecordOf<K>>, options?: FeedOptions): Promise<number>;
  /**
   * Runs the stages in this process. Throws a `ConfigError` or `DeviceError` where a model or tool cannot be
   * opened.
   */
  start(options?: StartOptions): Promise<Flow>;
  /** Aborts flows that are still at work, and gives everything back. */
  close(): Promise<void>;
}

/**
 * Opens a run: makes its topics where they are missing, and saves its resolved topology in its folder. Throws
 * a `ConfigError` or `TransportError` where the log or the cluster cannot be used.
 *
 * @example
 * await using run = await openRun(await loadTopology('topology.yaml'));
 * await run.feed('questions', questions);
 * await using flow = await run.start({ untilDrained: true });
 * flow.progress().subscribe((stages) => console.log(stages));
 * await flow.end;
 */
export async function openRun(topology: Topology, options: OpenOptions = {}): Promise<Run> {
  const { notify = warn } = options;
  const whole = await openWhole(topology, notify);
  const flows = new Set<Flow>();
  const close = async () => {
    await Promise.all([...flows].map((flow) => flow.abort().catch(() => {})));
    await whole.close();
  };
  return {
    ...topicsOf(whole.topology, { ...whole, notify }),
    folder: whole.folder,
    feed: (topic, source, { queue = QUEUE, onAppend } = {}) =>
      whole.feed(topic, iterableOf(source, queue), { onAppend }),
    start: async ({ stages, untilDrained = false } = {}) => {
      const stop = new AbortController();
      const abort = new AbortController();
      const started = await whole.start({
        untilDrained,
        stop: stop.signal,
        abort: abort.signal,
        notify,
        ...(stages === undefined ? {} : { stages }),
      });
      const flow = flowOf(started, { stop, abort, notify });
      flows.add(flow);
      const forget = () => flows.delete(flow);
      started.finished.then(forget, forget);
      return flow;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Opens the topics of a run that is there already, to look at them only: nothing is made, in the log or on
 * disk.
 *
 * @example
 * await using topics = await openTopics(await loadTopology('topology.yaml'));
 * for await (const { verdict } of topics.read('judged')) console.log(verdict.label);
 */
export async function openTopics(topology: Topology, options: OpenOptions = {}): Promise<Topics> {
  const { notify = warn } = options;
  const codec = await codecOf(topology, 'read');
  const transport = await openTransport(topology, { access: 'read', notify });
  return topicsOf(topology, { transport, codec, notify });
}

function topicsOf(topology: Topology, deps: TapDeps): Topics {
  const close = () => deps.transport.close();
  return {
    topology,
    tap: (topic, options = {}) => tapEntries(topic, options, deps).pipe(map(({ record }) => record)),
    entries: (topic, options = {}) => tapEntries(topic, options, deps),
    read: (topic, options) => readRecords(deps, topic, options),
    topics: () => deps.transport.topics(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
