/**
 * What a run sends to a collector, read by OpenTelemetry's own message definitions (PyPI, in an environment of its
 * own), beside what the run's topics hold.
 */
import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensurePython, pythonFor } from '../../scripts/monitor/programs.js';
import { labFlow, labFlowConfig } from '../../src/cli/lab-flow.ts';
import { openRun } from '../../src/open-run.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import type { Judged, Scored, Trajectory } from '../../src/topics/records.generated.ts';
import { runFolder, writeResolved } from '../../src/topology/resolved.ts';
import { type Workplace, workplace } from '../end-to-end/swirl-process.ts';

ensurePython('otlp', (line) => process.stderr.write(`${line}\n`));
const { path: python, why } = pythonFor('otlp');
const given = why === null ? describe : describe.skip;
const script = fileURLToPath(new URL('read-spans.py', import.meta.url));

/** A span as the definitions understand it. */
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly start: number;
  readonly end: number;
  readonly status: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly service: Readonly<Record<string, string>>;
}

given(why === null ? 'a collector' : `a collector (skipped: ${why})`, () => {
  let place: Workplace;
  let server: Server;
  let spans: Span[];
  let trajectories: Trajectory[];
  let judged: Judged[];
  let scored: Scored[];

  beforeAll(async () => {
    place = workplace();
    const bodies: string[] = [];
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(Buffer.concat(chunks).toString());
        response.setHeader('content-type', 'application/json').end('{"partialSuccess":{}}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const flow = await labFlow(labFlowConfig.parse({ questions: 3, heldOut: 1, epochs: 1 }), {
      ...{ run: 'traced', folder: place.path('runs') },
    });
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const traces = { ...flow.topology.traces, endpoint, content: true, endMs: 600_000, timeoutMs: 600_000 };
    const topology = { ...flow.topology, traces };
    writeResolved(topology);
    const run = await openRun(topology);
    await run.feed('questions', flow.questions);
    const { code, stderr } = await place.swirl(['run', runFolder(topology), '--until-drained']);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    trajectories = await arrayOf(run.read('trajectories'));
    judged = await arrayOf(run.read('judged'));
    scored = await arrayOf(run.read('scored'));
    await run.close();
    spans = bodies.flatMap((input) => {
      const read = spawnSync(python as string, [script], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
      expect([read.status, read.status === 0 ? '' : read.stderr]).toEqual([0, '']);
      return JSON.parse(read.stdout) as Span[];
    });
  });

  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await place?.remove();
  });

  const named = (operation: string) =>
    spans.filter(({ attributes }) => attributes['gen_ai.operation.name'] === operation);

  test('receives a chat for each action, a tool call for each call, a verdict and a reward for each that was given', () => {
    const steps = trajectories.flatMap(({ steps: all }) => all);
    expect(steps.length).toBeGreaterThan(trajectories.length);
    expect(named('invoke_agent')).toHaveLength(trajectories.length);
    expect(named('chat')).toHaveLength(steps.length);
    const calls = steps.filter(({ action }) => action.kind === 'TOOL_CALL');
    expect(named('execute_tool').length).toBeGreaterThanOrEqual(calls.length);
    const evaluated = (name: string) =>
      spans.filter(({ attributes }) => attributes['gen_ai.evaluation.name'] === name);
    expect(evaluated('process')).toHaveLength(judged.length);
    expect(evaluated('reward')).toHaveLength(scored.length);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  });

  test('each trajectory is one trace, whose spans are below the whole and within its time as far as it is one', () => {
    const roots = new Map(
      named('invoke_agent').map((root) => [root.attributes['gen_ai.conversation.id'], root]),
    );
    for (const { id, steps, end } of trajectories) {
      const root = roots.get(id);
      expect(root).toMatchObject({
        parentSpanId: '',
        name: 'invoke_agent traced',
        status: 0,
        attributes: { 'swirl.trajectory.end': end, 'swirl.trajectory.steps': steps.length },
        service: { 'service.name': 'swirl', 'swirl.run': 'traced' },
      });
      const own = spans.filter(({ traceId }) => traceId === root?.traceId);
      for (const span of own) {
        expect(span.parentSpanId).toBe(span === root ? '' : root?.spanId);
        expect(span.end).toBeGreaterThanOrEqual(span.start);
        if (!span.name.startsWith('chat') && !span.name.startsWith('execute_tool')) continue;
        expect(span.start).toBeGreaterThanOrEqual(root?.start ?? Number.POSITIVE_INFINITY);
        expect(span.end).toBeLessThanOrEqual(root?.end ?? 0);
      }
      const chats = own.filter(({ name }) => name.startsWith('chat'));
      expect(chats.map(({ attributes }) => attributes['swirl.step.id']).sort()).toEqual(
        steps.map((_, i) => `${id}/${i}`).sort(),
      );
      for (const [i, { action }] of steps.entries()) {
        const chat = chats.find(({ attributes }) => attributes['swirl.step.id'] === `${id}/${i}`);
        // 3: a client's.
        expect(chat).toMatchObject({ kind: 3, name: `chat ${action.policy}` });
        expect(chat?.attributes).toMatchObject({
          'gen_ai.request.model': action.policy,
          'gen_ai.usage.output_tokens': action.tokens?.length,
          'gen_ai.request.temperature': 1,
          'swirl.action.kind': action.kind,
        });
        const [message] = JSON.parse(String(chat?.attributes['gen_ai.output.messages'])) as {
          role: string;
          parts: { type: string; content: string }[];
        }[];
        expect(message).toEqual({ role: 'assistant', parts: [{ type: 'text', content: action.text }] });
      }
    }
  });
});
