/**
 * Runs whose tools are somebody else's: a published MCP server and an HTTP endpoint in one task, killed and
 * gone on with.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type FaultServer, startFaultServer } from '../models/fault-server.ts';
import { until } from '../patience.ts';
import { type AnyServer, json, startAnyServer } from '../tools/http/any-server.ts';
import { everything } from '../tools/mcp/open-tool.ts';
import { recordsOf, watch } from './run-records.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

const faulty = fileURLToPath(new URL('../tools/mcp/faulty-server.js', import.meta.url));
const QUESTIONS = 12;

let place: Workplace;
let policy: FaultServer;
let endpoint: AnyServer;
beforeEach(async () => {
  place = workplace();
  // Adds by one tool, doubles by the other, and answers with what that showed.
  policy = await startFaultServer(({ body }) => {
    const told = body.messages.filter(({ role }) => role === 'user').map(({ content }) => content);
    const [a, b] = told[0]?.match(/\d+/g) ?? [];
    const shown = told.at(-1)?.match(/\d+/g)?.at(-1);
    if (told.length === 1) return `<sum>{"a": ${a}, "b": ${b}}</sum>`;
    return told.length === 2 ? `<double>${shown}</double>` : `<answer>${shown}</answer>`;
  });
  endpoint = await startAnyServer((response, { url }) => json(response, { twice: 2 * Number(url.slice(1)) }));
  const questions = Array.from({ length: QUESTIONS }, (_, i) =>
    JSON.stringify({
      id: `q${i}`,
      task: 'sums',
      question: `Twice ${i} plus 5?`,
      answer: String(2 * (i + 5)),
    }),
  );
  place.write('questions.jsonl', questions.join('\n'));
});
afterEach(async () => {
  await place.remove();
  await policy.close();
  await endpoint.close();
});

function topology(server: Record<string, unknown>, tool = 'get-sum'): Record<string, unknown> {
  return {
    folder: place.folder,
    policy: { kind: 'openai', baseUrl: policy.url, model: 'adder' },
    tasks: { sums: { tools: ['sum', 'double'], maxSteps: 4, examples: [] } },
    tools: {
      sum: { kind: 'mcp', tag: 'sum', tool, server: { backoffMs: 1, ...server } },
      double: {
        kind: 'http',
        tag: 'double',
        url: `${endpoint.url}/{{argument}}`,
        pointer: '/twice',
        description: 'Twice a number.',
      },
    },
    stages: { start: { rollouts: 1 }, rollout: { window: 2 }, tools: {}, decompose: {}, judge: {} },
  };
}

const published = { command: process.execPath, args: [everything, 'stdio'] };

async function feed(): Promise<void> {
  expect((await place.swirl(['feed', 'questions.jsonl', '-t', 'topology.yaml'])).code).toBe(0);
}

test('a run that is killed and gone on with has every answer once, and is told of both tools', async () => {
  place.write('topology.yaml', topology(published));
  await feed();
  const first = place.start(['run', 'topology.yaml', '--until-drained']);
  const log = await watch(place.folder, 'main');
  const fed = await log.size();
  await until('something of the flow', async () => (await log.size()) > fed + 8, { details: first.said });
  await log.close();
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await place.swirl(['run', 'topology.yaml', '--until-drained']);
  expect([second.code, second.stderr.includes('tools.')]).toEqual([0, false]);

  const trajectories = await recordsOf(place.folder, 'main', 'trajectories');
  const answers = new Map(trajectories.map(({ question, answer }) => [question.answer, answer]));
  expect(trajectories).toHaveLength(QUESTIONS);
  expect(answers).toEqual(
    new Map(Array.from({ length: QUESTIONS }, (_, i) => [String(2 * (i + 5)), String(2 * (i + 5))])),
  );
  const [{ steps }] = trajectories;
  expect(steps.map(({ observation }) => [observation?.tool, observation?.by?.export])).toEqual([
    ['sum', 'get-sum'],
    ['double', undefined],
    [undefined, undefined],
  ]);
  const [system] = policy.requests[0]?.body.messages ?? [];
  expect(system?.content).toContain('by writing <sum>{"a":1,"b":1}</sum>. Returns the sum of two numbers.');
  expect(system?.content).toContain('by writing <double>some text</double>. Twice a number.');
  const resolved = readFileSync(place.path('main', 'topology.resolved.yaml'), 'utf8').replaceAll(/\s+/g, ' ');
  expect(resolved).toContain('by writing <sum>{"a":1,"b":1}</sum>');
});

test('the example in the documentation runs, with its server from npm', async () => {
  const example = fileURLToPath(new URL('../../docs/examples/foreign-tools.yaml', import.meta.url));
  const temperature = await startAnyServer((response, { url }) =>
    json(response, {
      current: { temperature_2m: Number(new URL(url, 'http://x').searchParams.get('latitude')) },
    }),
  );
  const asker = await startFaultServer(({ body }) => {
    // Examples of Swirl's stand before the question.
    const asked = body.messages.findIndex(({ content }) => content.includes('Oslo?'));
    const shown = body.messages.slice(asked);
    const told = shown.filter(({ role }) => role === 'user').map(({ content }) => content);
    if (told.length === 1) return '<weather>{"latitude": 59.5, "longitude": 10}</weather>';
    return told.length === 2
      ? '<sum>{"a": 59.5, "b": 1}</sum>'
      : `<answer>${told.at(-1)?.split(' ').at(-1)}</answer>`;
  });
  try {
    const url = `${temperature.url}/v1?latitude={{argument.latitude}}&longitude={{argument.longitude}}`;
    const set = setting(`folder=${place.folder}`, `policy.baseUrl=${asker.url}`, `tools.weather.url=${url}`);
    place.write(
      'trip.jsonl',
      '{"id":"q","task":"trip","question":"One degree more than in Oslo?","answer":"60.5"}',
    );
    expect((await place.swirl(['lint', example, ...set])).stdout).toContain('fine');
    expect((await place.swirl(['feed', 'trip.jsonl', '-t', example, ...set])).code).toBe(0);
    const { code, stderr } = await place.swirl(['run', example, '--until-drained', ...set]);
    expect([code, stderr]).toEqual([0, stderr]);
    const trajectories = await recordsOf(place.folder, 'foreign-tools', 'trajectories');
    expect(trajectories.map(({ answer }) => answer)).toEqual(['60.5.', '60.5.']);
    expect(temperature.seen.map((seen) => seen.url)).toEqual(Array(2).fill('/v1?latitude=59.5&longitude=10'));
  } finally {
    await asker.close();
    await temperature.close();
  }
});

test('a server that ends at every call is told of, and then its calls are failures', async () => {
  const dying = { command: process.execPath, args: [faulty, 'serve', place.path('starts')], restarts: 1 };
  const parameters = { type: 'object' };
  const flow = topology(dying, 'die') as { tools: { sum: object } };
  place.write('topology.yaml', {
    ...flow,
    tools: { ...flow.tools, sum: { ...flow.tools.sum, parameters, concurrency: 1 } },
  });
  await feed();
  const { code, stderr } = await place.swirl(['run', 'topology.yaml', '--until-drained']);
  expect(code).toBe(3);
  expect(stderr).toContain('the end of its standard error: this is the faulty server a fault of mine');
  expect(stderr).toContain('given up after 1 restarts without an answer in between; calls are failures now');
  const failures = await recordsOf(place.folder, 'main', 'failures');
  expect(new Set(failures.map(({ stage, error }) => `${stage} ${error}`))).toEqual(
    new Set(['tools ToolError']),
  );
  const trajectories = await recordsOf(place.folder, 'main', 'trajectories');
  expect(trajectories.length + failures.length).toBe(QUESTIONS);
});

test.each<[string, () => [Record<string, unknown>, string?], string]>([
  [
    'a tool that is not offered',
    () => [published, 'get-moon'],
    'tools.sum.tool: the server offers no tool "get-moon"',
  ],
  [
    'a command that is not there',
    () => [{ command: 'no-such-server' }],
    'tools.sum.server.command: "no-such-server" is not there',
  ],
])('%s stops the run at its start', async (_, given, message) => {
  place.write('topology.yaml', topology(...given()));
  await feed();
  const { code, stderr } = await place.swirl(['run', 'topology.yaml', '--until-drained']);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(policy.requests).toEqual([]);
  expect(await recordsOf(place.folder, 'main', 'turns')).toEqual([]);
});

test('an interrupt while a server is being started ends the run, and the server', async () => {
  const mute = { command: process.execPath, args: [faulty, 'mute', place.path('starts')] };
  place.write('topology.yaml', topology(mute));
  await feed();
  const run = place.start(['run', 'topology.yaml', '--until-drained']);
  await until('the start of the server', () => existsSync(place.path('starts')), { details: run.said });
  run.child.kill('SIGINT');
  const { code, stdout, stderr } = await run.ended;
  expect([code, stderr]).toEqual([130, expect.not.stringMatching(/\n +at /)]);
  expect(stdout).toContain('run main: stopped');
});
