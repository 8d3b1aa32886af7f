/**
 * The one interface between the flow and where its topics live. Every implementation passes the contract
 * suite in `test/topics/transport-contract.ts`.
 *
 * A transport belongs to one run. Values are opaque bytes here; `codec.ts` gives them meaning.
 */

/** What is appended: the key decides the partition (same key, same partition, in order). */
export interface Output {
  readonly topic: string;
  readonly key: string;
  readonly value: Uint8Array;
}

/** What a producer on Kafka may put beside a record. Swirl itself writes none, and reads none. */
export interface Header {
  readonly name: string;
  readonly value: Uint8Array;
}

/** One entry of a topic's log. */
export interface LogEntry {
  readonly topic: string;
  readonly partition: number;
  /** Position in the partition, from 0. Offsets increase; on Kafka they may skip. */
  readonly offset: number;
  /** When it was appended, in milliseconds since 1970. */
  readonly time: number;
  readonly key: string;
  readonly value: Uint8Array;
  /** Where there are some. */
  readonly headers?: readonly Header[];
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
}

export interface TopicInfo extends TopicSpec {
  /** Per partition: the first offset that can be read, and the offset after the last record. */
  readonly offsets: readonly { readonly start: number; readonly end: number }[];
}

/** Where a reader begins: at an offset, at the first entry appended at or after a time, or at an end. */
export type ReadFrom = 'start' | 'end' | { readonly offset: number } | { readonly time: number };

export interface ReadOptions {
  /** Read a topic of another run, read-only. */
  readonly run?: string;
  readonly from?: ReadFrom;
  /** Only this partition; all of them otherwise, in order of partition within what is there at once. */
  readonly partition?: number;
  /**
   * Keep waiting for new entries at the end, until the signal aborts. Otherwise stop at the end as it was at
   * the start.
   */
  readonly follow?: boolean;
  /** At most this many entries; no more than these are taken into memory. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** Whose records to look up. */
export interface LookUpOptions extends Pick<ReadOptions, 'run' | 'from' | 'partition' | 'signal'> {
  /** First parts of keys (`rootOf`): of all that came of a question, the question's name. */
  readonly roots: ReadonlySet<string>;
}

export interface SubscribeOptions {
  /** The consumer group: a stage's name. Progress is kept per group, topic and partition. */
  readonly group: string;
  readonly topic: string;
  /** Consume a topic of another run, read-only; progress is kept in this run. */
  readonly run?: string;
  /**
   * Ends the subscription: no more partitions, and every pull returns nothing. What is in hand can still be
   * committed, until another owner comes.
   */
  readonly signal: AbortSignal;
}

/**
 * One input partition that this process owns for a group. The owner pulls, works, and commits; a later
 * owner fences this one: `lost` aborts and `commit` throws a `TransportError`.
 */
export interface InputPartition {
  readonly topic: string;
  readonly partition: number;
  /** The offset that the next pull starts from; the committed offset at first. */
  readonly position: number;
  /**
   * Where the group has never committed anything in this partition: where it begins, whose records before
   * that were deleted. Absent where that cannot be.
   */
  readonly fresh?: { readonly start: number };
  /**
   * Aborts when another owner has taken over. A `retryable` reason: the work goes on elsewhere, as it should.
   */
  readonly lost: AbortSignal;
  /**
   * Aborts when another worker is to have the partition: pull no more, finish and commit what is in hand, and
   * `release`. Who is not done in time loses it. Absent where that does not happen.
   */
  readonly leaving?: AbortSignal;
  /** Lets the partition go: `lost` aborts. */
  release?(): void;
  /**
   * Go on reading from this offset; does not commit. A negative or broken number is a `TransportError`, here
   * or at the next pull; so is an offset after the end, which belongs to some other log.
   */
  seek(offset: number): void;
  /**
   * Up to `max` entries from the position on, and fewer where they are large. Waits up to `waitMs`
   * milliseconds for the first; may return none. Returns none once the subscription or the transport has
   * ended or the partition is lost.
   */
  pull(max: number, waitMs: number): Promise<LogEntry[]>;
  /**
   * The offset after the last record that is there now. Pulling moves `position` there, also over what is no
   * record (on Kafka the marks of transactions); pulling none (`max` 0) does that too.
   */
  end(): Promise<number>;
  /**
   * In one durable transaction: append the outputs (to topics of this run) and set the group's progress to
   * `next`. On return both are durable; on a throw neither happened, or this owner was fenced. An
   * `OutputRefused` says that one of the outputs can never be appended: others could be.
   */
  commit(next: number, outputs: readonly Output[]): Promise<void>;
}

/** Which group's progress, in which topic. */
export interface ProgressOf {
  readonly group: string;
  readonly topic: string;
  /** The run that the topic belongs to, where it is another one. */
  readonly run?: string;
}

export interface Transport {
  /** Which run's topics these are. */
  readonly run: string;
  /**
   * Create what is missing. A topic with another number of partitions, or a name that cannot be one, is a
   * `ConfigError`.
   */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /**
   * The topics of this run (or another, read-only) as they are now: in the order in which they were made, or
   * by name where that is not known.
   */
  topics(run?: string): Promise<TopicInfo[]>;
  /**
   * Append in one durable transaction, all or nothing. An unknown topic is a `TransportError`, too large a
   * record or too long a key an `OutputRefused`.
   */
  append(outputs: readonly Output[]): Promise<void>;
  /**
   * The input partitions that this process comes to own, as it comes to own them, until the signal aborts. A
   * `TransportError` where it cannot own them: no such topic, or another process that is not to be pushed
   * aside.
   */
  subscribe(options: SubscribeOptions): AsyncIterable<InputPartition>;
  /** The committed progress of a group, per partition of the topic; 0 where nothing was committed. */
  committed(group: string, topic: string, run?: string): Promise<number[]>;
  /**
   * Sets the progress of a group, by partition, to offsets that are in the log. A `TransportError` where
   * somebody works for the group now.
   */
  setProgress(of: ProgressOf, offsets: ReadonlyMap<number, number>): Promise<void>;
  /** Who consumes for this run now, in words: one for each process, or member of a group. */
  workers(): Promise<string[]>;
  /** Read without consuming: commits nothing and slows nobody. */
  read(topic: string, options?: ReadOptions): AsyncIterable<LogEntry>;
  /**
   * What `read` gives of keys with these first parts, without reading the rest as far as that is known. Absent
   * where nothing is.
   */
  lookUp?(topic: string, options: LookUpOptions): AsyncIterable<LogEntry>;
  /**
   * Give everything back. Idempotent; what waits ends with nothing, and any later call is a `TransportError`.
   */
  close(): Promise<void>;
}

/**
 * Makes a run's topics again from what another log held: every entry at its offset, with its time. What there
 * is of them before `finish` is nobody's run.
 */
export interface TopicRestorer {
  /** Entries of a partition, after those that were put before, in order. */
  put(
    topic: string,
    partition: number,
    entries: readonly Omit<LogEntry, 'topic' | 'partition'>[],
  ): Promise<void>;
  /** Sets what groups had consumed, and closes. */
  finish(progress: readonly (readonly [ProgressOf, ReadonlyMap<number, number>])[]): Promise<void>;
  /** Takes away what was made, as far as it does not lie in the run's folder, and closes. */
  abandon(): Promise<void>;
}
