/** Who gets which partitions. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assign, type Claim } from '../../../src/topics/kafka/assignment.ts';

const count = fc.integer({ min: 1, max: 12 });
const owners = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 12, maxLength: 12 });
const members = fc.integer({ min: 1, max: 5 });

/** Members that own what `owner` says; owners that are no members have left. */
function claims(partitions: number, owner: readonly number[], size: number): Claim[] {
  return Array.from({ length: size }, (_, member) => ({
    member: `m${member}`,
    owned: Array.from({ length: partitions }, (_, p) => p).filter((p) => owner[p] === member),
  }));
}

/** Lets go what is not given, and joins again, as members do, until nothing changes. */
function settle(partitions: number, begin: readonly Claim[]): { rounds: number; end: Map<string, number[]> } {
  let now = begin;
  for (let rounds = 1; ; rounds++) {
    const given = assign(partitions, now);
    const next = now.map(({ member }) => ({ member, owned: given.get(member) ?? [] }));
    if (JSON.stringify(next) === JSON.stringify(now)) return { rounds, end: given };
    now = next;
  }
}

describe('assignment', () => {
  test('gives a partition to nobody while another member has it in hand', () => {
    fc.assert(
      fc.property(count, owners, members, (partitions, owner, size) => {
        const before = claims(partitions, owner, size);
        for (const [member, given] of assign(partitions, before)) {
          for (const p of given)
            expect([member, `m${owner[p]}`]).toContain(owner[p] < size ? `m${owner[p]}` : member);
        }
        const all = [...assign(partitions, before).values()].flat();
        expect(new Set(all).size).toBe(all.length);
      }),
    );
  });

  test('in three rounds at most everything is given, about the same number to each, and no more moved than must', () => {
    fc.assert(
      fc.property(count, owners, members, (partitions, owner, size) => {
        const before = claims(partitions, owner, size);
        const { rounds, end } = settle(partitions, before);
        expect(rounds).toBeLessThanOrEqual(3);
        const loads = [...end.values()].map((given) => given.length);
        expect(loads.reduce((a, b) => a + b)).toBe(partitions);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        // Who has no more than the even share keeps all of it.
        for (const { member, owned } of before) {
          if (owned.length > Math.floor(partitions / size)) continue;
          expect(end.get(member)).toEqual(expect.arrayContaining([...owned]));
        }
      }),
    );
  });

  test('of two that claim one partition only one keeps it', () => {
    const given = assign(2, [
      { member: 'a', owned: [0, 1] },
      { member: 'b', owned: [0, 1] },
    ]);
    expect([...given.values()].flat().length).toBeLessThanOrEqual(2);
    expect(new Set([...given.values()].flat()).size).toBe([...given.values()].flat().length);
  });
});
