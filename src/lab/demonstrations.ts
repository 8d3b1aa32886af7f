/** An endless stream of demonstrations over world after world. */

import { calculatorConfig, makeCalculator } from '../tools/calculator.ts';
import { type Search, searchAmong, searchConfig } from '../tools/search.ts';
import type { Question } from '../topics/records.generated.ts';
import { corpus } from './articles.ts';
import type { Demonstration } from './demonstrator.ts';
import { demonstrate } from './demonstrator.ts';
import type { FaultsConfig } from './faults.ts';
import type { Split } from './names.ts';
import { searchQuestions } from './search-questions.ts';
import type { LabTask } from './task-settings.ts';
import { wordProblems } from './word-problems.ts';
import type { World } from './world.ts';
import { makeWorld } from './world.ts';

export interface DemonstrationsOptions {
  readonly seed: number;
  readonly split: Split;
  readonly faults: FaultsConfig;
  readonly staleRate: number;
  /** How many questions of each task are asked before the next world is made; the tasks alternate. */
  readonly perWorld: Readonly<Record<LabTask, number>>;
  /** Milliseconds on a clock that only goes forward: for the search tool's time-out. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** One rollout a question; the stream is a function of the options. */
export async function* demonstrations(options: DemonstrationsOptions): AsyncGenerator<Demonstration> {
  const { seed, split, staleRate, faults, signal } = options;
  const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
  for (let index = 0; ; index++) {
    const world = makeWorld({ seed: seed * 100_000 + index, split, staleRate });
    const search = searchOver(world, options.now);
    const each = { world, search, calculator, faults, seed, signal };
    for (const question of questionsOf(world, options.perWorld)) yield await demonstrate(question, 0, each);
  }
}

/** The search tool over a world's encyclopedia. */
export function searchOver(world: World, now: () => number): Search {
  const limits = searchConfig.parse({ corpus: 'made' });
  return searchAmong('search', corpus(world), { limits, deps: { now } });
}

/** So many questions of each task, evenly mixed; fewer of search where the world has no more to ask for. */
export function* questionsOf(world: World, count: Readonly<Record<LabTask, number>>): Generator<Question> {
  const sources: Record<LabTask, Generator<Question>> = {
    search: searchQuestions(world),
    math: wordProblems(world),
  };
  const asked: Record<LabTask, number> = { search: 0, math: 0 };
  for (let left = count.search + count.math; left > 0; left--) {
    const task = (asked.search + 0.5) * count.math <= (asked.math + 0.5) * count.search ? 'search' : 'math';
    asked[task]++;
    const { value, done } = sources[task].next();
    if (done !== true) yield value;
  }
}
