/** Modules and prompts of a topology: checked before a run, and known again. */
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.ts';
import { begunWith } from '../../src/topology/kept.ts';
import { examineFile, openTopology, withParts } from '../../src/topology/load.ts';
import { formatProblems } from '../../src/topology/problem.ts';
import { replayTopology } from '../../src/topology/replay.ts';
import { writeResolved } from '../../src/topology/resolved.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { checkUnchanged } from '../../src/topology/unchanged.ts';
import { makeProject } from '../modules/project.ts';

const projects: { remove(): void }[] = [];
afterAll(() => {
  for (const project of projects) project.remove();
});

/** Each test has files of its own: a process imports a file once. */
function project(files: Readonly<Record<string, string>>) {
  const made = makeProject(files);
  projects.push(made);
  return made;
}

const REWARD = 'export default () => 1;';
const PROMPT = '{{question}} {{conversation}} {{message}} {{code}} VERDICT: GOOD or BAD';

const TOPOLOGY = `
tasks: { sums: { tools: [] } }
stages: { reward: {} }
fed: [accepted]
reward:
  kind: module
  path: ./reward.js
`;

async function problems(path: string): Promise<string> {
  return formatProblems((await withParts(examineFile(path))).problems);
}

describe('a module in a topology', () => {
  test('is found from the topology, and its hash stands in what is loaded', async () => {
    const { folder, write } = project({ 'reward.js': REWARD });
    const { topology } = await openTopology(write('topology.yaml', TOPOLOGY));
    expect(topology.reward).toMatchObject({
      path: join(folder, 'reward.js'),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('of a package is found in node_modules, by its exports', async () => {
    const { folder, write } = project({
      'node_modules/@me/rewards/package.json':
        '{ "type": "module", "exports": { "./*": { "types": "./x.d.ts", "import": "./dist/*.js" } } }',
      'node_modules/@me/rewards/dist/half.js': 'export default () => 0.5;',
      'deep/topology.yaml': TOPOLOGY.replace('./reward.js', '"@me/rewards/half"'),
    });
    const { topology } = await openTopology(join(folder, 'deep/topology.yaml'));
    expect(topology.reward).toMatchObject({ path: join(folder, 'node_modules/@me/rewards/dist/half.js') });
    const none = write('none.yaml', TOPOLOGY.replace('./reward.js', 'reward.js'));
    expect(await problems(none)).toContain('there is no package reward.js to be found');
  });

  test('that no stage asks is left alone', async () => {
    const { write } = project({});
    const path = write('topology.yaml', TOPOLOGY.replace('{ reward: {} }', '{ decompose: {} }'));
    expect(await problems(path)).not.toContain('reward');
  });

  test.each<[string, string, string, RegExp]>([
    [
      'is not there',
      'other.js',
      REWARD,
      /topology\.yaml:7:9: error: `reward`: there is no file .*reward\.js/,
    ],
    [
      'is no JavaScript',
      'reward.js',
      'export default (',
      /topology\.yaml:7:9: error: .*cannot be imported: SyntaxError/,
    ],
    ['throws', 'reward.js', 'throw new Error("no luck")', /topology\.yaml:7:9: error: .*Error: no luck/],
    ['imports what is not there', 'reward.js', 'import "./none.js"', /cannot be imported: .*none\.js/],
    [
      'imports a package that is not there',
      'reward.js',
      'import "@me/none/deep.js"',
      /cannot be imported: it imports @me\/none, which is not installed in its folder or one above: `npm install @me\/none`/,
    ],
    [
      'exports something else',
      'reward.js',
      'export const value = 1',
      /no export `default`; it exports value/,
    ],
    [
      'exports no function',
      'reward.js',
      'export default 1',
      /expected a function or what `defineReward` gives, found number/,
    ],
    [
      'is another part',
      'reward.js',
      'export default { part: "judge", make() {} }',
      /expected a reward, found a definition of the part `judge`/,
    ],
    ['has no maker', 'reward.js', 'export default { part: "reward" }', /has no function `make`/],
    [
      'has no schema',
      'reward.js',
      'export default { part: "reward", settings: {}, make() {} }',
      /must be a schema/,
    ],
    [
      'throws when it is looked at',
      'reward.js',
      'export default { part: "reward", get make() { throw new Error("do not look"); } }',
      /export `default`: it cannot be read: Error: do not look/,
    ],
    [
      'ends the process',
      'reward.js',
      'process.exit(0)',
      /cannot be imported: Error: it called process\.exit\(0\)/,
    ],
    [
      'has a schema that gives nonsense',
      'reward.js',
      'const schema = { "~standard": { version: 1, vendor: "x", validate: () => ({ issues: [null] }) } };' +
        'export default { part: "reward", settings: schema, make() {} }',
      /its check of settings gave an object: expected \{ value \} or/,
    ],
  ])('that %s is an error at its line', async (_, file, text, message) => {
    const { write } = project({ [file]: text });
    expect(await problems(write('topology.yaml', TOPOLOGY))).toMatch(message);
  });

  test.each([
    ['description: 7', /export `default`: `description` must be a text, found number/],
    ['parameters: "city"', /`parameters` must be a JSON Schema, found string/],
    ['parameters: { type: "array" }', /its `parameters`: .*expected `type: object`, found "array"/],
  ])('of a tool that tells %s is an error at its line', async (told, message) => {
    const { write } = project({
      'tool.js': `export default { part: 'tool', ${told}, make: () => () => '' }`,
    });
    const policy = '{ kind: openai, baseUrl: http://127.0.0.1:9/v1, model: none }';
    const tools = '{ mine: { kind: module, path: ./tool.js, tag: mine } }';
    const stages = '{ start: {}, rollout: {}, tools: {} }';
    const tasks = '{ sums: { tools: [mine] } }';
    const path = write(
      'topology.yaml',
      `stages: ${stages}\npolicy: ${policy}\ntasks: ${tasks}\ntools: ${tools}\n`,
    );
    expect(await problems(path)).toMatch(message);
  });

  test('that is a folder is told so', async () => {
    const { write } = project({ 'reward.js/index.js': REWARD });
    expect(await problems(write('topology.yaml', TOPOLOGY))).toMatch(
      /reward\.js is a folder: expected a file/,
    );
  });

  test('that never ends its import is given up', async () => {
    const { write } = project({ 'reward.js': 'await new Promise(() => {});' });
    const path = write('topology.yaml', `${TOPOLOGY}modules: { loadTimeoutMs: 50 }\n`);
    expect(await problems(path)).toContain('its top level was not done after 50 ms (modules.loadTimeoutMs)');
  });

  test('has its settings checked, each at its line', async () => {
    const { write } = project({
      'reward.js': `
        const validate = ({ scale }) => typeof scale === 'number' ? { value: { scale } }
          : { issues: [{ message: 'expected a number', path: [{ key: 'scale' }] }, { message: 'and more' }] };
        export default { part: 'reward', settings: { '~standard': { version: 1, vendor: 'x', validate } }, make: () => () => 1 };
      `,
    });
    const said = await problems(write('topology.yaml', `${TOPOLOGY}  settings:\n    scale: wide\n`));
    expect(said).toContain('topology.yaml:9:12: error: `reward`: `settings.scale`: expected a number');
    expect(said).toContain('topology.yaml:8:3: error: `reward`: `settings`: and more');
  });

  test('of too many files is refused', async () => {
    const { write } = project({ 'reward.js': 'import "./a.js";', 'a.js': 'import "./b.js";', 'b.js': '' });
    const path = write('topology.yaml', `${TOPOLOGY}modules: { maxFiles: 2 }\n`);
    expect(await problems(path)).toContain('imports more than 2 files (modules.maxFiles)');
  });
});

describe('a prompt in a topology', () => {
  const JUDGE = `
stages: { judge: {} }
fed: [sub-trajectories]
judge:
  kind: openai
  model: any
  prompt: ./judge.txt
`;

  test('is found from the topology, and its hash stands in what is loaded', async () => {
    const { folder, write } = project({ 'judge.txt': PROMPT });
    const { topology, warnings } = await openTopology(write('topology.yaml', JUDGE));
    expect(warnings).toEqual([]);
    expect(topology.judge).toMatchObject({
      prompt: join(folder, 'judge.txt'),
      promptHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test.each([
    [
      '{{question}} {{conversation}} {{mesage}} {{code}} VERDICT:',
      'error: `judge.prompt`',
      'nobody fills {{mesage}}',
    ],
    [
      '{{question}} {{conversation}} {{code}} VERDICT:',
      'error: `judge.prompt`',
      '{{message}} is missing: the model would',
    ],
    [
      '{{question}} {{conversation}} {{message}} {{ code }} VERDICT:',
      'error: `judge.prompt`',
      'a place is filled without blanks in it: write {{code}}',
    ],
    ['{{question}} {{conversation}} {{message}} VERDICT:', 'warning: `judge.prompt`', '{{code}} is missing'],
    [
      '{{question}} {{conversation}} {{message}} {{code}}',
      'warning: `judge.prompt`',
      'does not say `VERDICT:`',
    ],
  ])('%s', async (text, ...expected) => {
    const { write } = project({ 'judge.txt': text });
    const said = await problems(write('topology.yaml', JUDGE));
    for (const part of ['topology.yaml:7:11', ...expected]) expect(said).toContain(part);
  });

  test('that is not there, or no text file', async () => {
    const { folder, write } = project({});
    expect(await problems(write('topology.yaml', JUDGE))).toContain('judge.txt');
    // Some have no end.
    for (const path of [folder, ...(process.platform === 'win32' ? [] : ['/dev/zero'])]) {
      const said = await problems(write('topology.yaml', JUDGE.replace('./judge.txt', path)));
      expect(said).toContain(`${path}: expected a text file with a prompt`);
    }
  });
});

describe('a part that changed', () => {
  /** A run was recorded with the reward of one file; now it is of another, as if it had been edited. */
  async function edited(settings = '') {
    const { folder, write } = project({
      'old.js': REWARD,
      'new.js': 'export default () => 2;',
      'topology.yaml': `${TOPOLOGY.replace('reward.js', 'old.js')}${settings}`,
    });
    const { topology: old } = await openTopology(join(folder, 'topology.yaml'));
    writeResolved(old);
    const changed = write('changed.yaml', `${TOPOLOGY.replace('reward.js', 'new.js')}${settings}`);
    return { folder, old, changed };
  }

  const told: string[] = [];
  const options = (topology: Topology, hasBegun: boolean) => ({
    begun: begunWith(topology),
    hasBegun: async () => hasBegun,
    notify: (message: string) => void told.push(message),
  });
  afterEach(() => {
    told.splice(0);
  });

  test('is refused where it decided records already, with the ways on', async () => {
    const { topology } = await openTopology((await edited()).changed);
    const checked = checkUnchanged(topology, options(topology, true));
    await expect(checked).rejects.toThrow(ConfigError);
    await expect(checked).rejects.toThrow(
      /^reward: .*new\.js is not what it was: expected content .*, found/,
    );
    await expect(checked).rejects.toThrow('modules.changed=allow');
  });

  test('is fine where it decided nothing yet', async () => {
    const { topology } = await openTopology((await edited()).changed);
    await checkUnchanged(topology, options(topology, false));
    expect(told).toEqual([]);
  });

  test('is told where that is allowed', async () => {
    const { topology } = await openTopology((await edited('modules: { changed: allow }\n')).changed);
    await checkUnchanged(topology, options(topology, true));
    expect(told).toEqual([expect.stringContaining('goes on with what is there now')]);
  });

  test('is an error at its line where the topology says its hash', async () => {
    const { folder } = await edited();
    const { write } = projects.at(-1) as ReturnType<typeof project>;
    const pinned = write(
      'pinned.yaml',
      `${TOPOLOGY.replace('reward.js', 'old.js')}  hash: "${'0'.repeat(64)}"\n`,
    );
    const said = await problems(pinned);
    expect(said).toContain('pinned.yaml:8:9: error: `reward`: ');
    expect(said).toContain(`${join(folder, 'old.js')} is not what it was: expected content 000000000000`);
  });

  test('is told by a replay, which goes on with what is there', async () => {
    const { folder, old } = await edited();
    writeResolved({ ...old, reward: { ...old.reward, hash: '0'.repeat(64) } as typeof old.reward });
    const { topology, warnings } = await replayTopology({
      run: 'main',
      from: 'accepted',
      folder: join(folder, 'runs'),
      set: [],
    });
    expect(warnings.map(({ rule, path }) => [rule, path])).toEqual([['changed-part', 'reward.hash']]);
    expect(topology.reward).toEqual(old.reward);
    expect(topology.modules).toEqual(old.modules);
  });
});
