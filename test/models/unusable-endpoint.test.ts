/** A mistake in the topology must not spend the questions: the run stops, and the corrected one goes on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { EndpointError } from '../../src/errors.ts';
import { openRun } from '../../src/open-run.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { question } from '../records.ts';
import { type FaultServer, type Reply, startFaultServer } from './fault-server.ts';

let folder: string;
let server: FaultServer;
/** What the next requests of each model get; `answer` after those. */
let replies: Record<string, Reply[]>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-unusable-'));
  replies = {};
  server = await startFaultServer(({ body }) => {
    const reply = replies[body.model]?.shift();
    if (reply !== undefined) return reply;
    return body.model === 'judge' ? 'Well.\nVERDICT: GOOD' : 'So. <answer>5</answer>';
  });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function attempt(url = server.url) {
  const retry = { attempts: 2, backoffMs: 1 };
  const settings = {
    policy: { kind: 'openai', baseUrl: url, model: 'policy' },
    judge: { kind: 'openai', baseUrl: server.url, model: 'judge' },
    tasks: { math: { instructions: 'Answer.', tools: [] } },
    stages: { start: { rollouts: 1 }, rollout: { window: 2, retry }, decompose: {}, judge: { retry } },
  };
  const notes: string[] = [];
  const run = await openRun(resolveTopology(settings, folder));
  try {
    const ids = (await arrayOf(run.read('questions'))).length;
    if (ids === 0)
      await run.feed(
        'questions',
        [1, 2, 3, 4].map((n) => question({ id: `q${n}` })),
      );
    const { signal } = new AbortController();
    const notify = (note: string) => void notes.push(note);
    const ended = await run
      .start({ untilDrained: true, stop: signal, abort: signal, notify })
      .then(({ finished }) => finished)
      .catch((error: unknown) => error);
    const of = async (topic: 'failures' | 'trajectories' | 'judged') => arrayOf(run.read(topic));
    return {
      ended,
      notes,
      failures: (await of('failures')).length,
      trajectories: (await of('trajectories')).map(({ id }) => id).sort(),
      judged: (await of('judged')).length,
    };
  } finally {
    await run.close();
  }
}

const all = ['q1/0', 'q2/0', 'q3/0', 'q4/0'];

test.each<[string, Reply]>([
  ['a wrong key', { kind: 'status', status: 401 }],
  ['no such model', { kind: 'status', status: 404 }],
  ['no credit', { kind: 'status', status: 402 }],
  ['no quota', { kind: 'raw', status: 429, body: '{"error":{"code":"insufficient_quota"}}' }],
])('%s: the run stops without a failure, and goes on when that is mended', async (_, reply) => {
  // In the middle: the first of them was answered.
  replies = { policy: ['So. <answer>5</answer>', reply, reply, reply] };
  const stopped = await attempt();
  expect(stopped.ended).toBeInstanceOf(EndpointError);
  expect(stopped.failures).toBe(0);
  expect(stopped.trajectories.length).toBeLessThan(4);
  replies = {};
  expect(await attempt()).toMatchObject({ ended: 'drained', failures: 0, trajectories: all, judged: 4 });
});

test.each(['ECONNREFUSED', 'bad port'])(
  'nothing listens (%s): the run stops after its retries',
  async (what) => {
    const before = await startFaultServer(() => '');
    await before.close();
    const stopped = await attempt(what === 'bad port' ? 'http://127.0.0.1:9/v1' : before.url);
    expect(stopped.ended).toBeInstanceOf(EndpointError);
    expect(String(stopped.ended)).toContain(what);
    expect(stopped).toMatchObject({ failures: 0, trajectories: [] });
    expect(await attempt()).toMatchObject({ ended: 'drained', failures: 0, trajectories: all });
  },
);

test("the judge's endpoint is looked at before the first question is answered", async () => {
  replies = { judge: [{ kind: 'status', status: 404 }] };
  const stopped = await attempt();
  expect(stopped.ended).toBeInstanceOf(EndpointError);
  expect(String(stopped.ended)).toMatch(/judge: .*status 404.*Nothing was begun/);
  expect(server.requests.filter(({ body }) => body.model === 'policy')).toEqual([]);
  // What may pass is no reason to stop.
  const busy: Reply = { kind: 'status', status: 503 };
  replies = { judge: [busy, busy] };
  const done = await attempt();
  expect(done).toMatchObject({ ended: 'drained', failures: 0, trajectories: all, judged: 4 });
  expect(done.notes.join()).toMatch(/judge: its endpoint is not ready .*status 503/);
});
