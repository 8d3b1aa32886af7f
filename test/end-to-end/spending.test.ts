/**
 * Nothing is paid twice, and no more than was allowed: a run whose policy, judge, reward model and tool are all behind
 * endpoints, counted by the server that plays them.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type OpenRun, openRun } from '../../src/open-run.ts';
import type { RunEnd } from '../../src/runtime/run.ts';
import { accountsOf, spendingIn } from '../../src/spending/open-spending.ts';
import { pricesConfig } from '../../src/spending/spending-config.ts';
import type { Spending } from '../../src/spending/spent.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { type FaultServer, startFaultServer } from '../models/fault-server.ts';
import { patiently } from '../patience.ts';
import { question } from '../records.ts';
import { contents } from './run-records.ts';
import { survive } from './survive.ts';
import { type Workplace, workplace } from './swirl-process.ts';

const QUESTIONS = 6;
const TOKENS = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 };

let folder: string;
let server: FaultServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-spending-'));
  server = await startFaultServer((seen) => ({ kind: 'raw', body: JSON.stringify(reply(seen.body)) }));
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What stands there is a function of what was asked; samples differ by their seeds. */
function reply({
  model,
  messages,
  seed,
}: {
  model: string;
  messages: readonly { content: string }[];
  seed?: unknown;
}) {
  const said = messages.map(({ content }) => content).join('\n');
  const mark = createHash('sha256')
    .update(`${said} ${seed ?? ''}`)
    .digest('hex')
    .slice(0, 6);
  const text = {
    judge: `It follows (${mark}).\nVERDICT: GOOD`,
    reward: `Well done (${mark}).\nREWARD: 0.${Number.parseInt(mark, 16) % 10}`,
    policy: messages.length < 4 ? `Look for ${mark}. <find>${mark}</find>` : `So. <answer>${mark}</answer>`,
  }[model];
  // The tool sends no messages, and is answered in its own form.
  return { choices: [{ message: { content: text }, finish_reason: 'stop' }], usage: TOKENS };
}

function settings(run: string, more: object = {}) {
  const model = (name: string, sampled: object = {}) => ({
    ...{ kind: 'openai', baseUrl: server.url, model: name, concurrency: 3 },
    ...sampled,
  });
  const retry = { attempts: 1, backoffMs: 1 };
  return {
    run,
    policy: model('policy', { seed: true }),
    judge: model('judge'),
    reward: model('reward'),
    tasks: { facts: { instructions: 'Answer.', tools: ['find'], maxSteps: 4 } },
    tools: {
      find: {
        ...{
          kind: 'http',
          tag: 'find',
          url: server.url,
          body: { messages: [{ content: '{{argument}}' }], model: 'policy' },
        },
        ...{ pointer: '/choices/0/message/content', pure: true },
      },
    },
    stages: {
      ...{
        start: { rollouts: 2 },
        rollout: { retry, window: 4 },
        tools: { retry, window: 4 },
        decompose: {},
      },
      ...{ judge: { retry }, filter: { mode: 'none' }, reward: { retry } },
    },
    prices: {
      models: { policy: { input: 1, output: 2 }, judge: { input: 3, output: 0 } },
      tools: { find: { call: 0.001 } },
    },
    ...more,
  };
}

function questions() {
  return Array.from({ length: QUESTIONS }, (_, n) =>
    question({ id: `q${n}`, text: `Who is ${n}?`, task: 'facts' }),
  );
}

interface Went {
  readonly end: RunEnd;
  readonly spending: Spending;
  readonly outOfBudget: string | null;
  readonly notes: readonly string[];
}

async function go(run: string, more: object = {}, at = folder): Promise<Went> {
  const notes: string[] = [];
  const notify = (message: string) => void notes.push(message);
  const opened: OpenRun = await openRun(resolveTopology(settings(run, more), at), notify);
  try {
    const [topic] = (await opened.transport.topics()).filter(({ name }) => name === 'questions');
    if (topic?.offsets.every(({ end }) => end === 0)) {
      await opened.feed('questions', questions());
    }
    const { signal } = new AbortController();
    const started = await opened.start({ untilDrained: true, stop: signal, abort: signal, notify });
    const end = await patiently(`the end of ${run}`, started.finished);
    return { end, spending: started.spending(), outOfBudget: started.outOfBudget(), notes };
  } finally {
    await opened.close();
  }
}

/** Records of the topics, in any order: what is merged as it comes has none. */
async function records(run: string, at = folder): Promise<Record<string, string[]>> {
  const all = await contents(join(at, 'runs'), run);
  return Object.fromEntries(
    Object.entries(all).map(([topic, lines]) => [
      topic,
      lines.map((line) => line.replace(/^\S+ /, '')).sort(),
    ]),
  );
}

describe('answers', () => {
  test('that were paid for serve the next run: no request at all, and the same records', async () => {
    const first = await go('first');
    expect(first.end).toBe('drained');
    const paid = server.requests.length;
    // Each of 12 rollouts acts three times and looks for something twice; judge and reward model are tried once, too.
    expect(first.spending.total).toMatchObject({ requests: paid, failed: 0, open: 0, unmetered: 0 });
    const second = await go('second');
    expect(second.end).toBe('drained');
    expect(server.requests.length).toBe(paid);
    expect(second.spending.total).toMatchObject({ requests: 0, failed: 0, money: 0 });
    expect(second.spending.total.kept).toBe(first.spending.total.requests + first.spending.total.kept);
    expect(await records('second')).toEqual(await records('first'));
    // Another filter, in a third run, is free as well.
    await go('third', { stages: { ...settings('third').stages, filter: { mode: 'process' } } });
    expect(server.requests.length).toBe(paid);
  });

  test('to another seed, model or address are others, and none is kept where the cache is off', async () => {
    await go('first');
    const paid = server.requests.length;
    const other = await go('seed', { seed: 1 });
    expect(other.spending.by.find(({ stage }) => stage === 'rollout')?.kept).toBe(0);
    const before = server.requests.length;
    expect(before).toBeGreaterThan(paid);
    const off = await go('off', { cache: { enabled: false } });
    expect(off.spending.total).toMatchObject({ kept: 0 });
    expect(server.requests.length - before).toBe(off.spending.total.requests);
    expect(await records('off')).toEqual(await records('first'));
  });

  test('different rollouts of one question get different ones, without seeds that are sent', async () => {
    let count = 0;
    await server.close();
    server = await startFaultServer(({ body }) =>
      body.model === 'policy'
        ? `<answer>${count++}</answer>`
        : body.model === 'judge'
          ? 'VERDICT: GOOD'
          : 'REWARD: 1',
    );
    const policy = { kind: 'openai', baseUrl: server.url, model: 'policy' };
    await go('first', { policy });
    expect(count).toBe(2 * QUESTIONS);
    await go('second', { policy });
    expect(count).toBe(2 * QUESTIONS);
    const answers = (await records('second')).trajectories ?? [];
    expect(new Set(answers).size).toBe(2 * QUESTIONS);
  });
});

describe('the ledger', () => {
  test('has requests, tokens and money by stage and model, as the server saw them', async () => {
    const { spending } = await go('first');
    const seen = (model: string, tool: boolean) =>
      server.requests.filter(({ body, path }) => body.model === model && (path === '/v1') === tool).length;
    const policy = seen('policy', false);
    const of = (stage: string) => spending.by.find((one) => one.stage === stage);
    expect(of('rollout')).toMatchObject({
      ...{ model: 'policy', requests: policy },
      usage: { input: 10 * policy, output: 4 * policy, cachedInput: 0, reasoning: 0 },
    });
    expect(of('rollout')?.money).toBeCloseTo((10 * policy + 8 * policy) / 1e6, 12);
    expect(of('tools')).toMatchObject({ model: 'find', requests: seen('policy', true) });
    expect(of('tools')?.money).toBeCloseTo(0.001 * seen('policy', true), 12);
    expect(of('judge')?.requests).toBe(seen('judge', false));
    expect(of('reward')?.money).toBeNull();
    expect(spending.unpriced).toEqual(['reward']);
    expect(accountsOf(join(folder, 'runs', 'first'))).toHaveLength(4);
  });
});

describe('a budget', () => {
  test('of half the requests stops the run; with a larger one it goes on to the same records', async () => {
    await go('whole');
    const whole = server.requests.length;
    const at = join(folder, 'elsewhere');
    for (const cache of [{ enabled: true }, { enabled: false }]) {
      const run = cache.enabled ? 'kept' : 'lost';
      const before = server.requests.length;
      const half = Math.floor(whole / 2);
      const stopped = await go(run, { cache, budget: { requests: half } }, at);
      expect(stopped).toMatchObject({
        end: 'stopped',
        outOfBudget: `budget.requests: ${half} of ${half} are spent`,
      });
      expect(stopped.notes.filter((note) => note.includes('budget.requests'))).toHaveLength(1);
      expect(server.requests.length - before).toBe(half);
      // Nothing more is asked without a larger one.
      expect(await go(run, { cache, budget: { requests: half } }, at)).toMatchObject({ end: 'stopped' });
      expect(server.requests.length - before).toBe(half);
      const rest = await go(run, { cache, budget: { requests: 10 * whole } }, at);
      expect(rest).toMatchObject({ end: 'drained', outOfBudget: null });
      expect(await records(run, at)).toEqual(await records('whole'));
      // What was answered and not committed is not asked for again, where answers are kept.
      if (cache.enabled) expect(server.requests.length - before).toBe(whole);
      expect(rest.spending.total.requests).toBe(server.requests.length - before);
    }
  });

  test.each([
    ['tokens', { tokens: 200 }, /budget.tokens: \d+ of 200 are spent/],
    ['money', { money: 0.00025 }, /budget.money: 0.0002\d+ USD of 0.00025 USD|budget.money: 0.00\d+ USD of/],
    ['a stage', { stages: { judge: { requests: 5 } } }, /budget.stages.judge.requests: 5 of 5 are spent/],
  ])('of %s does so too', async (_, budget, why) => {
    const stopped = await go('first', { budget });
    expect(stopped.end).toBe('stopped');
    expect(stopped.outOfBudget).toMatch(why);
    const whole = await go('first', { budget: {} });
    expect(whole.end).toBe('drained');
    cpSync(join(folder, 'runs', 'first'), join(folder, 'kept'), { recursive: true });
    await go('second', { cache: { enabled: false } });
    expect(await records('first')).toEqual(await records('second'));
  });
});

describe('several processes', () => {
  let place: Workplace;

  beforeEach(() => {
    place = workplace();
  });
  afterEach(() => place.remove());

  async function fed(run: string): Promise<string[]> {
    place.write(`${run}.yaml`, settings(run));
    const opened = await openRun(resolveTopology(settings(run), place.folder));
    await opened.feed('questions', questions());
    await opened.close();
    return ['run', `${run}.yaml`, '--until-drained', '--json'];
  }

  const sums = (run: string) => spendingIn(place.path('runs', run), pricesConfig.parse({})).total;

  test('killed again and again, a run pays again for no more than it had under way, and ends as one that was not', async () => {
    await go('whole');
    const whole = server.requests.length;
    const { kills, last } = await survive(place, await fed('killed'), {
      run: 'killed',
      seed: 3,
      spread: 200,
    });
    expect(last).toMatchObject({ code: 0 });
    const paid = server.requests.length - whole;
    expect(paid).toBeGreaterThanOrEqual(whole);
    // At most three requests are under way to each of three models, and eight to the tool.
    expect(paid).toBeLessThanOrEqual(whole + kills * (3 * 3 + 8));
    const { requests, open, failed } = sums('killed');
    // A request is counted before it is sent: one may have been counted and not have left.
    expect(requests).toBeGreaterThanOrEqual(paid);
    expect(requests - open - failed).toBeLessThanOrEqual(paid);
    expect(JSON.parse(last.stdout).spending.total.requests).toBe(requests);
    expect(await records('killed', place.folder)).toEqual(await records('whole'));
    // Nothing is left to pay for.
    const again = await place.swirl(await fed('again'));
    expect(again).toMatchObject({ code: 0 });
    expect(server.requests.length - whole).toBe(paid);
  });

  test('on one folder of answers, at once, get right ones, and leave them to the next', async () => {
    const [one, two] = [await fed('one'), await fed('two')];
    const ended = await Promise.all([place.swirl(one), place.swirl(two)]);
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    const paid = server.requests.length;
    expect(sums('one').requests + sums('two').requests).toBe(paid);
    const three = await place.swirl(await fed('three'));
    expect(three).toMatchObject({ code: 0 });
    expect(server.requests.length).toBe(paid);
    expect(JSON.parse(three.stdout).spending.total).toMatchObject({ requests: 0 });
    await go('whole', { cache: { enabled: false } });
    for (const run of ['one', 'two', 'three'])
      expect(await records(run, place.folder)).toEqual(await records('whole'));
    const listed = await place.swirl(['runs', '--json']);
    expect(JSON.parse(listed.stdout).map((run: { spent: object }) => run.spent)).toMatchObject([
      {},
      { requests: 0 },
      {},
    ]);
    expect((await place.swirl(['cache', 'one.yaml'])).stdout).toMatch(/\.answers: \d+ answers, /);
    expect((await place.swirl(['cache', 'one.yaml', '--clear'])).stdout).toMatch(/dropped \d+ answers/);
    expect((await place.swirl(['cache', 'one.yaml', '--json'])).stdout).toMatch(/"answers":0/);
  });

  test('a spent budget ends the command with 7, and says how to go on', async () => {
    const args = await fed('poor');
    const stopped = await place.swirl([
      ...args.filter((one) => one !== '--json'),
      '--set',
      'budget.requests=20',
    ]);
    expect(stopped.code).toBe(7);
    expect(stopped.stdout).toMatch(/asked: 20 requests.*tokens read/s);
    expect(stopped.stdout).toMatch(/out of budget: budget.requests: 20 of 20 are spent\. To go on/);
    expect(await place.swirl(args)).toMatchObject({ code: 0 });
  });
});
