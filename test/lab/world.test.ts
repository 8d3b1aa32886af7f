import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { corpus, readArticles } from '../../src/lab/articles.ts';
import { questionsOf, searchOver } from '../../src/lab/demonstrations.ts';
import { type EntityKind, namesOf, nameWords, type Split } from '../../src/lab/names.ts';
import { makeWorld } from '../../src/lab/world.ts';
import { signal } from './settings.ts';

const kinds: readonly EntityKind[] = ['person', 'company', 'city'];
const splits: readonly Split[] = ['base', 'train', 'test'];
const seeds = fc.integer({ min: 0, max: 1_000_000 });

describe('a world', () => {
  test('is a function of its seed and split', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(...splits), (seed, split) => {
        const [one, two] = [0, 1].map(() => makeWorld({ seed, split, staleRate: 0.2 }));
        expect(corpus(one as never)).toEqual(corpus(two as never));
        const other = makeWorld({ seed: seed + 1, split, staleRate: 0.2 });
        expect(corpus(other)).not.toEqual(corpus(one as never));
      }),
      { numRuns: 20 },
    );
  });

  test('shares no name with a world of another split, and every word of a name with the base split', () => {
    for (const kind of kinds) {
      const names = splits.map((split) => namesOf(kind, split));
      const all = names.flat();
      expect(new Set(all).size).toBe(all.length);
      expect(all.length).toBe(nameWords[kind].first.length * nameWords[kind].second.length);
      const baseWords = new Set(names[0].flatMap((name) => name.split(' ')));
      for (const name of all) for (const word of name.split(' ')) expect(baseWords).toContain(word);
    }
  });

  test('asks held-out questions about entities that occur nowhere else', () => {
    const named = (split: Split, seed: number) => {
      const world = makeWorld({ seed, split, staleRate: 0.2 });
      const texts = [...questionsOf(world, { search: 60, math: 60 })].map(
        ({ text, answer }) => `${text} ${answer}`,
      );
      return [...texts, ...corpus(world).map(({ text }) => text)].join('\n');
    };
    fc.assert(
      fc.property(seeds, seeds, (seed, other) => {
        const learntFrom = `${named('base', seed)}\n${named('train', other)}`;
        const heldOut = kinds.flatMap((kind) => namesOf(kind, 'test'));
        expect(heldOut.filter((name) => learntFrom.includes(name))).toEqual([]);
      }),
      { numRuns: 5 },
    );
  });

  test('has articles that say what is stated, wrong at about the rate asked for', () => {
    let wrong = 0;
    let all = 0;
    for (let seed = 0; seed < 30; seed++) {
      for (const entity of makeWorld({ seed, split: 'base', staleRate: 0.2 }).entities.values()) {
        all++;
        const differing = [...entity.facts].filter(
          ([relation, truth]) => entity.stated.get(relation) !== truth,
        );
        expect(differing.length).toBeLessThanOrEqual(1);
        wrong += differing.length;
      }
    }
    // Four standard deviations of a binomial count.
    expect(Math.abs(wrong - 0.2 * all)).toBeLessThan(4 * Math.sqrt(all * 0.2 * 0.8));
  });

  test("has an article for each entity, which a search for the entity's name finds first", async () => {
    for (const split of splits) {
      const world = makeWorld({ seed: 3, split, staleRate: 0.2 });
      const search = searchOver(world, () => 0);
      for (const entity of world.entities.values()) {
        const observation = await search.call(entity.name, { signal });
        const [reading, ...more] = readArticles([observation]);
        expect(more).toEqual([]);
        expect(reading).toEqual({ name: entity.name, says: entity.stated });
      }
    }
  });
});
