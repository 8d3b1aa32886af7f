/** What `swirl doctor` says of a schema registry. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Check } from '../../src/cli/doctor-check.ts';
import { checkRegistry } from '../../src/cli/doctor-registry.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import { topologyConfig } from '../../src/topology/topology.ts';
import { answer, type ProtocolServer, protocolServer } from '../topics/registry/protocol-server.ts';

let server: ProtocolServer;
beforeEach(async () => {
  server = await protocolServer('ada:swordfish');
});
afterEach(() => server.close());

async function check(settings: object | null, password = 'swordfish', rest = {}): Promise<Check[]> {
  const { run, transport, topics } = topologyConfig.parse({
    transport: {
      kind: 'kafka',
      brokers: ['127.0.0.1:9092'],
      registry: settings && { url: server.url, usernameEnv: 'U', passwordEnv: 'P', ...settings },
    },
    ...rest,
  });
  return arrayOf(checkRegistry({ run, transport, topics }, { U: 'ada', P: password }));
}

test('says whether the schemas are there', async () => {
  expect(await check({})).toEqual([
    {
      name: 'schema registry',
      ok: true,
      found: `${server.url} has none of run main yet: opening the run will register them`,
    },
  ]);
  expect(await check({ register: false })).toMatchObject([{ ok: false, fix: /swirl schema/ }]);
  server.register('swirl.main.questions-value', '"string"');
  expect(await check({ register: false })).toMatchObject([{ ok: true }]);
  expect(await check(null)).toEqual([]);
});

test('questions that are JSON need no schema', async () => {
  const json = { topics: { questions: { format: 'json' } } };
  server.register('swirl.main.failures-value', '"string"');
  expect(await check({ register: false }, undefined, json)).toMatchObject([{ ok: true }]);
});

test('says what is wrong, once and without the password', async () => {
  const [refused] = await check({}, 'guess');
  expect(refused).toMatchObject({ ok: false });
  expect(refused?.found).toMatch(/refuses this user/);
  expect(JSON.stringify(refused)).not.toContain('guess');
  server.faults.push(answer(404, '<html>'));
  expect((await check({}))[0]?.found).toMatch(/does not answer as a schema registry/);
  server.faults.push(answer(503, ''));
  expect((await check({}))[0]?.found).toMatch(/tried 1 times\): HTTP 503/);
});
