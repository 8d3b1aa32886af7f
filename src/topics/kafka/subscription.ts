/** The partitions of one topic that a process has for a group, as they come and go. */
import { TransportError } from '../../errors.ts';
import { Committer, type CommitterOptions } from './committer.ts';
import { listOffsets } from './fetch.ts';
import { GroupMember } from './group-member.ts';
import type { KafkaConfig } from './kafka-config.ts';
import { KafkaInput, type KafkaInputOptions } from './kafka-input.ts';
import type { Link } from './link.ts';

export interface SubscriptionOptions {
  readonly config: KafkaConfig;
  /** The consumer group's name, and the topic's, on the cluster. */
  readonly group: string;
  readonly name: string;
  readonly topic: string;
  readonly place: KafkaInputOptions['place'];
  /** Ends the subscription. What is in hand can still be committed. */
  readonly signal: AbortSignal;
  readonly makeLink: () => Link;
}

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
      this.#wake();
    };
    try {
      await this.#member.run(signal);
    } catch (error) {
      this.#fail(error);
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
    const committer = new Committer(this.#committerOptions(partition, link));
    try {
      const ending = AbortSignal.any([abort.signal, signal, link.options.closed]);
      const committed = await committer.take(ending);
      const position =
        committed ??
        (await link.patiently(
          `opening ${this.#what(partition)}`,
          () => this.#start(link, partition),
          ending,
        ));
      if (ending.aborted) return;
      held.input = new KafkaInput({
        link,
        fetchLink,
        name,
        topic,
        partition,
        position,
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
      transactionMs: config.transactionMs,
      what: this.#what(partition),
      stillOwner: () => this.#member.confirm(),
    };
  }

  async #start(link: Link, partition: number): Promise<number> {
    return (await listOffsets(link, this.#options.name, [partition], 'start')).get(partition) ?? 0;
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
