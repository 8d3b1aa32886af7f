/**
 * What the laboratory's tests share: a world with its tools, and a judge's verdict on every step of a
 * trajectory.
 */

import type { Judge } from '../../src/agent/model.ts';
import { subTrajectories } from '../../src/decompose/decompose.ts';
import { searchOver } from '../../src/lab/demonstrations.ts';
import type { DemonstratorOptions } from '../../src/lab/demonstrator.ts';
import { type FaultsConfig, faultsConfig } from '../../src/lab/faults.ts';
import type { Split } from '../../src/lab/names.ts';
import { makeWorld } from '../../src/lab/world.ts';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';
import type { Trajectory, Verdict } from '../../src/topics/records.generated.ts';

export const signal = new AbortController().signal;

/** Rates of 0 for everything that is not named. */
export function faultsOf(rates: Partial<FaultsConfig>): FaultsConfig {
  const none = Object.fromEntries(Object.keys(faultsConfig.shape).map((fault) => [fault, 0]));
  return faultsConfig.parse({ ...none, ...rates });
}

/** Everything that a demonstrator needs to work in the world of a seed. */
export async function settings(
  seed: number,
  { faults, split = 'base', staleRate = 0 }: { faults: FaultsConfig; split?: Split; staleRate?: number },
): Promise<DemonstratorOptions> {
  const world = makeWorld({ seed, split, staleRate });
  const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
  return { world, search: searchOver(world, () => 0), calculator, faults, seed, signal };
}

export function verdicts(trajectory: Trajectory, judge: Judge): Promise<Verdict[]> {
  return Promise.all(subTrajectories(trajectory).map((step) => judge.judge(step, { signal })));
}
