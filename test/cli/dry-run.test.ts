/** `swirl run --dry-run`: what it says beforehand holds what a run then does, and it asks and changes nothing. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { estimate, meanRange } from '../../src/spending/estimate.ts';
import { pricesConfig } from '../../src/spending/spending-config.ts';
import { type Workplace, workplace } from '../end-to-end/swirl-process.ts';
import { type FaultServer, startFaultServer } from '../models/fault-server.ts';

let place: Workplace;
let server: FaultServer;

beforeEach(async () => {
  place = workplace();
  server = await startFaultServer(({ body }) => {
    const said = body.messages.map(({ content }) => content).join(' ');
    const text = {
      judge: said.includes('3?') ? 'VERDICT: BAD' : 'VERDICT: GOOD',
      reward: 'REWARD: 0.5',
      policy: !body.messages.at(-1)?.content.includes('2 + 3 -> ')
        ? 'Let me see. <math_exp>2 + 3</math_exp>'
        : '<answer>5</answer>',
    }[body.model];
    const usage = { prompt_tokens: Math.ceil(said.length / 4), completion_tokens: 8 };
    return {
      kind: 'raw',
      body: JSON.stringify({ choices: [{ message: { content: text }, finish_reason: 'stop' }], usage }),
    };
  });
  const model = (name: string) => ({ kind: 'openai', baseUrl: server.url, model: name, maxTokens: 64 });
  place.write('topology.yaml', {
    ...{ policy: model('policy'), judge: model('judge'), reward: model('reward') },
    tasks: { math: { tools: ['calculator'], maxSteps: 4 } },
    tools: { calculator: { kind: 'calculator' } },
    stages: {
      ...{ start: { rollouts: 2 }, rollout: {}, tools: {}, decompose: {}, judge: {}, filter: {}, reward: {} },
    },
    prices: { models: { policy: { input: 1, output: 2 }, judge: { input: 3, output: 4 } } },
  });
  const lines = Array.from({ length: 10 }, (_, n) =>
    JSON.stringify({ id: `q${n}`, text: `How many are ${n}?`, task: 'math' }),
  );
  place.write('questions.jsonl', `${lines.join('\n')}\n`);
});
afterEach(async () => {
  await server.close();
  await place.remove();
});

interface Planned {
  readonly low: number;
  readonly high: number;
}

const within = (found: number, { low, high }: Planned) => {
  expect(found).toBeGreaterThanOrEqual(low);
  expect(found).toBeLessThanOrEqual(high);
};

describe('a dry run', () => {
  test('asks nothing, leaves nothing, and its bounds hold what the run then asks', async () => {
    const before = readdirSync(place.folder).sort();
    const args = ['run', '--dry-run', '--questions', 'questions.jsonl'];
    const told = await place.swirl([...args, '--json']);
    expect(told).toMatchObject({ code: 0 });
    const planned = JSON.parse(told.stdout);
    expect(planned).toMatchObject({ questions: 10, trajectories: 20, by: null, unpriced: ['reward'] });
    const text = await place.swirl(args);
    expect(text.stdout).toMatch(/These are bounds, not a forecast/);
    expect(text.stdout.split('\n').every((line) => line.length <= 80)).toBe(true);
    expect(server.requests).toHaveLength(0);
    expect(readdirSync(place.folder).sort()).toEqual(before);

    expect(await place.swirl(['feed', 'questions.jsonl'])).toMatchObject({ code: 0 });
    const waiting = await place.swirl(['run', '--dry-run', '--json']);
    expect(JSON.parse(waiting.stdout)).toMatchObject({ questions: 10, trajectories: 20 });
    const ran = await place.swirl(['run', '--until-drained', '--json', '--set', 'cache.enabled=false']);
    expect(ran.code).toBe(0);
    const { spending } = JSON.parse(ran.stdout);
    for (const { stage, requests, usage, money } of spending.by) {
      const plan = planned.stages.find((one: { stage: string }) => one.stage === stage);
      // One token of each reviewer is asked for beforehand.
      within(requests - Number(stage !== 'rollout'), plan.requests);
      within(usage.input, plan.input);
      within(usage.output, plan.output);
      if (stage !== 'reward') within(money, plan.money);
    }
    within(spending.total.requests, planned.total.requests);
  });

  test('by the records of a run comes close, and says by which', async () => {
    expect(await place.swirl(['feed', 'questions.jsonl'])).toMatchObject({ code: 0 });
    const ran = await place.swirl(['run', '--until-drained', '--json']);
    expect(ran.code).toBe(0);
    const asked = server.requests.length;
    const args = ['run', '--dry-run', '--run', 'next', '--like', 'main', '--questions', '1000', '--json'];
    const planned = JSON.parse((await place.swirl(args)).stdout);
    expect(planned).toMatchObject({ trajectories: 2000, by: { run: 'main', trajectories: 20 } });
    const rollout = planned.stages.find((one: { stage: string }) => one.stage === 'rollout');
    // Every trajectory acts twice.
    expect(rollout.requests).toEqual({ low: 4000, high: 4000 });
    const spent = JSON.parse(ran.stdout).spending.by.find(
      (one: { stage: string }) => one.stage === 'rollout',
    );
    within((spent.usage.input / spent.requests) * 4000, rollout.input);
    expect(rollout.input.high / rollout.input.low).toBeLessThan(1.51);
    // One question of ten is not accepted.
    const reward = planned.stages.find((one: { stage: string }) => one.stage === 'reward');
    within(0.9 * 4000, reward.requests);
    expect(server.requests).toHaveLength(asked);
  });

  test('of a topology with errors ends with them; without questions it says how to name some', async () => {
    const wrong = await place.swirl([
      'run',
      '--dry-run',
      '--questions',
      '10',
      '--set',
      'tasks.math.tools=[gone]',
    ]);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/gone/);
    const none = await place.swirl(['run', '--dry-run']);
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/--questions FILE/);
    expect(server.requests).toHaveLength(0);
  });
});

describe('the paper', () => {
  const examples = fileURLToPath(new URL('../../docs/examples/', import.meta.url));
  const tiny = fileURLToPath(new URL('../fixtures/train/gemma2/policy', import.meta.url));
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'swirl-paper-'));
    cpSync(join(examples, 'swirl-paper.yaml'), join(folder, 'swirl-paper.yaml'));
    // A tiny Gemma 2 in the place of the 2b model, and an article for the corpus.
    cpSync(tiny, join(folder, 'models', 'gemma-2-2b-it'), { recursive: true });
    writeFileSync(join(folder, 'corpus.jsonl'), '{"title":"Faust","text":"A play."}\n');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('has a topology that lints and can be reckoned, without a network', async () => {
    const file = join(folder, 'swirl-paper.yaml');
    const env = { GEMINI_API_KEY: 'none' };
    const linted = await place.swirl(['lint', file], env);
    expect([linted.code, linted.stdout]).toEqual([0, expect.stringMatching(/: (fine|0 errors)/)]);
    const told = await place.swirl(['run', file, '--dry-run', '--questions', '10000', '--json'], env);
    expect(told).toMatchObject({ code: 0 });
    const planned = JSON.parse(told.stdout);
    // The paper: 10,000 questions x 5 rollouts of at most 5 steps; every trajectory in one batch of 64, if it is kept.
    expect(planned).toMatchObject({
      trajectories: 50_000,
      steps: { low: 50_000, high: 250_000 },
      updates: { low: 0, high: Math.ceil(50_000 / 64) },
      currency: 'USD',
    });
    expect(planned.stages.map(({ stage, model }: Record<string, string>) => [stage, model])).toEqual([
      ['rollout', 'google/gemma-2-27b-it'],
      ['judge', 'gemini-2.5-pro'],
      ['reward', 'gemini-2.5-flash'],
    ]);
    expect(readdirSync(folder).sort()).toEqual(['corpus.jsonl', 'models', 'swirl-paper.yaml']);
  });

  test('has placeholders for prices, which are said to be such', () => {
    const lines = readFileSync(join(examples, 'swirl-paper.yaml'), 'utf8').split('\n');
    const priced = lines.filter((line) => /^ {4}gemini/.test(line));
    expect(priced).toHaveLength(2);
    for (const line of priced) expect(line).toMatch(/input: 0, output: 0 } # PLACEHOLDER$/);
  });
});

describe('ranges', () => {
  test('of a mean are two standard errors wide, within what can be', () => {
    // 1, 2, 3, 4: mean 2.5, variance 5/3, standard error sqrt(5/12).
    const { low, high } = meanRange([1, 2, 3, 4], { low: 0, high: 9 });
    expect(low).toBeCloseTo(2.5 - 2 * Math.sqrt(5 / 12), 12);
    expect(high).toBeCloseTo(2.5 + 2 * Math.sqrt(5 / 12), 12);
    expect(meanRange([7], { low: 1, high: 5 })).toEqual({ low: 1, high: 5 });
    expect(meanRange([1, 9, 1, 9], { low: 4, high: 6 })).toEqual({ low: 4, high: 6 });
  });

  test('of money are those of tokens and requests', () => {
    const prices = pricesConfig.parse({
      models: { m: { input: 2, output: 10, request: 0.5 } },
      tools: { t: { call: 0.1 } },
    });
    const { stages, total, updates } = estimate({
      ...{ trajectories: 10, steps: { low: 1, high: 2 }, scored: { low: 0, high: 2 }, prices },
      asked: [
        {
          ...{ stage: 'rollout', model: 'm', kind: 'model', each: { low: 1, high: 2 } },
          ...{ input: { low: 1000, high: 2000 }, output: { low: 100, high: 300 } },
        },
        {
          ...{ stage: 'tools', model: 't', kind: 'tool', each: { low: 0, high: 1 } },
          ...{ input: { low: 0, high: 0 }, output: { low: 0, high: 0 } },
        },
      ],
      batch: { of: 'subTrajectories', size: 8, epochs: 2 },
    });
    expect(stages[0]).toMatchObject({ requests: { low: 10, high: 20 }, output: { low: 1000, high: 6000 } });
    // 10 x (1000 x 2 + 100 x 10) / 1e6 + 10 x 0.5, and 20 x (2000 x 2 + 300 x 10) / 1e6 + 20 x 0.5.
    expect(stages[0]?.money?.low).toBeCloseTo(5.03, 10);
    expect(stages[0]?.money?.high).toBeCloseTo(10.14, 10);
    expect(total.money?.high).toBeCloseTo(11.14, 10);
    expect(updates).toEqual({ low: 0, high: 6 });
  });
});
