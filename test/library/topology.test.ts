/** Topologies for programs: what is wrong is data, or one error that lists it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ConfigError, checkTopology, formatProblems, loadTopology } from '../../src/index.ts';
import { settings } from './small-run.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-library-'));
  file = join(folder, 'topology.yaml');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a file: problems have their place, and paths are relative to it', async () => {
  writeFileSync(file, 'run: one\nstages:\n  judge:\n    windw: 3\n');
  const { topology, problems } = await checkTopology(file);
  expect(topology).toBeNull();
  expect(problems.filter(({ severity }) => severity === 'error')).toMatchObject([
    { rule: 'unknown-key', path: 'stages.judge.windw', line: 4, column: 5, file },
  ]);
  expect(formatProblems(problems)).toContain('did you mean `window`?');
  await expect(loadTopology(file)).rejects.toThrow(ConfigError);
  await expect(loadTopology(file)).rejects.toThrow('windw');

  writeFileSync(file, JSON.stringify(settings));
  const loaded = await loadTopology(file, { set: ['run=two'], notify: () => {} });
  expect([loaded.run, loaded.folder]).toEqual(['two', join(folder, 'runs')]);
});

test('a value: paths are relative to the folder that is named', async () => {
  const { topology, problems } = await checkTopology(settings, { folder });
  expect([topology?.folder, problems.filter(({ severity }) => severity === 'error')]).toEqual([
    join(folder, 'runs'),
    [],
  ]);
  const unfit = await checkTopology({ ...settings, seed: -1 }, { folder });
  expect(unfit.problems).toMatchObject([{ path: 'seed', rule: 'out-of-range', file: 'topology' }]);
});

test('environment variables and files that are missing are found before anything runs', async () => {
  const remote = { kind: 'openai', model: 'm', apiKeyEnv: 'NO_SUCH_KEY' } as const;
  const found = await checkTopology({ ...settings, judge: remote }, { folder, env: {} });
  expect(found.problems.map(({ message }) => message).join('\n')).toContain('NO_SUCH_KEY');
});

test('only a file that cannot be read throws', async () => {
  await expect(checkTopology(join(folder, 'nowhere.yaml'))).rejects.toThrow('there is no such file');
});
