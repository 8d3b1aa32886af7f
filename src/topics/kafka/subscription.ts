/** The partitions of one topic that a process has for a group, as they come and go. */
import { ConfigError, TransportError } from '../../errors.ts';
import {
  progressBeyondEnd,
  recordsGone,
  type StagePlace,
  topicDeleted,
  topicRemade,
} from '../lost-records.ts';
import { Committer, type CommitterOptions } from './committer.ts';
import { listOffsets } from './fetch.ts';
import { GroupMember } from './group-member.ts';
import type { KafkaConfig } from './kafka-config.ts';
import { KafkaInput, type KafkaInputOptions } from './kafka-input.ts';
import type { Link } from './link.ts';
import { markOf } from './set-progress.ts';
import { describeTopics, type TopicNow } from './topic-metadata.ts';
import type { TopicWatch } from './topic-watch.ts';

export interface SubscriptionOptions {
  readonly config: KafkaConfig;
  /** The consumer group's name, and the topic's, on the cluster. */
  readonly group: string;
  readonly name: string;
  readonly topic: string;
  /** The group's name in the run: the stage. */
  readonly stage: string;
  /** How many partitions the topic is declared with, where it is the run's own. */
  readonly declared: number | undefined;
  readonly watch: TopicWatch;
  readonly place: KafkaInputOptions['place'];
  /** Ends the subscription. What is in hand can still be committed. */
  readonly signal: AbortSignal;
  readonly makeLink: () => Link;
}

/** A topic counts as deleted when it is not there at more looks than this. */
const MISSING_LOOKS = 2;

interface Held {
  /** Undefined while it is being taken over. */
  input: KafkaInput | undefined;
  /** One for commits, one for fetches. */
  readonly links: readonly [Link, Link];
  readonly abort: AbortController;
}

export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #member: GroupMember;
  readonly #held = new Map<number, Held>();
  readonly #arrived: KafkaInput[] = [];
  #wake: () => void = () => {};
  /** As it was first seen: another id later is another topic. */
  #topicNow: TopicNow | undefined;
  #missing = 0;
  #error: unknown;
  #over = false;

  constructor(options: SubscriptionOptions) {
    const { config, group, name, makeLink } = options;
    this.#options = options;
    this.#member = new GroupMember({
      link: makeLink(),
      group,
      topic: name,
      worker: config.worker,
      sessionMs: config.sessionMs,
      heartbeatMs: config.heartbeatMs,
      rebalanceMs: config.rebalanceMs,
      owned: () => [...this.#held.keys()],
      onAssigned: (partitions) => this.#assigned(partitions),
      onEvicted: (reason) => this.#evicted(reason),
    });
  }

  /** Is a member of the group until the signal aborts; never throws: `inputs` does. */
  async run(): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, failed.signal]);
    this.#fail = (error) => {
      this.#error ??= error;
      failed.abort();
      // Who works on a partition hears of it whatever it waits for.
      if (error instanceof TransportError)
        for (const { input } of [...this.#held.values()]) input?.lose(error);
      this.#wake();
    };
    const unwatch = this.#options.watch.add(this.#options.name, (now) => this.#look(now));
    try {
      await this.#member.run(signal);
    } catch (error) {
      this.#fail(error);
    } finally {
      unwatch();
    }
    this.#over = true;
    this.#wake();
  }

  /** The partitions, each as soon as it may be worked on. */
  async *inputs(): AsyncGenerator<KafkaInput, void> {
    for (;;) {
      while (this.#arrived.length > 0 && !this.#options.signal.aborted)
        yield this.#arrived.shift() as KafkaInput;
      if (this.#error !== undefined) throw this.#error;
      if (this.#over) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #fail: (error: unknown) => void = () => {};

  /** The topic may have got partitions, or be gone, or be another by now. */
  #look(now: TopicNow): void {
    const { stage, name: topic } = this.#options;
    const before = this.#topicNow;
    // A broker that has just started may not know all its topics.
    this.#missing = now.state === 'missing' ? this.#missing + 1 : 0;
    if (this.#missing > MISSING_LOOKS) this.#fail(topicDeleted({ stage, topic }));
    if (now.state !== 'there') return;
    this.#topicNow = { ...now, id: before?.id ?? now.id };
    if (before === undefined) return;
    if (now.id !== null && before.id !== null && now.id !== before.id)
      this.#fail(topicRemade({ stage, topic }));
    if (now.partitions > before.partitions) this.#member.renew();
  }

  #assigned(partitions: readonly number[]): void {
    for (const [partition, held] of this.#held)
      if (!partitions.includes(partition)) this.#handOver(partition, held);
    for (const partition of partitions) if (!this.#held.has(partition)) void this.#take(partition);
  }

  /** Lets whoever works on the partition finish, for a while. */
  #handOver(partition: number, held: Held): void {
    const { input } = held;
    if (input === undefined) {
      held.abort.abort();
      close(held);
      this.#held.delete(partition);
      this.#member.renew();
      return;
    }
    if (input.leaving.aborted) return;
    const { handOverMs } = this.#options.config;
    const timer = setTimeout(() => {
      const late = `${this.#what(partition)} went to another worker before everything in flight was finished (handOverMs).`;
      input.lose(new TransportError(late, { retryable: true }));
    }, handOverMs);
    input.lost.addEventListener('abort', () => clearTimeout(timer), { once: true });
    input.leave();
  }

  #evicted(reason: TransportError): void {
    for (const [partition, held] of [...this.#held]) {
      held.abort.abort();
      close(held);
      this.#held.delete(partition);
      held.input?.lose(reason);
    }
  }

  /** Fences whoever had the partition before, and goes on where that one was. */
  async #take(partition: number): Promise<void> {
    const { config, name, topic, place, signal, makeLink } = this.#options;
    const [link, fetchLink] = [makeLink(), makeLink()];
    const abort = new AbortController();
    const held: Held = { input: undefined, links: [link, fetchLink], abort };
    this.#held.set(partition, held);
    try {
      const ending = AbortSignal.any([abort.signal, signal, link.options.closed]);
      const what = `opening ${this.#what(partition)}`;
      const now = await link.patiently(
        what,
        async () => (await describeTopics(link, [name]))?.get(name),
        ending,
      );
      if (now?.state === 'there') this.#look(now);
      const committer = new Committer(this.#committerOptions(partition, link));
      const taken = await committer.take(ending);
      const begin = await link.patiently(what, () => this.#begin(link, partition, taken), ending);
      if (ending.aborted) return;
      held.input = new KafkaInput({
        link,
        fetchLink,
        name,
        topic,
        partition,
        ...begin,
        committer,
        place,
        fetchBytes: config.fetchBytes,
        fetchWaitMs: config.fetchWaitMs,
        signal,
        onGone: () => this.#gone(partition, held),
      });
      this.#arrived.push(held.input);
      this.#wake();
    } catch (error) {
      if (!abort.signal.aborted && !signal.aborted && !link.options.closed.aborted) this.#fail(error);
    }
  }

  #committerOptions(partition: number, link: Link): CommitterOptions {
    const { config, group, name } = this.#options;
    return {
      link,
      // One for each group and partition: a new owner's fences the one before.
      transactionalId: `${group}/${partition}`,
      place: { group, name, partition },
      mark: markOf(this.#topicNow?.id, this.#options.declared),
      transactionMs: config.transactionMs,
      what: this.#what(partition),
      stillOwner: () => this.#member.confirm(),
    };
  }

  /** Where to go on. Throws where progress and topic do not fit together. */
  async #begin(link: Link, partition: number, { offset, mark }: Awaited<ReturnType<Committer['take']>>) {
    const { name, stage } = this.#options;
    const [starts, ends] = [
      await listOffsets(link, name, [partition], 'start'),
      await listOffsets(link, name, [partition], 'end'),
    ];
    const [start, end] = [starts.get(partition) ?? 0, ends.get(partition) ?? 0];
    const place = { stage, topic: name, partition };
    this.#checkMark(mark, place);
    if (offset === null) return { position: start, fresh: { start } };
    if (offset < start) throw recordsGone(place, { next: offset, start });
    if (offset > end) throw progressBeyondEnd(place, { next: offset, end });
    return { position: offset };
  }

  /** What was stored with the progress: which topic it was, and over how many partitions its keys were spread. */
  #checkMark(mark: string | undefined, place: StagePlace): void {
    const { declared, name } = this.#options;
    const [id, partitions] = mark?.split('/') ?? [];
    if (id && this.#topicNow?.id && id !== this.#topicNow.id) throw topicRemade(place);
    if (!partitions || declared === undefined || Number(partitions) === declared) return;
    throw new ConfigError(
      `Topic ${name}: this run has written to ${partitions} partitions, the configuration says ${declared}: the records of a ` +
        'key would be in two places. Put it back, also where partitions were added, or start a new run.',
    );
  }

  /** Whoever is given the partition next, it may be this member again, must be told. */
  #gone(partition: number, held: Held): void {
    close(held);
    if (this.#held.get(partition) !== held) return;
    this.#held.delete(partition);
    this.#member.renew();
  }

  #what(partition: number): string {
    return `partition ${partition} of ${this.#options.name} for the group ${this.#options.group}`;
  }
}

function close({ links }: Held): void {
  for (const link of links) void link.close();
}
