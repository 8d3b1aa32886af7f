/** How much a run will ask, learn and cost: sums of ranges, before anything is sent. */

import type { Prices } from './spending-config.ts';
import { moneyFor } from './spent.ts';

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Somebody who is asked for money, perhaps. */
export interface Asked {
  readonly stage: string;
  readonly model: string;
  readonly kind: 'model' | 'tool';
  /** Requests for each trajectory. */
  readonly each: Range;
  /** Tokens of one request. */
  readonly input: Range;
  readonly output: Range;
}

export interface EstimateInput {
  readonly trajectories: number;
  /** Of a trajectory. */
  readonly steps: Range;
  /** Steps of a trajectory that are trained on. */
  readonly scored: Range;
  readonly asked: readonly Asked[];
  /** Null: nothing is trained. */
  readonly batch: {
    readonly of: 'trajectories' | 'subTrajectories';
    readonly size: number;
    readonly epochs: number;
  } | null;
  readonly prices: Prices;
}

interface Planned {
  readonly stage: string;
  readonly model: string;
  readonly requests: Range;
  readonly input: Range;
  readonly output: Range;
  /** Null where the price list has none. */
  readonly money: Range | null;
}

export interface Estimate {
  readonly trajectories: number;
  readonly steps: Range;
  readonly stages: readonly Planned[];
  readonly total: Omit<Planned, 'stage' | 'model'>;
  readonly updates: Range | null;
  readonly currency: string;
  readonly unpriced: readonly string[];
}

/** Ends of each range are estimates themselves: all that is uncertain at its lowest, or at its highest. */
export function estimate(given: EstimateInput): Estimate {
  const { trajectories, steps, scored, asked, batch, prices } = given;
  const stages = asked.map(({ stage, model, kind, each, input, output }) => {
    const requests = { low: Math.floor(each.low * trajectories), high: Math.ceil(each.high * trajectories) };
    const one = { stage, model, requests, input: times(requests, input), output: times(requests, output) };
    return { ...one, money: moneyOf(one, kind, prices) };
  });
  const sum = (of: (one: Planned) => Range) => stages.map(of).reduce(plus, { low: 0, high: 0 });
  const priced = stages.flatMap(({ money }) => money ?? []);
  return {
    trajectories,
    steps: { low: Math.floor(steps.low * trajectories), high: Math.ceil(steps.high * trajectories) },
    stages,
    total: {
      requests: sum(({ requests }) => requests),
      input: sum(({ input }) => input),
      output: sum(({ output }) => output),
      money: priced.length === 0 ? null : priced.reduce(plus, { low: 0, high: 0 }),
    },
    updates: batch === null ? null : updatesOf(batch, { trajectories, scored }),
    currency: prices.currency,
    unpriced: [...new Set(stages.flatMap(({ model, money }) => (money === null ? [model] : [])))],
  };
}

function updatesOf(
  { of, size, epochs }: NonNullable<EstimateInput['batch']>,
  { trajectories, scored }: Pick<EstimateInput, 'trajectories' | 'scored'>,
): Range {
  // A trajectory is taken whole or not at all.
  const each = of === 'trajectories' ? { low: Math.min(1, scored.low), high: 1 } : scored;
  return {
    low: Math.floor((each.low * trajectories) / size) * epochs,
    high: Math.ceil((each.high * trajectories) / size) * epochs,
  };
}

function moneyOf(
  { model, requests, input, output }: Pick<Planned, 'model' | 'requests' | 'input' | 'output'>,
  kind: Asked['kind'],
  prices: Prices,
): Range | null {
  const at = (end: keyof Range) =>
    moneyFor(
      {
        kind,
        requests: requests[end],
        usage: { input: input[end], output: output[end], cachedInput: 0, reasoning: 0 },
      },
      { prices, model },
    );
  const [low, high] = [at('low'), at('high')];
  return low === null || high === null ? null : { low, high };
}

function times(a: Range, b: Range): Range {
  return { low: Math.floor(a.low * b.low), high: Math.ceil(a.high * b.high) };
}

function plus(a: Range, b: Range): Range {
  return { low: a.low + b.low, high: a.high + b.high };
}

/**
 * Where a mean lies that was measured: two standard errors to either side, within `least` and `most`. Of one number, or
 * of none, it may lie anywhere there.
 */
export function meanRange(numbers: readonly number[], { low: least, high: most }: Range): Range {
  if (numbers.length < 2) return { low: least, high: most };
  const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const variance = numbers.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (numbers.length - 1);
  const error = 2 * Math.sqrt(variance / numbers.length);
  return { low: Math.max(least, mean - error), high: Math.min(most, mean + error) };
}
