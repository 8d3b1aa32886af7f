/** `swirl retry`: failures are fed again, and nothing that succeeded is done twice. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { retryFailures } from '../../src/cli/retry-failures.ts';
import { type OpenRun, openRun } from '../../src/open-run.ts';
import { fedTwice } from '../../src/topics/fed-twice.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { replayTopology } from '../../src/topology/replay.ts';
import { type FaultServer, startFaultServer } from '../models/fault-server.ts';
import { question } from '../records.ts';

let folder: string;
let server: FaultServer;
let run: OpenRun;
/** Questions that the policy refuses, and steps of which the judge cannot be reached. */
let refused: RegExp | null;
let unjudged: RegExp | null;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-retry-'));
  [refused, unjudged] = [null, null];
  server = await startFaultServer(({ body }) => {
    const said = body.messages.map(({ content }) => content).join('\n');
    if (body.model === 'judge')
      return unjudged?.test(said) ? { kind: 'status', status: 503 } : 'Well.\nVERDICT: GOOD';
    if (refused?.test(said)) return { kind: 'status', status: 400 };
    return body.messages.length < 4 ? 'First. <math_exp>2 + 3</math_exp>' : 'So. <answer>5</answer>';
  });
  run = await openRun(resolveTopology(settings(server.url), folder));
});
afterEach(async () => {
  await run.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function settings(baseUrl: string) {
  const retry = { attempts: 1, backoffMs: 1 };
  return {
    policy: { kind: 'openai', baseUrl, model: 'policy' },
    judge: { kind: 'openai', baseUrl, model: 'judge' },
    reward: { kind: 'constant', value: 1 },
    tasks: { math: { instructions: 'Answer.', tools: ['calculator'] } },
    tools: { calculator: { kind: 'calculator' } },
    stages: {
      ...{ start: { rollouts: 1 }, rollout: { retry }, tools: {}, decompose: {} },
      ...{ judge: { retry }, filter: {}, reward: {} },
    },
  };
}

async function drain(): Promise<void> {
  const { signal } = new AbortController();
  const started = await run.start({ untilDrained: true, stop: signal, abort: signal });
  expect(await started.finished).toBe('drained');
}

const texts = ['Who?', 'What?', 'Where?', 'When?', 'Why?'];
const feed = () =>
  run.feed(
    'questions',
    texts.map((text, n) => question({ id: `q${n}`, text })),
  );
const ids = async (topic: 'scored' | 'trajectories' | 'failures') =>
  (await arrayOf<{ id: string }>(run.read(topic))).map(({ id }) => id).sort();
const all = texts.flatMap((_, n) => [`q${n}/0/0`, `q${n}/0/1`]);

const retry = async (options: Parameters<typeof retryFailures>[1] | object = {}) => {
  const { fed, left } = await retryFailures(run, { dryRun: false, ...options });
  return { fed: Object.fromEntries(fed), left: Object.fromEntries(left) };
};

describe('turns that the policy refused', () => {
  beforeEach(async () => {
    refused = /What\?|Why\?/;
    await feed();
    await drain();
    refused = null;
  });

  test('are fed again once, and end as the others did', async () => {
    expect(await ids('failures')).toHaveLength(2);
    expect(await retry({ dryRun: true })).toEqual({ fed: { turns: 2 }, left: {} });
    expect(await retry()).toEqual({ fed: { turns: 2 }, left: {} });
    expect(await retry()).toEqual({ fed: {}, left: { again: 2 } });
    await drain();
    expect(await ids('scored')).toEqual(all);
    expect(await ids('trajectories')).toEqual(texts.map((_, n) => `q${n}/0`));
    expect(await retry()).toEqual({ fed: {}, left: { again: 2 } });
  });

  test('what fails again may be fed again', async () => {
    refused = /What\?/;
    await retry();
    await drain();
    refused = null;
    expect(await retry()).toEqual({ fed: { turns: 1 }, left: { again: 2 } });
    await drain();
    expect(await ids('scored')).toEqual(all);
  });

  test('by stage, cause and id', async () => {
    expect(await retry({ stage: 'judge' })).toEqual({ fed: {}, left: {} });
    expect(await retry({ cause: 'no such thing' })).toEqual({ fed: {}, left: {} });
    expect(await retry({ id: 'q' })).toEqual({ fed: {}, left: {} });
    expect(await retry({ cause: 'STATUS 400', id: 'q1' })).toEqual({ fed: { turns: 1 }, left: {} });
    expect(await retry({ stage: 'rollout' })).toEqual({ fed: { turns: 1 }, left: { again: 1 } });
  });
});

describe('steps without a verdict', () => {
  test('are judged again with the verdicts of the others, and the trajectory is decided on again', async () => {
    // In the second step of each there is a context.
    unjudged = /Where\?[\s\S]*So\./;
    await feed();
    await drain();
    expect(await ids('scored')).toHaveLength(8);
    unjudged = null;
    expect(await retry()).toEqual({ fed: { 'sub-trajectories': 1, judged: 1 }, left: {} });
    expect(await retry()).toEqual({ fed: {}, left: { again: 1 } });
    await drain();
    expect(await ids('scored')).toEqual(all);
    const asked = server.requests.filter(({ body }) => body.model === 'judge').length;
    // One token before the first of the two runs, each step once, and the one that failed twice.
    expect(asked).toBe(1 + 10 + 1);
    // Both topics have steps twice now; a replay reads each once.
    for (const from of ['sub-trajectories', 'judged']) {
      const replayed = { run: run.topology.run, from, as: from, folder: run.topology.folder, set: [] };
      await run.close();
      run = await openRun((await replayTopology(replayed)).topology);
      await drain();
      expect(await ids('failures')).toEqual([]);
      expect(await ids('scored')).toEqual(all);
      await run.close();
      run = await openRun(resolveTopology(settings(server.url), folder));
    }
    // With one name held: a topic that no failed stage reads needs none, and is not read for it.
    const set = ['runtime.failuresHeld=1'];
    const held = async (from: string, as: string) =>
      (await replayTopology({ run: run.topology.run, from, as, folder: run.topology.folder, set })).topology;
    await expect(openRun(await held('judged', 'too-many'))).rejects.toThrow('runtime.failuresHeld (1)');
    for (const topic of ['judged', 'accepted', 'scored']) {
      const read: string[] = [];
      const { codec, transport } = run;
      const watched = new Proxy(transport, {
        get: (target, name) => (name === 'read' ? watch : Reflect.get(target, name).bind?.(target)),
      });
      const watch: typeof transport.read = (of, options) => {
        read.push(of);
        return transport.read(of, options);
      };
      const { topology } = run;
      const options = { run: topology.run, topic, isOut: () => false, most: 100 };
      expect((await fedTwice({ transport: watched, codec }, options)).size).toBe(topic === 'judged' ? 2 : 0);
      expect(read).toEqual(topic === 'judged' ? ['failures', 'judged'] : ['failures']);
    }
    await (await openRun(await held('accepted', 'from-accepted'))).close();
  });

  test('that were accepted all the same are left', async () => {
    await run.close();
    const accepting = { ...settings(server.url), run: 'accepting' };
    const stages = { ...accepting.stages, filter: { mode: 'none' } };
    run = await openRun(resolveTopology({ ...accepting, stages }, folder));
    unjudged = /Where\?/;
    await feed();
    await drain();
    expect(await ids('scored')).toEqual(all);
    expect(await retry()).toEqual({ fed: {}, left: { accepted: 2 } });
  });

  test('whose trajectory is not decided on yet wait', async () => {
    unjudged = /Where\?/;
    await feed();
    const { signal } = new AbortController();
    const stages = ['start', 'rollout', 'tools', 'decompose', 'judge'];
    await (await run.start({ stages, untilDrained: true, stop: signal, abort: signal })).finished;
    unjudged = null;
    expect(await retry()).toEqual({ fed: {}, left: { underway: 2 } });
    await drain();
    expect(await retry()).toEqual({ fed: { 'sub-trajectories': 2 }, left: {} });
    await drain();
    expect(await ids('scored')).toEqual(all);
  });
});
