/** A model or a tool that does not answer is told of while it is waited for, once, and by its name. */
import { afterEach, expect, test } from '@jest/globals';
import { openaiModel } from '../../src/models/openai.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import { type WaitNotice, waitNotice } from '../../src/runtime/wait-notice.ts';
import { type LocalServer, startLocalServer } from '../local-server.ts';
import { until } from '../patience.ts';

let server: LocalServer | undefined;
afterEach(() => server?.close());

function noticing(afterMs: number): { readonly told: string[]; readonly waits: WaitNotice } {
  const told: string[] = [];
  return { told, waits: waitNotice({ afterMs, notify: (message) => told.push(message) }) };
}

test('an endpoint that hangs is named with its time limit, once for all its calls, and may answer after all', async () => {
  const open: (() => void)[] = [];
  server = await startLocalServer(async (_, response) => {
    await new Promise<void>((resolve) => open.push(resolve));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ choices: [{ message: { content: 'late' }, finish_reason: 'stop' }] }));
  });
  const { told, waits } = noticing(20);
  const config = openaiConfig.parse({ baseUrl: `${server.url}/v1`, model: 'slow', concurrency: 3 });
  const model = await openaiModel(config, { runSeed: 1, env: {}, waits });
  const { signal } = new AbortController();
  const calls = [1, 2, 3].map((i) =>
    model.complete({ messages: [{ role: 'user', content: 'q' }], id: `q${i}`, signal }),
  );
  await until('three calls, and a word about them', () => open.length === 3 && told.length > 0);
  for (const answer of open.splice(0)) answer();
  for (const { text } of await Promise.all(calls)) expect(text).toBe('late');
  const again = model.complete({ messages: [{ role: 'user', content: 'q' }], id: 'q4', signal });
  await until('the fourth call', () => open.length === 1);
  open[0]?.();
  await again;
  expect(told).toEqual([
    `${server.url}/v1/chat/completions: no answer for 0.02 s so far; it is waited for, up to 120 s a call`,
  ]);
});

test('whoever answers in time is not told of, nor anybody where that is switched off; each is told of by itself', async () => {
  const quick = noticing(600_000);
  expect(await quick.waits(async () => 5, { name: 'tool calculator', timeoutMs: 1000 })).toBe(5);
  await expect(
    quick.waits(() => Promise.reject(new Error('broken')), { name: 'tool search', timeoutMs: 1000 }),
  ).rejects.toThrow('broken');
  const off = noticing(0);
  await off.waits(() => new Promise((resolve) => setTimeout(resolve, 20)), { name: 'a', timeoutMs: 1 });
  expect([...quick.told, ...off.told]).toEqual([]);
  const { told, waits } = noticing(1);
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const both = ['tool search', 'tool mcp'].map((name) => waits(() => ended, { name, timeoutMs: 30_000 }));
  await until('both to be told of', () => told.length === 2);
  end();
  await Promise.all(both);
  expect(told.map((line) => line.split(':')[0])).toEqual(['tool search', 'tool mcp']);
});
