/** A broker as kafkajs knows it: its requests, as far as Swirl makes them. */

/** What identifies a transaction's producer. */
export interface ProducerIdentity {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

export interface WireMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

/** A record as it is sent; without a time it has the broker's or this machine's. */
export interface SentMessage {
  readonly key: string;
  readonly value: Buffer;
  readonly timestamp?: number;
  readonly headers?: Readonly<Record<string, Buffer | readonly Buffer[]>>;
}

export interface FetchedPartition {
  readonly partition: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly abortedTransactions:
    | readonly { readonly producerId: string; readonly firstOffset: string }[]
    | null;
  readonly messages: readonly WireMessage[];
}

interface PerTopic<P> {
  readonly topic: string;
  readonly partitions: readonly P[];
}

export interface StoredOffset {
  readonly partition: number;
  readonly offset: string;
  readonly metadata: string | null;
}

export interface JoinAnswer {
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

interface ConfigEntry {
  readonly configName: string;
  readonly configValue: string | null;
}

/** One request as kafkajs knows it; `broker.lookupRequest` picks the newest version that both sides have. */
export type RequestDefinition = object;
type Request = object;

export interface Broker {
  readonly nodeId: number;
  /** By the requests' keys, once it is connected. */
  readonly versions?: Readonly<Record<number, { readonly maxVersion: number }>>;
  readonly lookupRequest: (key: number, definition: RequestDefinition) => (fields: object) => Request;
  readonly connectionPool: { send(request: Request): Promise<unknown> };
  metadata(topics: readonly string[]): Promise<{
    readonly topicMetadata: readonly {
      readonly topic: string;
      readonly partitionMetadata: readonly { readonly partitionId: number }[];
    }[];
  }>;
  fetch(options: {
    readonly isolationLevel: number;
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly topics: readonly PerTopic<{
      readonly partition: number;
      readonly fetchOffset: number;
      readonly maxBytes: number;
    }>[];
  }): Promise<{
    readonly responses: readonly {
      readonly topicName: string;
      readonly partitions: readonly FetchedPartition[];
    }[];
  }>;
  listOffsets(options: {
    readonly isolationLevel: number;
    readonly topics: readonly PerTopic<{ readonly partition: number; readonly timestamp: number }>[];
  }): Promise<{
    readonly responses: readonly PerTopic<{ readonly partition: number; readonly offset: string }>[];
  }>;
  createTopics(options: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
      readonly configEntries: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly timeout: number;
  }): Promise<unknown>;
  describeConfigs(options: {
    readonly resources: readonly {
      readonly type: number;
      readonly name: string;
      readonly configNames: readonly string[];
    }[];
  }): Promise<{
    readonly resources: readonly {
      readonly resourceName: string;
      readonly configEntries: readonly ConfigEntry[];
    }[];
  }>;
  describeGroups(options: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly { readonly members: readonly { readonly clientHost: string }[] }[];
  }>;
  listGroups(): Promise<{
    readonly groups: readonly { readonly groupId: string; readonly protocolType: string }[];
  }>;
  deleteGroups(
    groupIds: readonly string[],
  ): Promise<{ readonly results: readonly { readonly error?: unknown }[] }>;
  deleteTopics(options: { readonly topics: readonly string[]; readonly timeout: number }): Promise<unknown>;
  findGroupCoordinator(options: {
    readonly groupId: string;
    readonly coordinatorType: number;
  }): Promise<unknown>;
  initProducerId(options: {
    readonly transactionalId: string | null;
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  addPartitionsToTxn(
    options: ProducerIdentity & { readonly topics: readonly PerTopic<number>[] },
  ): Promise<unknown>;
  addOffsetsToTxn(options: ProducerIdentity & { readonly groupId: string }): Promise<unknown>;
  txnOffsetCommit(
    options: ProducerIdentity & {
      readonly groupId: string;
      readonly topics: readonly PerTopic<{
        readonly partition: number;
        readonly offset: number;
        readonly metadata: string;
      }>[];
    },
  ): Promise<unknown>;
  endTxn(options: ProducerIdentity & { readonly transactionResult: boolean }): Promise<unknown>;
  alterConfigs(options: {
    readonly resources: readonly {
      readonly type: number;
      readonly name: string;
      readonly configEntries: readonly { readonly name: string; readonly value: string }[];
    }[];
  }): Promise<unknown>;
  deleteRecords(options: {
    readonly topics: readonly PerTopic<{ readonly partition: number; readonly offset: string }>[];
  }): Promise<unknown>;
  produce(
    options: Partial<ProducerIdentity> & {
      readonly acks: -1;
      readonly timeout: number;
      readonly topicData: readonly PerTopic<{
        readonly partition: number;
        readonly firstSequence: number;
        readonly messages: readonly SentMessage[];
      }>[];
    },
  ): Promise<unknown>;
}
