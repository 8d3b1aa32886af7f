/** Who may ask the page's server, and what it answers: over real connections, to a real log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OpenRuns } from '../../src/watch/open-runs.ts';
import { startWatchServer, type WatchServer } from '../../src/watch/server.ts';
import { judged, trajectory } from '../records.ts';
import { appendTo, madeTopology, update } from './made-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-watch-'));
let server: WatchServer;
let guarded: WatchServer;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A request with headers that `fetch` would not let one choose. */
function ask(
  { port }: WatchServer,
  path: string,
  {
    method = 'GET',
    headers = {},
  }: { readonly method?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () =>
        resolve({ status: response.statusCode as number, headers: response.headers, text }),
      );
    });
    asked.once('error', reject).end();
  });
}

function runs() {
  const topology = madeTopology(folder, 'made');
  return new OpenRuns(topology, { notify: () => {}, env: {}, now: () => 1000 });
}

beforeAll(async () => {
  const first = trajectory('q1/0', 1);
  const { question, steps } = first;
  const [context, last] = steps;
  if (context === undefined || last === undefined) throw new Error('expected two steps');
  const of = { trajectory: 'q1/0', count: 2, question };
  await appendTo(madeTopology(folder, 'made'), {
    questions: [question],
    trajectories: [first, trajectory('q2/0', 0)],
    judged: [
      judged({ id: 'q1/0/0', index: 0, context: [], action: context.action, ...of }),
      judged({ id: 'q1/0/1', index: 1, context: [context], action: last.action, ...of }, 'BAD'),
    ],
    updates: [update(1), update(2)],
  });
  const options = { host: '127.0.0.1', port: 0, intervalMs: 1000 };
  server = await startWatchServer({ ...options, runs: runs(), token: null });
  guarded = await startWatchServer({ ...options, runs: runs(), token: 'a-token' });
});

afterAll(async () => {
  await server.close();
  await guarded.close();
  rmSync(folder, { recursive: true });
});

describe('who may ask', () => {
  const refused = [
    ['by the name of another site (DNS rebinding)', { headers: { host: 'evil.example' } }, 421],
    ['by a name that only begins like loopback', { headers: { host: '127.0.0.1.evil.example' } }, 421],
    ['from the page of another site', { headers: { 'sec-fetch-site': 'cross-site' } }, 403],
    ['to change something', { method: 'POST' }, 405],
  ] as const;

  test.each(refused)('not %s', async (_, options, status) => {
    for (const path of ['/', '/api/flow', '/api/live', '/module/page/main.js']) {
      expect(await ask(server, path, options)).toMatchObject({ status });
    }
  });

  test('another port on this machine is another site', async () => {
    const { port } = server;
    expect(await ask(server, '/', { headers: { host: `127.0.0.1:${port + 1}` } })).toMatchObject({
      status: 421,
    });
    expect(await ask(server, '/', { headers: { host: `localhost:${port}` } })).toMatchObject({ status: 200 });
  });

  test('without the token nothing; with it a cookie, and the address without it', async () => {
    for (const path of ['/', '/api/flow', '/?token=', '/?token=a-toke', '/?token=a-token%20']) {
      expect(await ask(guarded, path)).toMatchObject({ status: 401 });
    }
    const welcome = await ask(guarded, '/?token=a-token');
    expect(welcome).toMatchObject({ status: 303, headers: { location: '/' } });
    const cookie = String(welcome.headers['set-cookie']);
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    const headers = { cookie: cookie.split(';')[0] as string };
    expect(await ask(guarded, '/api/flow', { headers })).toMatchObject({ status: 200 });
    expect(await ask(guarded, '/api/flow', { headers: { cookie: 'swirl-watch=other' } })).toMatchObject({
      status: 401,
    });
  });

  test('on another address than loopback there must be a token', async () => {
    const open = runs();
    const options = { host: '0.0.0.0', port: 0, token: null, runs: open, intervalMs: 1000 };
    await expect(startWatchServer(options)).rejects.toThrow('needs a token');
    await open.close();
  });
});

describe('what it answers', () => {
  const json = async (path: string) => JSON.parse((await ask(server, path)).text);

  test('the page runs no script but its own, and makes no markup of texts', async () => {
    const { headers, text } = await ask(server, '/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain('unsafe');
    const imports = JSON.parse(/<script type="importmap">(.*?)<\/script>/.exec(text)?.[1] ?? '').imports;
    for (const address of Object.values<string>(imports)) {
      const file = await ask(server, address);
      expect({ address, status: file.status, type: file.headers['content-type'] }).toEqual({
        address,
        status: 200,
        type: 'text/javascript; charset=utf-8',
      });
      // Whatever a module imports is in the map.
      for (const [, name] of file.text.matchAll(/^\s*import\b[^;]*?from ?["']([^"']+)["']/gm)) {
        expect(imports).toHaveProperty([name as string]);
      }
    }
  });

  test('the flow: what topics hold, and what waits', async () => {
    const { topics, stages } = await json('/api/flow');
    expect(topics).toContainEqual({ name: 'trajectories', count: 2, perSecond: 0 });
    expect(stages.find(({ name }: { name: string }) => name === 'judge')).toMatchObject({
      reads: 'sub-trajectories',
      waiting: 0,
    });
    expect(stages.find(({ name }: { name: string }) => name === 'decompose')).toMatchObject({
      ...{ reads: 'trajectories', waiting: 2, done: 0, inFlight: null },
    });
  });

  test('trajectories newest first, with their verdicts', async () => {
    const { items, next } = await json('/api/trajectories');
    expect(next).toBeNull();
    expect(items.map(({ id, labels, right }: never) => ({ id, labels, right }))).toEqual([
      { id: 'q2/0', labels: [null], right: true },
      { id: 'q1/0', labels: ['GOOD', 'BAD'], right: true },
    ]);
    expect((await json('/api/trajectories?label=BAD')).items).toHaveLength(1);
    expect((await json('/api/trajectories?search=Q2')).items).toHaveLength(1);
    expect((await json('/api/trajectories?right=no')).items).toHaveLength(0);
  });

  test('pages of one hold each once', async () => {
    const first = await json('/api/trajectories?limit=1');
    const second = await json(`/api/trajectories?limit=1&next=${first.next}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(['q2/0', 'q1/0']);
    expect(second.next).toBeNull();
  });

  test('one by its place and by its id', async () => {
    const byPlace = await json('/api/trajectory?place=0:0');
    expect(byPlace).toMatchObject({ id: 'q1/0', gold: ['5'], right: true });
    expect(byPlace.steps[1]).toMatchObject({ verdict: { label: 'BAD' }, updates: [] });
    expect(await json('/api/trajectory?id=q1/0')).toEqual(byPlace);
    for (const where of ['place=0:2', 'place=7:0', 'id=q9/0', 'place=-1:0', '']) {
      expect(await ask(server, `/api/trajectory?${where}`)).toMatchObject({ status: 404 });
    }
  });

  test('updates as curves', async () => {
    const { points, of } = await json('/api/curves');
    expect(of).toBe(2);
    expect(points[0]).toMatchObject({ step: 1, meanReward: 0.5, meanRatio: null });
  });

  test('nothing where there is nothing, and no other folder', async () => {
    const run = encodeURIComponent('../made');
    for (const path of [
      `/api/flow?run=${run}`,
      '/api/flow?run=other',
      '/api/no',
      '/module/../server.ts',
      '/x',
    ]) {
      expect(await ask(server, path)).toMatchObject({ status: 404 });
    }
  });
});
