import { describe, expect, test } from '@jest/globals';
import { answersMatch } from '../../src/agent/answers.ts';
import { questionsOf } from '../../src/lab/demonstrations.ts';
import { demonstrate } from '../../src/lab/demonstrator.ts';
import { derivationOf } from '../../src/lab/derivation.ts';
import { makeLabJudge } from '../../src/lab/judge.ts';
import { makeWorld } from '../../src/lab/world.ts';
import { faultsOf, settings, verdicts } from './settings.ts';

const perfect = faultsOf({});
const seeds = Array.from({ length: 8 }, (_, i) => i * 11);

describe('questions', () => {
  test('are a function of the world, and none is asked twice', () => {
    const asked = () => [
      ...questionsOf(makeWorld({ seed: 5, split: 'test', staleRate: 0.2 }), { search: 200, math: 200 }),
    ];
    expect(asked()).toEqual(asked());
    expect(asked().length).toBe(400);
    expect(new Set(asked().map(({ text }) => text)).size).toBe(400);
    expect(new Set(asked().map(({ id }) => id)).size).toBe(400);
    expect(asked().every(({ id }) => !id.includes('/'))).toBe(true);
  });

  test('come in all forms', () => {
    const questions = [
      ...questionsOf(makeWorld({ seed: 5, split: 'test', staleRate: 0 }), { search: 200, math: 200 }),
    ];
    const forms = questions.map((question) => {
      const derivation = derivationOf(question);
      if (derivation.kind === 'chain') return `${derivation.relations.length} hops`;
      return derivation.kind === 'compare' ? 'compare' : `${derivation.operations.length} operations`;
    });
    expect(new Set(forms)).toEqual(new Set(['1 hops', '2 hops', 'compare', '1 operations', '2 operations']));
  });

  test.each(seeds)(
    'of world %i: the gold answer follows from the derivation with the real tools',
    async (seed) => {
      const options = await settings(seed, { faults: perfect, split: seed % 2 === 0 ? 'base' : 'test' });
      const judge = await makeLabJudge();
      for (const question of questionsOf(options.world, { search: 40, math: 40 })) {
        const { trajectory } = await demonstrate(question, 0, options);
        expect(answersMatch(trajectory.answer ?? '', question.answer ?? '-')).toBe(true);
        expect((await verdicts(trajectory, judge)).map(({ label }) => label)).not.toContain('BAD');
      }
    },
  );

  test('a stale article leads a sound search to a wrong answer, and leaves word problems alone', async () => {
    const options = await settings(2, { faults: perfect, staleRate: 0.5 });
    const judge = await makeLabJudge();
    const wrong = { search: 0, math: 0 };
    for (const question of questionsOf(options.world, { search: 100, math: 100 })) {
      const { trajectory } = await demonstrate(question, 0, options);
      expect((await verdicts(trajectory, judge)).every(({ label }) => label === 'GOOD')).toBe(true);
      if (!answersMatch(trajectory.answer ?? '', question.answer ?? '-'))
        wrong[question.task as 'search' | 'math']++;
    }
    expect(wrong.search).toBeGreaterThan(5);
    expect(wrong.math).toBe(0);
  });
});
