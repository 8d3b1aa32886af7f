/** Means with 95% confidence intervals. */

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

/** A share of successes, with Wilson's interval (1927), which stays within 0 and 1. No values: NaN. */
export function share(successes: number, count: number): Estimate {
  const mean = successes / count;
  const denominator = 1 + Z ** 2 / count;
  const center = (mean + Z ** 2 / (2 * count)) / denominator;
  const half = (Z / denominator) * Math.sqrt((mean * (1 - mean)) / count + Z ** 2 / (4 * count ** 2));
  return { mean, low: Math.max(0, center - half), high: Math.min(1, center + half), count };
}

/**
 * A mean of any values, with the normal interval of its standard error. Fewer than two values: no width is
 * known.
 */
export function mean(values: readonly number[]): Estimate {
  const count = values.length;
  const average = values.reduce((a, b) => a + b, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / (count - 1);
  const half = count < 2 ? Number.NaN : Z * Math.sqrt(variance / count);
  return { mean: average, low: average - half, high: average + half, count };
}
