import { describe, expect, test } from '@jest/globals';
import { conversation } from '../../src/agent/conversation.ts';
import { questionsOf } from '../../src/lab/demonstrations.ts';
import { demonstrate } from '../../src/lab/demonstrator.ts';
import { type Fault, faultsConfig } from '../../src/lab/faults.ts';
import { makeLabJudge } from '../../src/lab/judge.ts';
import { labTokenizer } from '../../src/lab/vocabulary.ts';
import { PolicyTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { faultsOf, settings, verdicts } from './settings.ts';

/** Demonstrations in one world with these faults. */
async function work(rates: Parameters<typeof faultsOf>[0] | 'usual', perTask = 150) {
  const faults = rates === 'usual' ? faultsConfig.parse({}) : faultsOf(rates);
  const options = await settings(4, { faults, staleRate: 0.15 });
  const questions = [...questionsOf(options.world, { search: perTask, math: perTask })];
  return Promise.all(questions.map((question) => demonstrate(question, 0, options)));
}

describe('the demonstrator', () => {
  test('is a function of seed, question and rollout', async () => {
    expect(await work('usual', 20)).toEqual(await work('usual', 20));
    const options = await settings(4, { faults: faultsConfig.parse({}) });
    const questions = [...questionsOf(options.world, { search: 20, math: 20 })];
    const rollouts = (rollout: number) =>
      Promise.all(
        questions.map(async (question) => (await demonstrate(question, rollout, options)).trajectory.steps),
      );
    expect(await rollouts(0)).not.toEqual(await rollouts(1));
  });

  test('is judged BAD for each of its faults and GOOD for everything else', async () => {
    const judge = await makeLabJudge();
    const seen = new Set<Fault>();
    for (const { trajectory, faults } of await work('usual')) {
      const labels = (await verdicts(trajectory, judge)).map(({ label }) => label);
      expect(labels).toEqual(faults.map((fault) => (fault === null ? 'GOOD' : 'BAD')));
      for (const fault of faults) if (fault !== null) seen.add(fault);
    }
    expect(seen).toEqual(new Set([...Object.keys(faultsConfig.shape), 'carriedOn']));
  });

  test('the judge does not read the gold answer or later steps', async () => {
    const judge = await makeLabJudge();
    for (const { trajectory } of await work('usual', 30)) {
      const blind = { ...trajectory, question: { ...trajectory.question, answer: null } };
      expect(await verdicts(blind, judge)).toEqual(await verdicts(trajectory, judge));
    }
  });

  // Every first step of a search question offers a wrong query; and so on. The bound is four standard
  // deviations.
  test.each([
    ['wrongQuery', 'search', 0.3],
    ['earlyAnswer', 'search', 0.25],
    ['unclosedTag', 'search', 0.2],
    ['unclosedTag', 'math', 0.2],
    ['inTheHead', 'math', 0.3],
  ] as const)('commits %s in the first steps of %s at its rate', async (fault, task, rate) => {
    const first = (await work({ [fault]: rate }, 250))
      .filter(({ trajectory }) => trajectory.question.task === task)
      .map(({ faults }) => faults[0]);
    const count = first.filter((found) => found === fault).length;
    expect(first.every((found) => found === null || found === fault)).toBe(true);
    expect(Math.abs(count - rate * first.length)).toBeLessThan(
      4 * Math.sqrt(first.length * rate * (1 - rate)),
    );
  });

  test('has contexts in which its usual action is a fault', async () => {
    const comparisons = (await work({ habit: 0.62 }, 400)).filter(({ trajectory }) =>
      trajectory.question.text.startsWith('Who'),
    );
    const early = comparisons.filter(({ faults }) => faults[1] === 'habit').length;
    expect(comparisons.length).toBeGreaterThan(50);
    expect(early / comparisons.length).toBeGreaterThan(0.5);
  });

  test('says nothing that its vocabulary has no word for', async () => {
    const made = labTokenizer();
    const tokenizer = new PolicyTokenizer(made.json, {}, 'the laboratory');
    for (const { trajectory } of await work('usual')) {
      for (const { content } of conversation({ task: { instructions: '' }, ...trajectory })) {
        const ids = tokenizer.encode(content);
        const words = content.match(/<\/?\w+>| ?[A-Za-z]+| ->| ?\d| ?[^\sA-Za-z\d]/g) ?? [];
        // A word without a token is spelled in bytes, and takes more than one id.
        expect({ content, count: ids.length }).toEqual({ content, count: words.length });
        expect(tokenizer.decode(ids)).toBe(content);
      }
    }
  });
});
