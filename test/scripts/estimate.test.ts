import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { announcement } from '../../scripts/test/announce.js';
import { durations } from '../../scripts/test/durations.js';
import { estimate, inWords } from '../../scripts/test/estimate.js';
import { quick } from '../../scripts/test/quick.js';

const idle = { workers: 2, cores: 2, load: 0 };

describe('how long the tests may take', () => {
  test('workers take the next file as soon as they have finished one', () => {
    // The one: 60; the other: 30, 20 and 10.
    expect(estimate([60, 30, 20, 10], idle)).toBe(60);
    expect(estimate([10, 20, 30, 60], idle)).toBe(80);
    expect(estimate([60, 30, 20, 10], { ...idle, workers: 1 })).toBe(120);
    expect(estimate([], idle)).toBe(0);
  });

  test('cores that are shared slow all down alike', () => {
    expect(estimate([60, 60], { ...idle, cores: 1 })).toBe(120);
    expect(estimate([60, 60], { ...idle, load: 14 })).toBe(480);
    expect(estimate([60, 60], { workers: 4, cores: 16, load: 10 })).toBe(60);
  });

  test('is never less than the longest file, nor than an equal share of all', () => {
    const files = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 8 }), (seconds, workers) => {
        const longest = Math.max(...seconds);
        const sum = seconds.reduce((a, b) => a + b, 0);
        const found = estimate(seconds, { workers, cores: 8, load: 0 });
        expect(found).toBeGreaterThanOrEqual(Math.max(longest, sum / workers));
        // Graham's bound for lists: R. L. Graham, Bounds for Certain Multiprocessing Anomalies, 1966.
        expect(found).toBeLessThanOrEqual(sum / workers + longest);
      }),
    );
  });

  test.each([
    [1, '5 s'],
    [41, '45 s'],
    [89, '90 s'],
    [91, '2 min'],
    [660, '11 min'],
  ])('%d seconds are %s', (seconds, words) => {
    expect(inWords(seconds)).toBe(words);
  });

  test('is said for this machine: its cores, its load, and what it lacks', () => {
    const none = { broker: false, adapter: false };
    const names = Object.keys(durations.seconds);
    const all = announcement(names, { ...idle, lacking: none });
    expect(all).toMatch(new RegExp(`^${names.length} test files: about \\d+ min on 2 idle cores$`));
    const minutes = (text: string) => Number(/about (\d+) min on/.exec(text)?.[1]);
    const busy = announcement(names, { ...idle, load: 14, lacking: none });
    expect(busy).toMatch(/, up to \d+ min at the load of 14 that there is now$/);
    expect(minutes(busy)).toBe(minutes(all));
    const without = announcement(names, { ...idle, lacking: { ...none, broker: true } });
    expect(without).toContain('(those that need a Kafka broker are skipped: there is none)');
    expect(minutes(without)).toBeLessThan(minutes(all));
    expect(announcement(names, { ...idle, cores: 1, lacking: none })).toContain('on an idle core');
  });
});

describe('the quick tests', () => {
  const names = Object.keys(durations.seconds);
  const chosen = quick(names);

  test('take less than two minutes on two idle cores, as recorded', () => {
    const seconds = chosen.map((name) => durations.seconds[name] ?? Number.NaN);
    expect(
      estimate(
        seconds.toSorted((a, b) => b - a),
        idle,
      ),
    ).toBeLessThan(100);
  });

  test('need no broker, are most of the files, and run the whole loop once', () => {
    expect(chosen.filter((name) => durations.onBroker.includes(name))).toEqual([]);
    expect(chosen.length).toBeGreaterThan(names.length / 2);
    expect(chosen.filter((name) => name.startsWith('test/end-to-end/'))).not.toEqual([]);
    expect(new Set(chosen).size).toBe(chosen.length);
  });

  test('a new test is among them at once, where it is not of a kind that takes long', () => {
    expect(quick(['test/judge/new.test.ts'])).toEqual(['test/judge/new.test.ts']);
    expect(quick(['test/end-to-end/new.test.ts', 'test/topics/kafka/new.test.ts'])).toEqual([]);
  });
});
