/** How far a judge can be trusted: its verdicts beside labels, and beside those of another judge. */
import type { VerdictLabel } from '../topics/records.generated.ts';
import { type Estimate, share } from './interval.ts';

/** A step that somebody labelled, with the verdicts of one judge or of two. */
export interface JudgedStep {
  /** The kind of step, such as `search` or `answer`. */
  readonly kind: string;
  readonly label: 'GOOD' | 'BAD';
  readonly verdict: VerdictLabel;
  readonly second?: VerdictLabel;
}

export interface Agreement {
  /** The share of steps with the same verdict. */
  readonly same: Estimate;
  /** Cohen's kappa: agreement beyond chance, 1 where it is perfect; null where all verdicts are one. */
  readonly kappa: { readonly value: number; readonly low: number; readonly high: number } | null;
}

export interface Calibration {
  readonly steps: number;
  /** BAD steps that the judge calls GOOD, of the BAD ones that it judges. */
  readonly falsePositives: Estimate;
  /** GOOD steps that the judge calls BAD, of the GOOD ones that it judges. */
  readonly falseNegatives: Estimate;
  /** Steps that it gives no verdict on. */
  readonly unknown: Estimate;
  /** Of the judge and the labels, on the steps that it judges. */
  readonly agreement: Agreement;
  /** Of the two judges, UNKNOWN as a verdict of its own. */
  readonly judges: Agreement | null;
}

/** All steps together, and those of each kind, in the order of their names. */
export function calibrate(steps: readonly JudgedStep[]): {
  readonly all: Calibration;
  readonly kinds: ReadonlyMap<string, Calibration>;
} {
  const names = [...new Set(steps.map(({ kind }) => kind))].sort();
  const ofKind = (name: string) => calibrationOf(steps.filter(({ kind }) => kind === name));
  return { all: calibrationOf(steps), kinds: new Map(names.map((name) => [name, ofKind(name)])) };
}

function calibrationOf(steps: readonly JudgedStep[]): Calibration {
  const judged = steps.filter(({ verdict }) => verdict !== 'UNKNOWN');
  const wrong = (label: 'GOOD' | 'BAD') => {
    const labelled = judged.filter((step) => step.label === label);
    return share(labelled.filter(({ verdict }) => verdict !== label).length, labelled.length);
  };
  const twice = steps.filter(({ second }) => second !== undefined);
  return {
    steps: steps.length,
    falsePositives: wrong('BAD'),
    falseNegatives: wrong('GOOD'),
    unknown: share(steps.length - judged.length, steps.length),
    agreement: agreement(judged.map(({ label, verdict }) => [label, verdict])),
    judges:
      twice.length === 0 ? null : agreement(twice.map(({ verdict, second }) => [verdict, second as string])),
  };
}

/** The 97.5% quantile of the normal distribution. */
const Z = 1.959963984540054;

/**
 * Agreement of pairs. Kappa by Cohen (Educational and Psychological Measurement 20, 1960, 37-46), its interval
 * from his standard error, sqrt(p (1 - p) / (n (1 - c)^2)) of agreement p and chance c, within -1 and 1.
 */
export function agreement(pairs: readonly (readonly [string, string])[]): Agreement {
  const count = pairs.length;
  const same = pairs.filter(([a, b]) => a === b).length;
  const labels = new Set(pairs.flat());
  let chance = 0;
  for (const label of labels) {
    const [a, b] = [0, 1].map((side) => pairs.filter((pair) => pair[side] === label).length) as [
      number,
      number,
    ];
    chance += (a / count) * (b / count);
  }
  if (count === 0 || chance === 1) return { same: share(same, count), kappa: null };
  const observed = same / count;
  const value = (observed - chance) / (1 - chance);
  const half = (Z * Math.sqrt((observed * (1 - observed)) / count)) / (1 - chance);
  return {
    same: share(same, count),
    kappa: { value, low: Math.max(-1, value - half), high: Math.min(1, value + half) },
  };
}
