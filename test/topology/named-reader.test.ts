import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.ts';
import { openReader } from '../../src/open-parts.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { namedReader, readerOfModule } from '../../src/topology/named-reader.ts';

const topology = resolveTopology(
  { stages: { decompose: {} }, fed: ['trajectories'], readers: { mine: { kind: 'json-lines' } } },
  '/',
);

describe('a reader', () => {
  test('is one of the topology’s, or one of Swirl’s', () => {
    expect(namedReader('gsm8k', topology)).toEqual({ kind: 'gsm8k' });
    expect(namedReader('mine', topology)).toEqual({ kind: 'json-lines' });
  });

  test('that is not known names those that are', () => {
    expect(() => namedReader('gsm9k', topology)).toThrow(ConfigError);
    expect(() => namedReader('gsm9k', topology)).toThrow(
      /expected one of questions, json-lines, gsm8k, .*, verl, mine; did you mean gsm8k\?/,
    );
    expect(() => namedReader('module', topology)).toThrow(ConfigError);
  });

  test('of the command line is a module and perhaps its export', () => {
    const read = readerOfModule('./x.ts#pairs', (path) => `/here/${path}`);
    expect(read).toMatchObject({ kind: 'module', path: '/here/./x.ts', export: 'pairs' });
    expect(readerOfModule('x', (path) => path)).toMatchObject({ path: 'x', export: 'default' });
  });

  test('of worked solutions is for `trajectories` and needs the calculator', async () => {
    const options = { name: 'readers.x', topology, notify: () => {} };
    await expect(openReader({ kind: 'gsm8k-solutions' }, options)).rejects.toThrow(
      'needs a tool of kind calculator',
    );
    const tools = { sums: { kind: 'calculator' } };
    const withCalculator = resolveTopology({ tools, stages: { decompose: {} }, fed: ['trajectories'] }, '/');
    const reader = await openReader({ kind: 'gsm8k-solutions' }, { ...options, topology: withCalculator });
    expect(reader.topic).toBe('trajectories');
  });
});
