import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  begunAt,
  branchName,
  firstStep,
  namesOfKey,
  originsOf,
  sampledAt,
  sampleName,
} from '../../src/topics/record-names.ts';

/** Question ids are anything without a slash: what looks like one of ours too. */
const question = fc.oneof(
  fc.string({ minLength: 1 }).filter((text) => !text.includes('/')),
  fc.constantFrom('q~1', 'q~3.0', '~', 'a~1.2~3', 'line\nbreak'),
);
const small = fc.nat({ max: 12 });

test('a fresh action leads back to its step, a branch to what it began from, however often; a rollout to none', () => {
  fc.assert(
    fc.property(
      question,
      small,
      fc.array(fc.tuple(small, small), { maxLength: 4 }),
      small,
      small,
      (id, rollout, forks, step, sample) => {
        let trajectory = `${id}/${rollout}`;
        expect([begunAt(trajectory), firstStep(trajectory)]).toEqual([null, 0]);
        expect(sampledAt(`${trajectory}/${step}`)).toBeNull();
        const origins = [];
        const names = [id, trajectory];
        for (const [index, branch] of forks) {
          origins.unshift({ trajectory, index });
          names.push(`${trajectory}/${index}`);
          trajectory = branchName({ trajectory, index }, branch);
          names.push(trajectory);
          expect(firstStep(trajectory)).toBe(index);
        }
        expect(originsOf(trajectory)).toEqual(origins);
        expect(new Set(namesOfKey(trajectory))).toEqual(new Set(names));
        expect(sampledAt(sampleName(`${trajectory}/${step}`, sample))).toBe(`${trajectory}/${step}`);
        expect(trajectory.split('/')).toHaveLength(2);
      },
    ),
  );
});
