/** The data sets that `swirl feed --dataset` knows, by name. */

import type { Tool } from '../agent/tool.ts';
import { ConfigError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import type { Question, Trajectory } from '../topics/records.generated.ts';
import { readGsm8k } from './gsm8k.ts';
import { readHotpotqa } from './hotpotqa.ts';
import { readJsonLines } from './json-lines.ts';
import { readWorkedSolutions, type SolutionOptions } from './worked-solutions.ts';

export const DATASETS = ['gsm8k', 'gsm8k-solutions', 'hotpotqa', 'json-lines'] as const;
export type DatasetName = (typeof DATASETS)[number];

/** A record and the topic that it is for; its id is also its key. */
export type Fed =
  | { readonly topic: 'questions'; readonly value: Question }
  | { readonly topic: 'trajectories'; readonly value: Trajectory };

/** The topic that a data set fills. */
export function datasetTopic(dataset: DatasetName): Fed['topic'] {
  return dataset === 'gsm8k-solutions' ? 'trajectories' : 'questions';
}

/** Whether a name is that of a data set; throws `ConfigError` that lists them where it is not. */
export function datasetName(name: string): DatasetName {
  const found = DATASETS.find((known) => known === name);
  if (found !== undefined) return found;
  throw new ConfigError(`--dataset ${name}: expected one of ${DATASETS.join(', ')}`);
}

/** The data set that a file's name suggests: `.json` is HotPotQA's array, everything else JSON lines. */
export function guessDataset(input: Input): DatasetName {
  if (/\.json$/i.test(input.base)) return 'hotpotqa';
  return 'json-lines';
}

/**
 * The records of a data file, as a stream. Errors carry file and line (or index and byte); `options.skip` decides
 * whether a bad record is left out or ends the reading. `gsm8k-solutions` needs the calculator.
 */
export async function* readDataset(
  dataset: DatasetName,
  input: Input,
  options: SolutionOptions,
  deps: { readonly calculator?: Tool } = {},
): AsyncGenerator<Fed, void, void> {
  if (dataset === 'gsm8k-solutions') {
    const { calculator } = deps;
    if (calculator === undefined) {
      throw new ConfigError(
        'the data set gsm8k-solutions needs the calculator: add a tool of kind `calculator`',
      );
    }
    for await (const value of readWorkedSolutions(input, options, { calculator }))
      yield { topic: 'trajectories', value };
    return;
  }
  for await (const value of readQuestions(dataset, input, options)) yield { topic: 'questions', value };
}

/** The questions of a data file. */
export function readQuestions(
  dataset: Exclude<DatasetName, 'gsm8k-solutions'>,
  input: Input,
  options: SolutionOptions = {},
): AsyncGenerator<Question, void, void> {
  switch (dataset) {
    case 'gsm8k':
      return readGsm8k(input, options);
    case 'hotpotqa':
      return readHotpotqa(input, options);
    case 'json-lines':
      return readJsonLines(input, options);
  }
}
