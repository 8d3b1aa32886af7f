/** A run's settings: what they decide is kept, changed bytes of them are seen, and what differs is said. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { ConfigError } from '../../src/errors.ts';
import { keepSettings } from '../../src/topology/keep-settings.ts';
import { begunWith } from '../../src/topology/kept.ts';
import { loadTopology, resolveTopology } from '../../src/topology/load.ts';
import { runIdentity, writeResolved } from '../../src/topology/resolved.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { FINE } from './sample.ts';

let folder: string;
const make = (...set: string[]): Topology => resolveTopology({ ...parse(FINE), folder }, folder, { set });
const file = () => join(folder, make().run, 'topology.resolved.yaml');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-settings-'));
  writeResolved(make());
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Opens the run with some settings changed, after these stages have consumed something. */
async function opened(begun: readonly string[], ...set: string[]) {
  const told: string[] = [];
  const topology = make(...set);
  const keep = await keepSettings(topology, {
    begun: begunWith(topology),
    hasBegun: async (stage) => begun.includes(stage),
    notify: (message) => told.push(message),
  });
  return { told, kept: keep(topology) };
}

describe('a setting of a run that has begun', () => {
  const other = 'stages.filter.mode=none';

  test('that its records depend on is refused, and named line by line', async () => {
    const opening = opened(['filter', 'judge'], other, 'stages.filter.unknown=accept', 'seed=9');
    await expect(opening).rejects.toThrow(ConfigError);
    const message = await opening.catch((error: Error) => error.message);
    expect(message).toMatch(
      /stages\.filter\.mode: ".+" in the run, "none" given \(filter has records by it\)/,
    );
    // Nothing was sampled or trained yet, so that the seed has decided nothing.
    expect(message).not.toContain('seed:');
    expect(message).toContain('swirl replay --run');
  });

  test('is free as long as its stage has consumed nothing', async () => {
    const { told, kept } = await opened(['start', 'rollout'], other);
    expect(told).toEqual([]);
    expect(kept.stages.filter?.mode).toBe('none');
  });

  test.each(['runtime.drainCheckMs=7', 'stages.train.checkpointEvery=2', 'stages.judge.retry.attempts=1'])(
    '%s changes nothing that is recorded',
    async (set) => {
      expect((await opened(['start', 'rollout', 'judge', 'train'], set)).told).toEqual([]);
    },
  );

  test('that may name the same by another way is told', async () => {
    const { told } = await opened(['rollout'], 'policy.checkpoint=elsewhere');
    expect(told).toEqual([expect.stringMatching(/policy\.checkpoint: ".*" in the run, ".*elsewhere" given/)]);
  });

  test('a stage that has begun and is left out stays with the run, and is told', async () => {
    const { told, kept } = await opened(
      ['train'],
      'stages.train=false',
      'stages.reward=false',
      'fed=[questions]',
    );
    expect(told).toEqual([expect.stringContaining('stages.train: {')]);
    expect([kept.stages.train, kept.stages.reward]).toEqual([make().stages.train, undefined]);
  });
});

describe('the resolved topology', () => {
  test('keeps its identity, and is not written again where it says the same', () => {
    const identity = runIdentity(make());
    expect(identity).toMatch(/^[0-9a-f-]{36}$/);
    const before = readFileSync(file(), 'utf8');
    writeResolved(make());
    expect(readFileSync(file(), 'utf8')).toBe(before);
    writeResolved(make('runtime.drainCheckMs=7'));
    expect(runIdentity(make())).toBe(identity);
    expect(loadTopology(file()).topology.runtime.drainCheckMs).toBe(7);
  });

  test('with any bit flipped, or cut anywhere, it is refused or says the same', () => {
    const whole = readFileSync(file());
    const said = JSON.stringify(loadTopology(file()).topology);
    let refused = 0;
    for (let at = 0; at < whole.length; at += 97) {
      const flipped = Buffer.from(whole);
      flipped[at] ^= 1 << (at % 8);
      for (const damaged of [flipped, whole.subarray(0, at)]) {
        writeFileSync(file(), damaged);
        try {
          expect(JSON.stringify(loadTopology(file()).topology)).toBe(said);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          refused++;
        }
      }
    }
    expect(refused).toBe(2 * Math.ceil(whole.length / 97));
  });

  test('of an earlier version has no hash, and is taken; so is one whose hash was taken out', () => {
    const lines = readFileSync(file(), 'utf8').split('\n');
    const said = loadTopology(file()).topology;
    writeFileSync(file(), [lines[0], ...lines.slice(3)].join('\n'));
    expect(loadTopology(file()).topology).toEqual(said);
    writeFileSync(file(), [lines[0], lines[1], ...lines.slice(3)].join('\n'));
    expect(loadTopology(file()).topology).toEqual(said);
    writeResolved(make());
    expect(readFileSync(file(), 'utf8').split('\n')[1]).toBe(lines[1]);
  });
});
