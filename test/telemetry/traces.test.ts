/** Traces as a collector of a few lines receives them: whole, in their order, and never in the way of the run. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import type { CommittedRecord } from '../../src/runtime/observer.ts';
import { headersIn, OtlpExporter } from '../../src/telemetry/otlp.ts';
import { TrajectorySpans } from '../../src/telemetry/trajectory-spans.ts';
import type { Turn } from '../../src/topics/records.generated.ts';
import { PATIENCE_MS, until } from '../patience.ts';
import { trajectory } from '../records.ts';
import { judgedSteps, scoredSteps } from '../watch/made-records.ts';

/** A span as OTLP's JSON has it. */
interface Received {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** How it answers: with a status; null: never. */
async function collector(status: number | null = 200, endMs = 60_000) {
  const spans: Received[] = [];
  const seen: { url?: string | undefined; key?: unknown } = {};
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      Object.assign(seen, { url: request.url, key: request.headers['x-key'] });
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceSpans: { scopeSpans: { spans: Received[] }[] }[];
      };
      for (const { scopeSpans } of body.resourceSpans) for (const one of scopeSpans) spans.push(...one.spans);
      if (status === null) return;
      response.statusCode = status;
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const told: string[] = [];
  const exporter = new OtlpExporter({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    headers: headersIn('x-key = a%20b , broken'),
    resource: { 'service.name': 'swirl' },
    version: '1',
    origin: 1_700_000_000_000,
    timeoutMs: PATIENCE_MS,
    endMs,
    notify: (line) => told.push(line),
  });
  return { spans, seen, told, exporter };
}

const whole = trajectory('q1/0', 1);
const [first] = whole.steps;
const turns: Turn[] = [0, 1].map((index) => ({
  ...{
    id: `q1/0/${index}`,
    trajectory: 'q1/0',
    question: whole.question,
    steps: whole.steps.slice(0, index),
  },
}));
const [begun, next] = turns as [Turn, Turn];
const call = { id: 'q1/0/0', turn: begun, action: first?.action };

/** What a run commits for one trajectory, a second apart. */
const committed = (
  [
    ['rollout', begun, 'tool-calls', call],
    ['tools', call, 'turns', next],
    ['rollout', next, 'trajectories', whole],
    ...judgedSteps(whole, ['GOOD', 'BAD']).map((one) => ['judge', one.subTrajectory, 'judged', one] as const),
    ...scoredSteps(whole, [1, 0]).map((one) => ['reward', one, 'scored', one] as const),
  ] as const
).map(
  ([stage, value, topic, output], i): CommittedRecord => ({
    ...{ stage, offset: i, value, startedMs: 1000 * i, finishedMs: 1000 * i + 500 },
    outputs: [{ topic, key: 'q1/0', value: output as never }],
  }),
);

const attribute = (span: Received | undefined, name: string) =>
  Object.values(span?.attributes.find(({ key }) => key === name)?.value ?? {})[0];

test('a trajectory is one trace: its spans below that of the whole, with the names of the conventions', async () => {
  const { spans, seen, exporter } = await collector();
  const made = new TrajectorySpans({ run: 'main', share: 1, content: null });
  for (const one of committed) exporter.add(made.of(one));
  await exporter.close();
  expect(seen).toEqual({ url: '/v1/traces', key: 'a b' });
  expect(spans.map(({ name }) => name)).toEqual([
    ...['chat test', 'execute_tool calculator', 'chat test', 'invoke_agent main'],
    ...['judge test', 'judge test', 'reward test', 'reward test'],
  ]);
  const root = spans.find(({ name }) => name.startsWith('invoke_agent')) as Received;
  for (const span of spans) {
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(span.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(span.traceId).toBe(root.traceId);
    expect(span.parentSpanId).toBe(span === root ? undefined : root.spanId);
    expect(attribute(span, 'gen_ai.conversation.id')).toBe('q1/0');
    // Nothing that was written goes along.
    expect(JSON.stringify(span)).not.toContain('math_exp');
  }
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  expect([root.startTimeUnixNano, root.endTimeUnixNano]).toEqual([
    '1700000000000000000',
    '1700000002500000000',
  ]);
  expect(spans.map((span) => attribute(span, 'gen_ai.operation.name'))).toEqual([
    ...['chat', 'execute_tool', 'chat', 'invoke_agent', undefined, undefined, undefined, undefined],
  ]);
  expect(attribute(spans[5], 'gen_ai.evaluation.score.label')).toBe('BAD');
  expect(spans[6]?.attributes).toContainEqual({
    key: 'gen_ai.evaluation.score.value',
    value: { doubleValue: 1 },
  });
  // Done again after a crash it is the same.
  const again = new TrajectorySpans({ run: 'main', share: 1, content: null });
  expect(again.of(committed[0] as CommittedRecord)[0]?.spanId).toBe(spans[0]?.spanId);
});

test('what failed says so, and texts go along where they may, made fit', () => {
  const made = new TrajectorySpans({
    run: 'main',
    share: 1,
    content: (text) => text.replaceAll('secret', '[redacted]'),
  });
  const failed = {
    topic: 'failures',
    key: '',
    value: { error: 'ModelError', message: 'no answer' } as never,
  };
  const [span] = made.of({ ...(committed[0] as CommittedRecord), outputs: [failed] });
  expect(span).toMatchObject({ name: 'chat', error: 'ModelError: no answer' });
  const action = { ...call.action, content: 'secret + 1' };
  const [tool] = made.of({ ...(committed[1] as CommittedRecord), value: { ...call, action } });
  expect(tool?.attributes['gen_ai.tool.call.arguments']).toBe('[redacted] + 1');
});

test('of a share each trajectory is traced whole or not at all, whoever asks', () => {
  const traced = (share: number) => {
    const made = new TrajectorySpans({ run: 'main', share, content: null });
    return Array.from({ length: 400 }, (_, i) => {
      const turn = { ...begun, id: `q${i}/0/0`, trajectory: `q${i}/0` };
      return made.of({ ...(committed[0] as CommittedRecord), value: turn }).length > 0;
    });
  };
  const [quarter, half] = [traced(0.25), traced(0.5)];
  const count = (all: readonly boolean[]) => all.filter((one) => one).length;
  expect(count(traced(0))).toBe(0);
  expect(count(traced(1))).toBe(400);
  // Five standard deviations of a fair draw.
  expect(Math.abs(count(quarter) - 100)).toBeLessThan(45);
  expect(quarter.every((one, i) => !one || half[i])).toBe(true);
});

test('a collector that refuses is told of once, and what it did not take is counted', async () => {
  const { told, exporter } = await collector(503);
  const made = new TrajectorySpans({ run: 'main', share: 1, content: null });
  for (let i = 0; i < 300; i++) for (const one of committed) exporter.add(made.of(one));
  await until('a word about the refusal', () => told.length > 0);
  await exporter.close();
  expect([exporter.sent, exporter.dropped]).toEqual([0, 2400]);
  expect(told).toEqual([
    expect.stringMatching(/does not take them: status 503/),
    'traces: 2400 of 2400 spans were not taken',
  ]);
});

test('a collector that never answers holds the end up as long as it may, and is told of once', async () => {
  const { told, exporter, spans } = await collector(null, 200);
  const made = new TrajectorySpans({ run: 'main', share: 1, content: null });
  for (let i = 0; i < 300; i++) for (const one of committed) exporter.add(made.of(one));
  // It has what was sent at once, and says nothing.
  await until('the first request', () => spans.length > 0);
  await exporter.close();
  expect([exporter.sent, exporter.dropped]).toEqual([0, 2400]);
  expect(told).toEqual([
    expect.stringMatching(/^traces: 2400 of 2400 spans were not taken: http:.*: no answer within 200 ms$/),
  ]);
});
