/** Seeded draws for the laboratory: every world, question and fault is a function of a name. */
import { seedFor, uniform } from '../random.ts';

export interface Draw {
  /** Uniform in [0, 1), 24 bits. */
  readonly next: () => number;
  /** Uniform integer in [from, to], both ends included. */
  readonly integer: (from: number, to: number) => number;
  readonly chance: (probability: number) => boolean;
  /** Throws `RangeError` on an empty list. */
  readonly pick: <T>(items: readonly T[]) => T;
  /** A shuffled copy. */
  readonly shuffled: <T>(items: readonly T[]) => T[];
}

/** The draws of a run's seed that bear a name, such as `world/test/3`. The same name gives the same draws. */
export function drawFor(seed: number, name: string): Draw {
  const key = seedFor(seed, `lab/${name}`);
  let position = 0;
  const next = () => uniform(key, position++);
  const integer = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: (items) => at(items, integer(0, items.length - 1)),
    shuffled: (items) => {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = integer(0, i);
        [copy[i], copy[j]] = [at(copy, j), at(copy, i)];
      }
      return copy;
    },
  };
}

function at<T>(items: readonly T[], index: number): T {
  if (index < 0 || index >= items.length)
    throw new RangeError(`no item ${index} in a list of ${items.length}`);
  return items[index];
}
