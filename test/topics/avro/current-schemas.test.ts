/**
 * The schemas of today by their ids, so that none changes unnoticed: records bear the id, other programs and
 * registries know it, and a topic written before must still be read. Whoever changes a schema on purpose adds
 * fields with defaults only, keeps the old one among those of earlier-schemas.test.ts, says so in CHANGELOG.md,
 * and writes the new id here.
 */
import { expect, test } from '@jest/globals';
import { builtInTopics } from '../../../src/topics/avro/schemas.ts';

const IDS = {
  accepted: 961167837,
  failures: 1229688185,
  judged: 808819613,
  questions: 743814860,
  scored: 1777166815,
  'sub-trajectories': 1452641602,
  'tool-calls': 1203138124,
  trajectories: 83402068,
  turns: 2135144473,
  updates: 169572225,
};

test('the schema of no topic has changed unnoticed', () => {
  const ids = Object.fromEntries([...builtInTopics].map(([topic, { id }]) => [topic, id]));
  expect(ids).toEqual(IDS);
});
