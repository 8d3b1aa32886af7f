/**
 * Means with 95% confidence intervals. Those of shares stay within 0 and 1, those of their differences within
 * -1 and 1.
 *
 * Where values are means of groups of unequal size (all steps of a question), `weights` are the sizes: the
 * mean is that of all members, and its variance that of a ratio, by the residuals of whole groups (Cochran,
 * Sampling Techniques, 1977, section 6.4), since members of one group resemble each other.
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
export function mean(values: readonly number[], weights?: readonly number[]): Estimate {
  const count = values.length;
  const { average, residuals } = centered(values, weights);
  const variance = residuals.reduce((sum, residual) => sum + residual ** 2, 0) / (count - 1);
  const half = count < 2 ? Number.NaN : Z * Math.sqrt(variance / count);
  return { mean: average, low: average - half, high: average + half, count };
}

/**
 * A mean of values from 0 to 1, such as shares of each question's rollouts: Wilson's interval with the
 * effective sample size, as for clustered data (Korn and Graubard 1998; Dean and Pagano 2015). That is at
 * least the number of values, where each value is as good as one observation, and at most the number of
 * observations behind them. For values of 0 and 1 it is Wilson's own.
 */
export function boundedMean(
  values: readonly number[],
  observations: number = values.length,
  weights?: readonly number[],
): Estimate {
  const count = values.length;
  const { average, residuals, size } = centered(values, weights);
  const variance = average * (1 - average);
  const spread = averageOf(residuals.map((residual) => residual ** 2));
  // All alike: nothing tells how much they would differ, unless between 0 and 1, where their own parts do.
  const effective = variance === 0 ? size : (variance * count) / spread;
  return { ...wilson(average, Math.max(size, Math.min(effective, observations))), count };
}

/**
 * The mean difference `a - b` of paired values from 0 to 1: Newcombe's interval for paired proportions
 * (Statistics in Medicine 17, 1998, 2635-2650, method 10), from the intervals of both and their correlation.
 * Values between 0 and 1 are put in as they are (Zou and Donner 2008).
 */
export function pairedDifference(
  pairs: readonly (readonly [a: number, b: number])[],
  observations: number = pairs.length,
  weights?: readonly number[],
): Estimate {
  const count = pairs.length;
  const sides = [pairs.map(([value]) => value), pairs.map(([, value]) => value)] as const;
  const [a, b] = [boundedMean(sides[0], observations, weights), boundedMean(sides[1], observations, weights)];
  const correlation = correlationOf(
    centered(sides[0], weights).residuals,
    centered(sides[1], weights).residuals,
  );
  const bound = (x: number, y: number) => Math.sqrt(Math.max(0, x * x - 2 * correlation * x * y + y * y));
  const difference = a.mean - b.mean;
  return {
    mean: difference,
    low: difference - bound(a.mean - a.low, b.high - b.mean),
    high: difference + bound(a.high - a.mean, b.mean - b.low),
    count,
  };
}

/** Of the residuals, with Newcombe's correction for continuity: a positive one comes nearer to 0. */
function correlationOf(a: readonly number[], b: readonly number[]): number {
  const products = (x: readonly number[], y: readonly number[]) =>
    averageOf(x.map((value, n) => value * (y[n] ?? 0)));
  const covariance = products(a, b);
  const deviation = Math.sqrt(products(a, a) * products(b, b));
  if (!(deviation > 0)) return 0;
  const corrected = covariance > 0 ? Math.max(0, covariance - 1 / (2 * a.length)) : covariance;
  return corrected / deviation;
}

/**
 * The mean, what each value (with its weight, in units of the mean weight) is away from it, and as how many
 * values of equal weight they count.
 */
function centered(values: readonly number[], weights?: readonly number[]) {
  if (weights === undefined) {
    const average = averageOf(values);
    return { average, residuals: values.map((value) => value - average), size: values.length };
  }
  const scale = averageOf(weights);
  const sum = weights.reduce((total, weight, n) => total + weight * (values[n] ?? 0), 0);
  const average = sum / (scale * values.length);
  const residuals = values.map((value, n) => ((weights[n] ?? 0) / scale) * (value - average));
  const size = (scale * values.length) ** 2 / weights.reduce((total, weight) => total + weight ** 2, 0);
  return { average, residuals, size };
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
