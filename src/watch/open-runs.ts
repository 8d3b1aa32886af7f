/** The runs of a folder that are looked at: opened when they are asked for, a few at once. */
import { ConfigError } from '../errors.ts';
import { keptTopology, runsIn } from '../topology/kept.ts';
import type { Topology } from '../topology/topology.ts';
import { RunWatch, type RunWatchOptions } from './run-watch.ts';

/** Runs that are open at once: two beside each other, and those one comes from. */
const MOST_OPEN = 4;

export class OpenRuns {
  readonly #first: Topology;
  readonly #options: RunWatchOptions;
  readonly #open = new Map<string, Promise<RunWatch>>();

  /** `first`: the run that is meant where none is named; what it says of itself is of that one alone. */
  constructor(first: Topology, options: RunWatchOptions) {
    this.#first = first;
    this.#options = options;
  }

  get first(): string {
    return this.#first.run;
  }

  names(): string[] {
    const names = runsIn(this.#first.folder);
    return names.includes(this.first) ? names : [...names, this.first];
  }

  /** Throws a `ConfigError` where there is no such run. */
  get(name: string): Promise<RunWatch> {
    const known = this.#open.get(name);
    if (known !== undefined) {
      // The one that was asked for last is kept longest.
      this.#open.delete(name);
      this.#open.set(name, known);
      return known;
    }
    if (!this.names().includes(name)) {
      return Promise.reject(
        new ConfigError(`there is no run ${JSON.stringify(name.slice(0, 100))} in ${this.#first.folder}`),
      );
    }
    const isFirst = name === this.first;
    const { news: _, ...others } = this.#options;
    const opening = Promise.resolve().then(() =>
      RunWatch.open(
        isFirst ? this.#first : keptTopology(this.#first.folder, name),
        isFirst ? this.#options : others,
      ),
    );
    this.#open.set(name, opening);
    opening.catch(() => this.#open.delete(name));
    this.#closeOldest();
    return opening;
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const opening of open) await opening.then((run) => run.close()).catch(() => {});
  }

  #closeOldest(): void {
    for (const [name, opening] of this.#open) {
      if (this.#open.size <= MOST_OPEN) return;
      if (name === this.first) continue;
      this.#open.delete(name);
      void opening.then((run) => run.close()).catch(() => {});
    }
  }
}
