/**
 * Means with 95% confidence intervals. Those of shares stay within 0 and 1, those of their differences within
 * -1 and 1.
 */

export interface Estimate {
  readonly mean: number;
  /** Bounds of the 95% interval. */
  readonly low: number;
  readonly high: number;
  /** How many values it is the mean of. */
  readonly count: number;
}

/** The 97.5% quantile of the normal distribution. */
const Z = 1.959963984540054;

/** A share of successes, with Wilson's interval (1927). No values: NaN. */
export function share(successes: number, count: number): Estimate {
  return { ...wilson(successes / count, count), count };
}

/**
 * A mean of any values, with the normal interval of its standard error. Fewer than two values: no width is
 * known.
 */
export function mean(values: readonly number[]): Estimate {
  const count = values.length;
  const average = averageOf(values);
  const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / (count - 1);
  const half = count < 2 ? Number.NaN : Z * Math.sqrt(variance / count);
  return { mean: average, low: average - half, high: average + half, count };
}

/**
 * A mean of values from 0 to 1, such as shares of each question's rollouts: Wilson's interval with the
 * effective sample size, as for clustered data (Korn and Graubard 1998; Dean and Pagano 2015). That is at
 * least the number of values, where each value is as good as one observation, and at most the number of
 * observations behind them. For values of 0 and 1 it is Wilson's own.
 */
export function boundedMean(values: readonly number[], observations: number = values.length): Estimate {
  const count = values.length;
  const average = averageOf(values);
  const variance = average * (1 - average);
  const spread = averageOf(values.map((value) => (value - average) ** 2));
  // All alike: nothing tells how much they would differ, unless between 0 and 1, where their own parts do.
  const effective = variance === 0 ? count : (variance * count) / spread;
  return { ...wilson(average, Math.max(count, Math.min(effective, observations))), count };
}

/**
 * The mean difference `a - b` of paired values from 0 to 1: Newcombe's interval for paired proportions
 * (Statistics in Medicine 17, 1998, 2635-2650, method 10), from the intervals of both and their correlation.
 * Values between 0 and 1 are put in as they are (Zou and Donner 2008).
 */
export function pairedDifference(
  pairs: readonly (readonly [a: number, b: number])[],
  observations: number = pairs.length,
): Estimate {
  const count = pairs.length;
  const a = boundedMean(
    pairs.map(([value]) => value),
    observations,
  );
  const b = boundedMean(
    pairs.map(([, value]) => value),
    observations,
  );
  const correlation = correlationOf(pairs);
  const bound = (x: number, y: number) => Math.sqrt(Math.max(0, x * x - 2 * correlation * x * y + y * y));
  const difference = a.mean - b.mean;
  return {
    mean: difference,
    low: difference - bound(a.mean - a.low, b.high - b.mean),
    high: difference + bound(a.high - a.mean, b.mean - b.low),
    count,
  };
}

/** Of the values, with Newcombe's correction for continuity: a positive one comes nearer to 0. */
function correlationOf(pairs: readonly (readonly [number, number])[]): number {
  const [a, b] = [0, 1].map((side) => averageOf(pairs.map((pair) => pair[side as 0 | 1]))) as [
    number,
    number,
  ];
  const covariance = averageOf(pairs.map(([x, y]) => (x - a) * (y - b)));
  const deviation = Math.sqrt(
    averageOf(pairs.map(([x]) => (x - a) ** 2)) * averageOf(pairs.map(([, y]) => (y - b) ** 2)),
  );
  if (!(deviation > 0)) return 0;
  const corrected = covariance > 0 ? Math.max(0, covariance - 1 / (2 * pairs.length)) : covariance;
  return corrected / deviation;
}

function wilson(mean: number, count: number): Omit<Estimate, 'count'> {
  const denominator = 1 + Z ** 2 / count;
  const center = (mean + Z ** 2 / (2 * count)) / denominator;
  const half = (Z / denominator) * Math.sqrt((mean * (1 - mean)) / count + Z ** 2 / (4 * count ** 2));
  return { mean, low: Math.max(0, center - half), high: Math.min(1, center + half) };
}

function averageOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
