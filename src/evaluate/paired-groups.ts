/** Differences of two runs on the same records, which resemble each other within a question. */
import { type Estimate, mean, pairedDifference } from './interval.ts';

/** Records of one question: how many there are, and the sums of their values in the two runs. */
export interface PairedGroup {
  readonly count: number;
  readonly was: number;
  readonly is: number;
}

export interface GroupedDifference {
  /** Means over all records. */
  readonly was: number;
  readonly is: number;
  /** `is - was`, with its `count` of questions. */
  readonly difference: Estimate;
}

/**
 * `isShare`: values are 0 or 1, and Newcombe's interval is taken; otherwise the normal one of the paired
 * differences. Both take the records of a question together. At least one group.
 */
export function groupedDifference(
  groups: readonly PairedGroup[],
  { isShare }: { readonly isShare: boolean },
): GroupedDifference {
  const weights = groups.map(({ count }) => count);
  const pairs = groups.map(({ count, was, is }) => [is / count, was / count] as const);
  const records = weights.reduce((sum, count) => sum + count, 0);
  const average = (side: 'was' | 'is') => groups.reduce((sum, group) => sum + group[side], 0) / records;
  const difference = isShare
    ? pairedDifference(pairs, records, weights)
    : mean(
        pairs.map(([is, was]) => is - was),
        weights,
      );
  return { was: average('was'), is: average('is'), difference };
}
