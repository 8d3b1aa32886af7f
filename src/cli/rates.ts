/** How many records a stage goes through in a second, from what it has done at each look. */
import type { StageProgress } from '../runtime/run.ts';

/** Rates are of about the last so many milliseconds. */
const OVER_MS = 15_000;

interface Look {
  readonly time: number;
  readonly done: ReadonlyMap<string, number>;
}

export class Rates {
  readonly #now: () => number;
  #looks: Look[] = [];

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  look(stages: readonly StageProgress[]): void {
    const time = this.#now();
    const done = new Map(stages.map((stage) => [stage.stage, stage.done]));
    this.#looks = [...this.#looks.filter((one) => time - one.time <= OVER_MS), { time, done }];
  }

  /** Records per second; 0 before there are two looks. */
  of(stage: string): number {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    if (first === undefined || last === undefined || last.time <= first.time) return 0;
    const moved = (last.done.get(stage) ?? 0) - (first.done.get(stage) ?? 0);
    return (1000 * Math.max(0, moved)) / (last.time - first.time);
  }
}
