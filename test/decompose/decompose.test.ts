import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { subTrajectories } from '../../src/decompose/decompose.ts';
import { DataError } from '../../src/errors.ts';
import { trajectory } from '../records.ts';

test('k actions give k sub-trajectories: each action once, its context everything before it', () => {
  fc.assert(
    fc.property(fc.nat({ max: 9 }), (calls) => {
      const whole = trajectory('q1/4', calls);
      const parts = subTrajectories(whole);
      expect(parts).toHaveLength(whole.steps.length);
      parts.forEach((part, i) => {
        expect(part).toMatchObject({
          id: `q1/4/${i}`,
          trajectory: 'q1/4',
          index: i,
          count: whole.steps.length,
        });
        expect(part.action).toBe(whole.steps[i]?.action);
        expect(part.context).toEqual(whole.steps.slice(0, i));
      });
      // Observations are context and never actions.
      const actions = parts.map(({ action }) => action.text);
      for (const { observation } of whole.steps) expect(actions).not.toContain(observation?.text);
    }),
  );
});

test('a trajectory without actions is refused', () => {
  expect(() => subTrajectories({ ...trajectory('q1/0', 0), steps: [] })).toThrow(DataError);
});
