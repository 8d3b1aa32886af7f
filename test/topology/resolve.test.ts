/** Defaults, overrides, paths, and the resolved topology that is kept with a run. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { ConfigError } from '../../src/errors.ts';
import { examineText, loadTopology, resolveTopology } from '../../src/topology/load.ts';
import { resolvePath } from '../../src/topology/paths.ts';
import { runFolder, writeResolved } from '../../src/topology/resolved.ts';
import { DEFAULT_STAGES, STAGE_RECORDS } from '../../src/topology/stage-configs.ts';
import { complaints, examine, FINE } from './sample.ts';

describe('defaults', () => {
  test('without `stages` the flow has all of them, each with its own topics', () => {
    const { stages } = resolveTopology(parse(FINE), '/work');
    expect(Object.keys(stages)).toEqual([...DEFAULT_STAGES]);
    for (const stage of DEFAULT_STAGES) expect(stages[stage]).toMatchObject(STAGE_RECORDS[stage]);
  });

  test('with `stages` only those that are listed are there, an empty one with its defaults', () => {
    const { topology } = examine({ text: `${FINE}fed: [scored]\nstages:\n  train:\n` });
    expect(Object.keys(topology?.stages ?? {})).toEqual(['train']);
    expect(topology?.stages.train).toMatchObject({ reads: 'scored', epochs: 1 });
  });

  test('instructions of its own are as they are written; others are open until a run begins', () => {
    const told = (set: string[]) => examine({ set }).topology?.tasks.sums?.instructions;
    expect(told([])).toBeNull();
    expect(told(["tasks.sums.instructions=''"])).toBe('');
    expect(told(['tasks.sums.instructions=Be brief.'])).toBe('Be brief.');
  });

  test('`auto` is settled by the policy', () => {
    const merge = (set: string[]) => examine({ set }).topology?.stages.rollout?.merge;
    expect(merge([])).toBe('deterministic');
    expect(merge(['policy={kind: openai, model: m}', 'learner={}'])).toBe('arrival');
    expect(merge(['stages.rollout.merge=arrival'])).toBe('arrival');
  });
});

describe('overrides', () => {
  test('set typed values, in order, also in what the file does not mention', () => {
    const set = [
      'seed=3',
      'seed=4',
      'policy.temperature=0.5',
      'stages.filter.mode=none',
      'tasks.sums.tools=[]',
      'tools={}',
    ];
    const { topology, problems } = examine({ set });
    expect(problems).toEqual([]);
    expect(topology).toMatchObject({ seed: 4, policy: { kind: 'local', temperature: 0.5 }, tools: {} });
    expect(topology?.stages.filter?.mode).toBe('none');
    expect(Object.keys(topology?.stages ?? {})).toHaveLength(8);
  });

  test('`false` takes a stage out, null gives a stage its defaults', () => {
    expect(examine({ set: ['stages.train=false'] }).topology?.stages.train).toBeUndefined();
    expect(examine({ set: ['stages.judge='] }).topology?.stages.judge?.window).toBe(64);
  });

  test('their problems are told as the command line, with the override itself', () => {
    const { problems } = examine({ set: ['stages.filter.mode=outcom'] });
    expect(problems).toEqual([
      expect.objectContaining({
        rule: 'wrong-value',
        file: 'command line',
        line: null,
        source: '--set stages.filter.mode=outcom',
        message: expect.stringContaining('did you mean `outcome`?'),
      }),
    ]);
  });

  test('a combination that an override breaks names it too', () => {
    const { problems } = examine({ set: ['stages.filter={window: 3}'] });
    expect(problems).toEqual([expect.objectContaining({ rule: 'filter-window', file: 'command line' })]);
  });

  test.each([
    ['seed', 'expected path=value'],
    ['=3', 'expected path=value'],
    ['a..b=3', 'expected path=value'],
    ['seed=[1', 'the value is not valid YAML'],
    ['run.name=x', '`run` holds no keys, so `name` cannot be set in it'],
    ['fed.7=scored', '`fed` is a list of 1; expected an index below that'],
  ])('%s is refused', (set, message) => {
    const text = `${FINE}run: main\nfed: [questions]`;
    expect(() => examine({ text, set: [set] })).toThrow(ConfigError);
    expect(() => examine({ text, set: [set] })).toThrow(message);
  });

  test('an item of a list can be set', () => {
    expect(complaints({ set: ['tasks.sums.tools.0=calculater'] })).toContain('error unknown-tool');
  });

  test('`__proto__` in a path is an unknown key', () => {
    expect(complaints({ set: ['__proto__.polluted=1'] })).toContain('error unknown-key');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

test('paths are relative to the file, to the root, or to the package', () => {
  expect(resolvePath('a/b', '/x')).toBe('/x/a/b');
  expect(resolvePath('/a/b', '/x')).toBe('/a/b');
  expect(resolvePath('swirl:topology.yaml', '/x')).toBe(join(process.cwd(), 'topology.yaml'));
  const set = [
    'tools.search={kind: search, corpus: articles.jsonl}',
    'tasks.sums.tools=[search]',
    'policy.checkpoint=mine',
  ];
  const text = `${FINE}\nlearner: {checkpoint: other}`;
  // What is typed is relative to where it is typed, as every other argument.
  expect(examine({ text, set, setFolder: '/work/there' }).topology).toMatchObject({
    folder: '/work/here/runs',
    policy: { checkpoint: '/work/there/mine' },
    learner: { checkpoint: '/work/here/other' },
    tools: { search: { corpus: '/work/there/articles.jsonl' } },
  });
  const given = { set, file: 'topology.yaml', folder: '/work/here' };
  expect(examineText(text, given).topology?.policy).toMatchObject({
    checkpoint: join(process.cwd(), 'mine'),
  });
});

test('a module and what is added are relative to where they are set', () => {
  const text = `${FINE}\njudge: {kind: module, path: ./in-file.ts}`;
  const set = [
    'reward={kind: module, path: ./typed.ts}',
    'stages.mine={kind: module, path: ./stage.ts, reads: judged, writes: []}',
  ];
  const { topology } = examine({ text, set, setFolder: '/work/there' });
  expect(topology).toMatchObject({
    judge: { path: '/work/here/in-file.ts' },
    reward: { path: '/work/there/typed.ts' },
    ownStages: { mine: { path: '/work/there/stage.ts' } },
  });
});

describe('the resolved topology', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'swirl-resolved-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    [[]],
    [['stages.train=false', 'stages.rollout.merge=arrival']],
    [
      [
        'policy={kind: openai, model: "m: \\"x\\" # y"}',
        'learner={}',
        'stages.train.batch={trajectories: 4}',
      ],
    ],
    [['tasks.sums.instructions="line one\\n  line two\\n\\n: # odd"', 'reward={kind: constant, value: 0.1}']],
  ])('is read back as the same topology: %j', (set) => {
    const { topology } = examineText(FINE, { file: 'f', folder, set });
    if (topology === null) throw new Error('expected a topology');
    const path = writeResolved(topology);
    expect(path).toBe(join(runFolder(topology), 'topology.resolved.yaml'));
    expect(loadTopology(path).topology).toEqual(topology);
    expect(readdirSync(runFolder(topology))).toEqual(['topology.resolved.yaml']);
  });

  test('a folder that cannot be written is an error that names the key', () => {
    writeFileSync(join(folder, 'file'), '');
    const topology = resolveTopology({ ...parse(FINE), folder: 'file' }, folder);
    expect(() => writeResolved(topology)).toThrow(ConfigError);
    expect(() => writeResolved(topology)).toThrow('key `folder`');
  });
});

describe('the topology that ships', () => {
  test('has no problems', () => {
    const { topology, warnings } = loadTopology('topology.yaml');
    expect(warnings).toEqual([]);
    expect(Object.keys(topology.stages)).toEqual([...DEFAULT_STAGES]);
  });

  test('shows the defaults: what it says about a setting is what a file without it does', () => {
    const { topology } = loadTopology('topology.yaml');
    const { tasks, tools } = topology;
    const bare = resolveTopology({ tasks, tools }, process.cwd());
    expect(topology).toEqual(bare);
  });
});
