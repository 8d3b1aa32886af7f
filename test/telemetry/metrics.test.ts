/** What Prometheus is told: read by a strict reader of its own, over HTTP, while a run goes on and afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openTelemetry } from '../../src/cli/telemetry.ts';
import { type OpenRun, openRun } from '../../src/open-run.ts';
import { startMetricsServer } from '../../src/telemetry/metrics-server.ts';
import { RunMetrics } from '../../src/telemetry/run-metrics.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { trajectory, update } from '../records.ts';
import { boardText } from './board.ts';
import { type Family, readExposition } from './exposition.ts';

let folder: string;
let run: OpenRun | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-metrics-'));
});
afterEach(async () => {
  await run?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Prometheus' conventions: https://prometheus.io/docs/practices/naming/ */
function expectConventional(families: ReadonlyMap<string, Family>): void {
  for (const [name, { type, help, samples }] of families) {
    expect(name).toMatch(/^(swirl|process)_[a-z_]+$/);
    expect(help).toMatch(/\.$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    const series = samples.map((sample) => JSON.stringify([sample.name, sample.labels]));
    expect(new Set(series).size).toBe(series.length);
    if (type === 'histogram') expectHistogram(name, samples);
  }
}

/** Buckets that grow with their bounds, of which the last is all. */
function expectHistogram(name: string, samples: Family['samples']): void {
  const seriesOf = (labels: Readonly<Record<string, string>>) => JSON.stringify({ ...labels, le: undefined });
  for (const { labels, value } of samples.filter((sample) => sample.name === `${name}_count`)) {
    const buckets = samples.filter(
      (sample) => sample.name === `${name}_bucket` && seriesOf(sample.labels) === seriesOf(labels),
    );
    const bounds = buckets.map((bucket) => Number(bucket.labels.le?.replace('Inf', 'Infinity')));
    const counts = buckets.map((bucket) => bucket.value);
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
    expect(counts.at(-1)).toBe(value);
  }
}

const figure = (families: ReadonlyMap<string, Family>, name: string, labels: object = {}) => {
  const family = [...families].find(([one]) => name === one || name.startsWith(`${one}_`))?.[1];
  return family?.samples.find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
};

test('a run can be scraped while it is at work, and its figures are what its topics hold', async () => {
  const topology = resolveTopology(
    {
      run: 'scraped',
      fed: ['trajectories'],
      tasks: { math: { tools: ['calculator'], instructions: '' } },
      tools: { calculator: { kind: 'calculator' } },
      stages: { decompose: {}, judge: {}, filter: { mode: 'none' }, reward: {} },
      reward: { kind: 'constant', value: 1 },
      metrics: { port: 0 },
      alarms: [{ when: 'share.GOOD >= 0', over: 1 }],
    },
    folder,
  );
  const said: string[] = [];
  const telemetry = await openTelemetry(topology, { say: (line) => said.push(line) });
  const url = /^metrics: (http:\/\/127\.0\.0\.1:\d+)\/metrics$/.exec(said[0] ?? '')?.[1] ?? '';
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`${url}${path}`, { method });
    return {
      status: response.status,
      text: await response.text(),
      type: response.headers.get('content-type'),
    };
  };
  try {
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    expect(await ask('/readyz')).toMatchObject({ status: 503, text: 'opening the run\n' });
    run = await openRun(topology);
    const trajectories = Array.from({ length: 40 }, (_, i) => trajectory(`q${i}/0`, i % 3));
    const steps = trajectories.reduce((sum, one) => sum + one.steps.length, 0);
    await run.feed('trajectories', trajectories);
    const { signal } = new AbortController();
    const started = await run.start({
      ...{ untilDrained: true, stop: signal, abort: signal, observer: telemetry.observer },
    });
    telemetry.follow(started);
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
    expect(await started.finished).toBe('drained');
    const { text, type } = await ask('/metrics');
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = readExposition(text);
    expectConventional(families);
    const count = async (topic: string) => (await arrayOf((run as OpenRun).read(topic))).length;
    const judged = await arrayOf(run.read('judged'));
    expect(judged.length).toBe(steps);
    for (const [stage, topic] of [
      ['decompose', 'sub-trajectories'],
      ['judge', 'judged'],
      ['filter', 'accepted'],
      ['reward', 'scored'],
    ] as const) {
      const of = { run: 'scraped', stage };
      expect(figure(families, 'swirl_records_written_total', { ...of, topic })).toBe(await count(topic));
      expect(figure(families, 'swirl_stage_lag_records', of)).toBe(0);
      expect(figure(families, 'swirl_failures_total', of)).toBe(0);
      const records = figure(families, 'swirl_stage_records_total', of);
      expect(records).toBe(stage === 'decompose' ? 40 : steps);
      expect(figure(families, 'swirl_stage_duration_seconds_count', of)).toBe(records);
    }
    for (const label of ['GOOD', 'BAD', 'UNKNOWN']) {
      const labelled = judged.filter(({ verdict }) => verdict.label === label).length;
      expect(figure(families, 'swirl_verdicts_total', { label })).toBe(labelled);
    }
    expect(figure(families, 'swirl_alarm_active', { when: 'share.GOOD >= 0' })).toBe(1);
    telemetry.ended();
    expect(await ask('/readyz')).toMatchObject({ status: 503, text: 'the run has ended\n' });
    expect(await ask('/etc/passwd')).toMatchObject({ status: 404 });
    expect(await ask('/metrics', 'POST')).toMatchObject({ status: 405 });
    const port = Number(new URL(url).port);
    await expect(openTelemetry(topology, { port, say: () => {} })).rejects.toThrow('Name another port');
  } finally {
    await telemetry.close();
  }
});

const NOTHING = { stages: [], alarms: [], spending: null };

describe('figures', () => {
  test('of updates are the sums and the last, and labels may hold anything', () => {
    const name = 'a "quoted"\\ back\nslash \u{1f300}';
    const metrics = new RunMetrics({ run: name, version: '1' });
    for (let step = 1; step <= 5; step++) {
      metrics.onUpdate(update({ step, rowTokens: 10, loss: -step, gradNorm: step === 3 ? 0 : 1, kl: 1e-9 }));
      const since = { records: 8 * step, updates: step, ms: 2000 * step };
      const at = { step, epoch: 1, epochs: 2, taken: 8 * step, records: null, uncommitted: 0 };
      metrics.onTraining({ ...at, since });
    }
    metrics.onEmptyBatch();
    const families = readExposition(metrics.text(NOTHING));
    expectConventional(families);
    const of = { run: name };
    expect(figure(families, 'swirl_updates_total', of)).toBe(5);
    expect(figure(families, 'swirl_trained_tokens_total', of)).toBe(50);
    expect(figure(families, 'swirl_empty_batches_total', of)).toBe(2);
    expect(figure(families, 'swirl_update_loss', of)).toBe(-5);
    expect(figure(families, 'swirl_update_kl_mean', of)).toBe(1e-9);
    expect(figure(families, 'swirl_update_duration_seconds_sum', of)).toBe(10);
    expect(figure(families, 'swirl_update_duration_seconds_bucket', { ...of, le: '2.5' })).toBe(5);
    expect(figure(families, 'swirl_update_duration_seconds_bucket', { ...of, le: '1' })).toBe(0);
  });

  test('a stage of which there are too many is counted with the others', () => {
    const metrics = new RunMetrics({ run: 'many', version: '1' });
    const error = new Error('no');
    for (let i = 0; i < 1500; i++)
      metrics.onRetry({ stage: `s${i}`, attempt: 1, attempts: 2, waitMs: 1, error });
    const { samples = [] } = readExposition(metrics.text(NOTHING)).get('swirl_retries_total') ?? {};
    expect(samples.length).toBeLessThanOrEqual(1001);
    expect(samples.reduce((sum, { value }) => sum + value, 0)).toBe(1500);
  });

  test('every figure of the board is one that a run has', () => {
    const names = new Set([...boardText.matchAll(/\b(?:swirl|process)_[a-z_]+/g)].map(([name]) => name));
    const text = new RunMetrics({ run: 'x', version: '1' }).text(NOTHING);
    const known = [...readExposition(text)].flatMap(([name, { type }]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => `${name}${suffix}`) : [name],
    );
    expect(names.size).toBeGreaterThan(10);
    for (const name of names) expect(known).toContain(name);
  });
});

test('a server that cannot tell says so, and goes on', async () => {
  const server = await startMetricsServer({
    ...{ host: '127.0.0.1', port: 0, notReady: () => null },
    metrics: () => Promise.reject(new Error('the log is closed')),
  });
  const response = await fetch(server.url);
  expect([response.status, await response.text()]).toEqual([500, 'the log is closed\n']);
  expect((await fetch(server.url.replace('/metrics', '/readyz'))).status).toBe(200);
  await server.close();
});
