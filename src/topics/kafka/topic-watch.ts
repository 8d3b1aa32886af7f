/** Looks now and then whether topics have more partitions than before, are gone, or were made again. */
import { sleep } from '../../clock.ts';
import type { Link } from './link.ts';
import { describeTopics, type TopicNow } from './topic-metadata.ts';

export interface TopicWatchOptions {
  readonly link: Link;
  readonly everyMs: number;
  /** Told once of each topic that has more partitions than when it was first seen. */
  readonly onMore: (name: string, now: TopicNow, before: number) => void;
}

export class TopicWatch {
  readonly #options: TopicWatchOptions;
  readonly #listeners = new Map<string, Set<(now: TopicNow) => void>>();
  readonly #seen = new Map<string, number>();
  #looking = false;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
  }

  /** Tells what the topic is, at every look, until the returned function is called. */
  add(name: string, listener: (now: TopicNow) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    if (!this.#looking) void this.#run();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(name);
    };
  }

  async #run(): Promise<void> {
    const { link, everyMs } = this.#options;
    const { closed } = link.options;
    this.#looking = true;
    while (!closed.aborted && this.#listeners.size > 0) {
      try {
        await sleep(everyMs, closed);
        const found = await describeTopics(link, [...this.#listeners.keys()]);
        // Brokers that tell no ids tell it never.
        if (found === undefined) return;
        for (const [name, now] of found) this.#tell(name, now);
      } catch {
        // An outage is told by those who need the cluster; the next look is on new connections.
        if (!closed.aborted) link.reset();
      }
    }
    this.#looking = false;
  }

  #tell(name: string, now: TopicNow): void {
    if (now.state === 'there') {
      const before = this.#seen.get(name) ?? now.partitions;
      this.#seen.set(name, now.partitions);
      if (now.partitions > before) this.#options.onMore(name, now, before);
    }
    for (const listener of this.#listeners.get(name) ?? []) listener(now);
  }
}
