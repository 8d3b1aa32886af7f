/**
 * Kafka's protocol, as kafkajs speaks it: connections, TLS, SASL, versions, encoding. Its consumer and
 * producer are not used. They push where our stages pull, a reader cannot do without a group, there is no
 * static membership, and a producer whose commit failed is stuck for ever; so groups, fetches and
 * transactions are spoken here, in `group-member.ts`, `fetch.ts` and `transactor.ts`. That takes modules of
 * kafkajs that its index does not export: its version is pinned, and these types say all that is used of
 * them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { SASLOptions } from 'kafkajs';
import { checkBatches } from './batch-checksums.ts';
import type { Broker, RequestDefinition } from './broker.ts';
import { type BatchPlace, decompressors } from './compression.ts';

/** How to reach a cluster. */
export interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly connectMs: number;
  readonly requestMs: number;
  readonly ssl?: boolean | TlsOptions;
  readonly sasl?: SASLOptions;
}

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(
    topic: string,
  ): readonly { readonly partitionId: number; readonly leader: number }[];
  findBroker(options: { readonly nodeId: number | string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(options: {
    readonly groupId: string;
    readonly coordinatorType: number;
  }): Promise<Broker>;
  getNodeIds(): readonly string[];
}

interface Logger {
  namespace(name: string): Logger;
}

type Definitions = Readonly<
  Record<'JoinGroup' | 'SyncGroup' | 'Heartbeat' | 'LeaveGroup', RequestDefinition>
>;

const require = createRequire(import.meta.url);
const ClusterClass = require('kafkajs/src/cluster') as new (options: object) => Cluster;
const { createLogger } = require('kafkajs/src/loggers') as { createLogger(options: object): Logger };
const createSocketFactory = require('kafkajs/src/network/socketFactory') as () => (options: object) => Socket;
const { requests } = require('kafkajs/src/protocol/requests') as { requests: Definitions };
const apiKeys = require('kafkajs/src/protocol/requests/apiKeys') as Readonly<
  Record<keyof Definitions, number>
>;

const Encoder = require('kafkajs/src/protocol/encoder') as new () => {
  writeBufferInternal(bytes: Buffer): void;
};
const { failure, createErrorFromCode } = require('kafkajs/src/protocol/error') as {
  failure(code: number): boolean;
  createErrorFromCode(code: number): Error;
};

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}
const { prototype } = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue };
const schedule = prototype.scheduleCheckPendingRequests;
// As it is, each connection sets a timer of a millisecond again and again for ever, even when it is closed
// (kafkajs computes the end of a throttling that there is not): with nothing pending there is nothing to
// check.
prototype.scheduleCheckPendingRequests = function scheduleWherePending(this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this);
};

interface Codec {
  decompress(bytes: Buffer): Promise<Buffer>;
}
const { Codecs } = require('kafkajs/src/protocol/message/compression') as {
  Codecs: Record<number, () => Codec>;
};
const fetching = new AsyncLocalStorage<BatchPlace>();
// kafkajs keeps its codecs for a whole process: those of programs that Swirl is a part of stay as they are.
for (const [number, decompress] of decompressors) {
  const before = Codecs[number] as () => Codec;
  Codecs[number] = () => {
    const place = fetching.getStore();
    return place === undefined ? before() : { decompress: (bytes) => decompress(bytes, place) };
  };
}

/** A request as kafkajs makes it, with what reads the answer. */
interface MadeRequest {
  readonly request: { readonly apiVersion: number };
  readonly response: { decode(bytes: Buffer): Promise<unknown> };
}

/** Fetches records, whose batches may be compressed; their checksums are looked at before they are read. */
export function fetchChecked(
  broker: Broker,
  options: Parameters<Broker['fetch']>[0],
  place: BatchPlace,
): ReturnType<Broker['fetch']> {
  const checked: Broker['lookupRequest'] = (key, definition) => (fields) => {
    const made = broker.lookupRequest(key, definition)(fields) as MadeRequest;
    const { request, response } = made;
    const decode = async (bytes: Buffer) => {
      checkBatches(bytes, request.apiVersion);
      return response.decode(bytes);
    };
    return { ...made, response: { ...response, decode } };
  };
  const checking = Object.create(broker, { lookupRequest: { value: checked } }) as Broker;
  return fetching.run(place, () => checking.fetch(options));
}

/** The codecs of groups' metadata and assignments, which tools of Kafka show to people. */
export const { MemberMetadata, MemberAssignment } = require('kafkajs/src/consumer/assignerProtocol') as {
  readonly MemberMetadata: {
    encode(value: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { readonly userData: Buffer | null };
  };
  readonly MemberAssignment: {
    encode(value: {
      version: number;
      assignment: Record<string, readonly number[]>;
      userData: Buffer;
    }): Buffer;
    decode(bytes: Buffer): { readonly assignment: Readonly<Record<string, readonly number[]>> } | null;
  };
};

export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;
export const COORDINATOR = { group: 0, transaction: 1 } as const;
export const TOPIC_RESOURCE = 2;

/** kafkajs tries again by itself, briefly; what lasts longer is for `link.ts`. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, retries: 2 };
const METADATA_MAX_AGE_MS = 300_000;

/** What is wrong is said by errors, so nothing is logged. */
const silent = createLogger({ level: 0, logCreator: () => () => {} });

/** Time for answers that are on their way when connections are ended, in milliseconds. */
const GRACE_MS = 1_000;
const ENDED = 'the connections were ended';

export interface Connections {
  readonly cluster: Cluster;
  /** Ends them for good: a request that is on its way fails, and kafkajs cannot connect again by itself. */
  end(): Promise<void>;
}

/** A cluster's connections; nothing is connected yet. */
export function makeCluster({
  brokers,
  clientId,
  connectMs,
  requestMs,
  ssl,
  sasl,
}: ClusterOptions): Connections {
  const connect = createSocketFactory();
  const sockets = new Set<Socket>();
  let ended = false;
  const cluster = new ClusterClass({
    logger: silent,
    socketFactory: (options: object) => {
      const socket = ended ? new Socket() : connect(options);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      if (ended) setImmediate(() => socket.destroy(new Error(ENDED)));
      return socket;
    },
    brokers: [...brokers],
    clientId,
    connectionTimeout: connectMs,
    authenticationTimeout: requestMs,
    reauthenticationThreshold: 10_000,
    requestTimeout: requestMs,
    enforceRequestTimeout: true,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: READ_COMMITTED,
    retry: RETRY,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  });
  return {
    cluster,
    end: async () => {
      ended = true;
      const quietly = cluster.disconnect().catch(() => {});
      await Promise.race([quietly, delay(GRACE_MS, undefined, { ref: false })]);
      // With an error, or kafkajs does not tell those who wait for an answer.
      for (const socket of sockets) socket.destroy(new Error(ENDED));
    },
  };
}

/** The requests of group membership, with the instance id that kafkajs's own methods leave out. */
export function groupRequest(broker: Broker, name: keyof Definitions, fields: object): Promise<unknown> {
  return broker.connectionPool.send(broker.lookupRequest(apiKeys[name], requests[name])(fields));
}

export interface RawRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** What follows the header's client id. */
  readonly body: () => Buffer;
  /** `failIf` throws the error that a code stands for. */
  readonly parse: (bytes: Buffer, failIf: (errorCode: number) => void) => unknown;
}

/** A request that kafkajs does not know, on its connections. */
export function send(
  broker: Broker,
  { apiKey, apiVersion, apiName, body, parse }: RawRequest,
): Promise<unknown> {
  const failIf = (errorCode: number): void => {
    if (failure(errorCode)) throw createErrorFromCode(errorCode);
  };
  return broker.connectionPool.send({
    request: { apiKey, apiVersion, apiName, encode: async () => encoded(body()) },
    response: {
      decode: async (bytes: Buffer) => bytes,
      parse: async (bytes: Buffer) => parse(bytes, failIf),
    },
  });
}

function encoded(bytes: Buffer): object {
  const encoder = new Encoder();
  encoder.writeBufferInternal(bytes);
  return encoder;
}
