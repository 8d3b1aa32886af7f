/** The readers on the published files, where a copy lies beside the checkout (../shared/data). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { fileInput } from '../../src/input/input.ts';
import { readHotpotqaArticles } from '../../src/questions/corpus.ts';
import { readGsm8k } from '../../src/questions/gsm8k.ts';
import { readHotpotqa } from '../../src/questions/hotpotqa.ts';
import { readWorkedSolutions } from '../../src/questions/worked-solutions.ts';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';
import { collect } from './collect.ts';

const gsm8k = join(process.cwd(), '../shared/data/gsm8k/train-1500.jsonl');
const hotpotqa = join(process.cwd(), '../shared/data/hotpotqa/train-60.json');

/** `test`, or a skip that says which file is not there. */
function withFile(path: string): typeof test {
  if (existsSync(path)) return test;
  const skip = (name: string) => test.skip(`${name} [skipped: ${path} is not on this machine]`, () => {});
  return skip as unknown as typeof test;
}

describe('the published data', () => {
  withFile(gsm8k)('1,500 problems of GSM8K are read without an error', async () => {
    const { records, errors } = await collect((options) => readGsm8k(fileInput(gsm8k), options));
    expect(errors).toEqual([]);
    expect(new Set(records.map(({ id }) => id)).size).toBe(1500);
    expect(records.every(({ answer }) => /^-?[\d,.]+$/.test(answer ?? ''))).toBe(true);
  });

  withFile(gsm8k)('all of their solutions become trajectories', async () => {
    const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
    const { records, errors } = await collect((options) =>
      readWorkedSolutions(fileInput(gsm8k), options, { calculator }),
    );
    expect(errors).toEqual([]);
    expect(records).toHaveLength(1500);
    const observations = records.flatMap(({ steps }) =>
      steps.slice(0, -1).map((step) => step.observation?.status),
    );
    expect(new Set(observations)).toEqual(new Set(['OK']));
  });

  withFile(hotpotqa)('60 questions of HotPotQA are read with their paragraphs', async () => {
    const { records, errors } = await collect((options) => readHotpotqa(fileInput(hotpotqa), options));
    expect(errors).toEqual([]);
    expect(new Set(records.map(({ id }) => id)).size).toBe(60);
    const { records: articles } = await collect((options) =>
      readHotpotqaArticles(fileInput(hotpotqa), options),
    );
    expect(articles.length).toBeGreaterThan(500);
    expect(new Set(articles.map(({ title, text }) => `${title}\n${text}`)).size).toBe(articles.length);
  });
});
