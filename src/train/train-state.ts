/** What the train stage must remember from one batch to the next, besides weights and moments. */
import { z } from 'zod';

const count = z.int().min(0);

/**
 * Where in the scored topic the training is.
 *
 * The topic is trained in spans: from `from` to where it was found drained. A span's first pass (epoch 0) is
 * trained as records arrive, and has no end yet; the further ones read it again. Then the next span begins.
 */
const cursor = z.strictObject({
  epoch: count,
  /** Where the span begins, and for epoch > 0 where it ends. */
  from: count,
  to: count.nullable(),
  /** Everything of this pass before this offset has been trained on. */
  offset: count,
  /** How many records this pass has taken so far, and for epoch > 0 how many there are in the span. */
  taken: count,
  records: count.nullable(),
  /** Ids used in this pass and in earlier spans, oldest first; a bounded number of them. */
  recentIds: z.array(z.string()),
  /** `recentIds` as they were where the span began: every pass begins with them. */
  idsBefore: z.array(z.string()),
});

export type Cursor = z.output<typeof cursor>;

/** As in schemas/updates.avsc. */
const update = z.strictObject({
  id: z.string(),
  step: count,
  epoch: count,
  partition: count,
  fromOffset: count,
  toOffset: count,
  trajectories: count,
  subTrajectories: count,
  dropped: count,
  actionTokens: count,
  rowTokens: count,
  meanReward: z.number(),
  loss: z.number(),
  meanLogprob: z.number(),
  meanRatio: z.number().nullable().default(null),
  clippedShare: z.number().nullable().default(null),
  kl: z.number(),
  gradNorm: z.number(),
  learningRate: z.number(),
  weightsHash: z.string(),
  by: z
    .strictObject({ module: z.string(), export: z.string(), hash: z.string(), settings: z.string() })
    .nullish(),
  steps: z
    .array(z.strictObject({ id: z.string(), before: z.number(), after: z.number().nullable() }))
    .nullish(),
});

/** A step that was refused: what `failures` is told about the delivery at this offset. */
const refusal = z.strictObject({ offset: count, record: z.string(), reason: z.string() });

export type Refusal = z.output<typeof refusal>;

export const trainState = z.strictObject({
  /** How many updates were made. */
  step: count,
  cursor,
  /** Updates that were made and may not be in `updates` yet, in order. */
  pendingUpdates: z.array(update),
  /** Refusals that may not be in `failures` yet, in order. */
  pendingRefusals: z.array(refusal),
  /** Hash of the weights before the first update. */
  firstWeightsHash: z.string(),
  /** Every setting that the weights depend on, as JSON, by its name. */
  settings: z.record(z.string(), z.string()),
});

export type TrainState = z.output<typeof trainState>;

/** The first pass over what comes next. */
export function nextSpan(offset: number, recentIds: readonly string[]): Cursor {
  const ids = [...recentIds];
  return {
    epoch: 0,
    from: offset,
    to: null,
    offset,
    taken: 0,
    records: null,
    recentIds: ids,
    idsBefore: ids,
  };
}

/** The next pass over a span that is drained. */
export function nextPass({ epoch, from, to, offset, taken, records, idsBefore }: Cursor): Cursor {
  return {
    epoch: epoch + 1,
    from,
    to: to ?? offset,
    offset: from,
    taken: 0,
    records: records ?? taken,
    recentIds: idsBefore,
    idsBefore,
  };
}

/** The deliveries before this offset need not be delivered again. */
export function consumed({ to, offset }: Cursor): number {
  return to ?? offset;
}
