import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { checkTools } from '../../src/cli/doctor-tools.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { json, startAnyServer } from '../tools/http/any-server.ts';

const faulty = fileURLToPath(new URL('../tools/mcp/faulty-server.js', import.meta.url));
const { signal } = new AbortController();

test('asks every tool of other people, and says what is wrong with each', async () => {
  const endpoint = await startAnyServer((response, { url }) => json(response, {}, url === '/ok' ? 200 : 404));
  const server = { command: process.execPath, args: [faulty, 'serve'] };
  const web = { kind: 'http', description: 'd', url: `${endpoint.url}/{{argument}}` };
  const tools = {
    calculator: { kind: 'calculator' },
    echo: { kind: 'mcp', tag: 'echo', tool: 'echo', server },
    moon: { kind: 'mcp', tag: 'moon', tool: 'moon', server },
    gone: { kind: 'mcp', tag: 'gone', tool: 'echo', server: { command: '/nowhere' } },
    web: { ...web, tag: 'web', check: 'ok' },
    lost: { ...web, tag: 'lost', check: 'lost' },
    unasked: { ...web, tag: 'unasked' },
  };
  const topology = resolveTopology({ tools, tasks: { all: { tools: Object.keys(tools) } } }, '/');
  const checks = [];
  for await (const check of checkTools(topology, { env: {}, now: () => 0, signal })) checks.push(check);
  await endpoint.close();
  expect(checks.map(({ name, ok, found }) => [name, ok, found.slice(0, 80)])).toEqual([
    ['tools.echo', true, 'answers; is called as <echo>some text</echo>'],
    ['tools.moon', false, 'tools.moon.tool: the server offers no tool "moon"; it offers: echo, die, hang, h'],
    ['tools.gone', false, 'tools.gone.server.command: "/nowhere" is not there, or its folder / is not'],
    ['tools.web', true, 'answers; is called as <web>some text</web>'],
    ['tools.lost', false, 'tools.lost.check: "lost": Refused: the endpoint answered with status 404: {}'],
    ['tools.unasked', true, 'not asked, as it has no `check`; is called as <unasked>some text</unasked>'],
  ]);
});
