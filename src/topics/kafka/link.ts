/** Connections to a cluster that are made anew when they break, and patience with a cluster that is away. */
import { sleep } from '../../clock.ts';
import { TransportError } from '../../errors.ts';
import type { Broker } from './broker.ts';
import { isAstray, isBusy, isForbidden, isPassing, transportError } from './kafka-errors.ts';
import type { OutageNotes } from './outage-notes.ts';
import { type Cluster, type ClusterOptions, COORDINATOR, makeCluster } from './wire.ts';

export interface LinkOptions {
  readonly cluster: ClusterOptions;
  /** How long the cluster may be away before `patiently` gives up, in milliseconds. */
  readonly outageMs: number;
  /** The most that a compressed batch of records may become. */
  readonly decompressedBytes: number;
  /** Aborts when the transport is closed. */
  readonly closed: AbortSignal;
  /** Milliseconds, from anywhere. */
  readonly now: () => number;
  /** What the user should know, besides outages. */
  readonly notify: (message: string, level?: 'info' | 'warn') => void;
  /** Shared by all links: an outage is said once. */
  readonly outage: OutageNotes;
}

/** Pauses between attempts, in milliseconds: the first, and the longest. */
const PAUSE_MS = { first: 10, longest: 1_000 };
/** After this long the user is told. */
const TELL_MS = 5_000;
/** So many times in a row kafkajs may lose its way: where a cluster is away there are errors of connections. */
const MOST_ASTRAY = 20;

/**
 * A cluster's connections for one purpose: a request that a broker answers late holds up those after it on
 * the same connection, so a fetch loop, a group's member and a transaction have a link of their own each.
 */
export class Link {
  readonly options: LinkOptions;
  #connections: { readonly end: () => Promise<void>; readonly cluster: Promise<Cluster> } | undefined;
  #coordinators = new Map<string, Promise<Broker>>();
  #over = false;

  readonly #onClose: () => void;

  /** `onClose` is called when it is closed for good. */
  constructor(options: LinkOptions, onClose: () => void = () => {}) {
    this.options = options;
    this.#onClose = onClose;
  }

  /** Connected; with the metadata of these topics. Throws where one of them does not exist. */
  async cluster(...topics: string[]): Promise<Cluster> {
    this.options.closed.throwIfAborted();
    if (this.#over) throw new TransportError('This link to the cluster was closed.');
    this.#connections ??= connect(this.options.cluster);
    const cluster = await this.#connections.cluster;
    if (topics.length > 0) await cluster.addMultipleTargetTopics(topics);
    return cluster;
  }

  /** The broker that leads a partition of a topic. */
  async leader(topic: string, partition: number): Promise<Broker> {
    const cluster = await this.cluster(topic);
    const found = cluster
      .findTopicPartitionMetadata(topic)
      .find(({ partitionId }) => partitionId === partition);
    if (found === undefined) {
      throw new TransportError(`Topic ${topic} has no partition ${partition}.`);
    }
    return cluster.findBroker({ nodeId: found.leader });
  }

  /** The broker that keeps a group's offsets, or a transactional id's transactions. */
  coordinator(kind: keyof typeof COORDINATOR, id: string): Promise<Broker> {
    const key = `${kind} ${id}`;
    let found = this.#coordinators.get(key);
    if (found === undefined) {
      found = this.cluster().then((cluster) => coordinatorOf(cluster, id, COORDINATOR[kind]));
      // Whoever awaits it hears of its failure.
      found.catch(() => {});
      this.#coordinators.set(key, found);
    }
    return found;
  }

  /** Drops the connections: the next call makes new ones. */
  reset(): void {
    void this.#end();
  }

  /** For good. */
  async close(): Promise<void> {
    this.#over = true;
    this.#onClose();
    await this.#end();
  }

  async #end(): Promise<void> {
    const connections = this.#connections;
    this.#connections = undefined;
    this.#coordinators = new Map();
    await connections?.end();
  }

  /**
   * Does the work; while it fails for reasons that may pass, tries again on new connections, for as long as
   * an outage may last. Throws the signal's reason when that aborts, a `TransportError` that says what was
   * tried otherwise.
   */
  async patiently<T>(what: string, work: () => Promise<T>, signal = this.options.closed): Promise<T> {
    const { now, outageMs, outage, closed } = this.options;
    const waiter = {};
    let since: number | undefined;
    let astray = 0;
    try {
      for (let pause = PAUSE_MS.first; ; pause = Math.min(2 * pause, PAUSE_MS.longest)) {
        try {
          const result = await work();
          outage.back(waiter);
          return result;
        } catch (error) {
          closed.throwIfAborted();
          signal.throwIfAborted();
          astray = isAstray(error) ? astray + 1 : 0;
          if (!isPassing(error) || astray > MOST_ASTRAY) throw transportError(what, error);
          if (!isBusy(error)) this.reset();
          since ??= now();
          const away = now() - since;
          if (away > outageMs) {
            const seconds = Math.round(away / 1000);
            throw transportError(`${what}: given up after ${seconds} s (outageMs of the transport)`, error);
          }
          if (away > TELL_MS) outage.away(waiter, { what, error: error as Error, forMs: away });
          await sleep(pause, signal);
        }
      }
    } finally {
      outage.leave(waiter);
    }
  }
}

/** kafkajs says that there is no coordinator where this client may not know it: the broker itself says why. */
async function coordinatorOf(cluster: Cluster, groupId: string, coordinatorType: number): Promise<Broker> {
  try {
    return await cluster.findGroupCoordinator({ groupId, coordinatorType });
  } catch (error) {
    const [nodeId] = cluster.getNodeIds();
    if ((error as Error).name !== 'KafkaJSGroupCoordinatorNotFound' || nodeId === undefined) throw error;
    const broker = await cluster.findBroker({ nodeId });
    const why = await broker.findGroupCoordinator({ groupId, coordinatorType }).then(
      () => error,
      (asked: unknown) => asked,
    );
    throw isForbidden(why) ? why : error;
  }
}

function connect(options: ClusterOptions): { end: () => Promise<void>; cluster: Promise<Cluster> } {
  const { cluster, end } = makeCluster(options);
  const connected = (async () => {
    await cluster.connect();
    // Which brokers there are: nothing can be found before.
    await cluster.refreshMetadata();
    return cluster;
  })();
  // Whoever awaits it hears of its failure.
  connected.catch(() => {});
  return { end, cluster: connected };
}
