/** Random topologies, and what is done to a run of one. */
import fc from 'fast-check';
import type { Beside } from './random-beside.ts';
import type { Flow } from './random-topology.ts';

const upTo = (max: number, min = 1) => fc.integer({ min, max });

const beside: fc.Arbitrary<Beside> = fc.record({
  kind: fc.constantFrom('each', 'state', 'gather', 'filter', 'sink'),
  reads: fc.nat(20),
  partitions: upTo(3),
});

export const flow: fc.Arbitrary<Flow> = fc.record({
  windows: fc.record({
    ...{ start: upTo(6), branch: upTo(4), rollout: upTo(6), tools: upTo(5), enter: upTo(4) },
    ...{ decompose: upTo(4), judge: upTo(8), distinct: upTo(8), resample: upTo(4), reward: upTo(8) },
    // The steps of a trajectory must fit.
    filter: upTo(10, 4),
    // More than a batch.
    train: upTo(40, 0),
    beside: upTo(8),
  }),
  partitions: upTo(3),
  rollouts: upTo(2),
  branches: upTo(2, 0),
  merge: fc.constantFrom('deterministic', 'arrival'),
  enter: fc.boolean(),
  later: upTo(6, 0),
  distinct: fc.boolean(),
  mode: fc.constantFrom('none', 'process'),
  unknown: fc.boolean(),
  actions: upTo(3, 0),
  training: fc.record({
    epochs: upTo(2),
    trajectories: upTo(3),
    checkpointEvery: upTo(3),
    keepCheckpoints: upTo(3),
  }),
  beside: fc.array(beside, { maxLength: 4 }),
  commit: fc.record({ records: upTo(8), ms: upTo(4) }),
  salt: fc.nat(100_000),
});

/** What is done with a run; `after` counts its commits. */
export type Action =
  | { readonly kind: 'feed'; readonly count: number }
  /** To its end; `late`: so much is fed after so many commits. */
  | { readonly kind: 'drain'; readonly late: number }
  /** Fed so much before it, by two processes, of which the second has every stage whose place is in the mask. */
  | { readonly kind: 'apart'; readonly late: number; readonly mask: number }
  | { readonly kind: 'stop' | 'abort' | 'kill' | 'kill unheard'; readonly after: number };

const interruption = fc.record({
  kind: fc.constantFrom('stop' as const, 'abort' as const, 'kill' as const, 'kill unheard' as const),
  after: fc.integer({ min: 0, max: 30 }),
});

/** What may happen to a run. */
export const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('feed' as const), count: upTo(5) }),
    fc.record({ kind: fc.constant('drain' as const), late: upTo(3, 0) }),
    fc.record({ kind: fc.constant('apart' as const), late: upTo(3, 0), mask: fc.nat(2 ** 16 - 1) }),
    interruption,
    interruption,
  ),
  { maxLength: 6 },
);

/** What may happen to a run that is fed at its beginning only. */
export const interruptions: fc.Arbitrary<Action[]> = fc.array(interruption, { minLength: 1, maxLength: 4 });
