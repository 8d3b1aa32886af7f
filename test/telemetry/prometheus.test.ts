/**
 * Prometheus itself (the distribution's package) scrapes a run of the laboratory, finds every metric, and has an
 * answer to every query of the Grafana board.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../scripts/kafka/broker.js';
import { ensurePrometheus, prometheusProgram } from '../../scripts/monitor/programs.js';
import { labFlow, labFlowConfig } from '../../src/cli/lab-flow.ts';
import { openRun } from '../../src/open-run.ts';
import { runFolder, writeResolved } from '../../src/topology/resolved.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { type SwirlProcess, type Workplace, workplace } from '../end-to-end/swirl-process.ts';
import { until } from '../patience.ts';
import { board } from './board.ts';
import { readExposition } from './exposition.ts';

ensurePrometheus((line) => process.stderr.write(`${line}\n`));
const [prometheus, promtool] = [prometheusProgram('prometheus'), prometheusProgram('promtool')];
const why = prometheus.why ?? promtool.why;
const given = why === null ? describe : describe.skip;
const composed = fileURLToPath(new URL('../../docker/prometheus.yaml', import.meta.url));

/** What the run here, which asks no endpoint, tells nothing of. */
const OF_ENDPOINTS = /^swirl_(requests|request_failures|kept_answers|endpoint_tokens|spent_money)_total$/;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

given(why === null ? 'Prometheus' : `Prometheus (skipped: ${why})`, () => {
  let place: Workplace;
  let run: SwirlProcess;
  let server: ChildProcess;
  let url: string;
  let metricsUrl: string;
  let topology: Topology;
  let said = '';
  /** When it had seen both parts of the run: what is asked is asked of that moment, however late it is. */
  let seen = '';

  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}/api/v1/${path}`);
    const { data, error } = (await response.json()) as { readonly data: T; readonly error?: string };
    if (error !== undefined) throw new Error(`${path}: ${error}`);
    return data;
  };
  const query = async (expr: string) =>
    (await ask<{ readonly result: readonly Series[] }>(`query?query=${encodeURIComponent(expr)}${seen}`))
      .result;
  const total = async (expr: string) => Number((await query(`sum(${expr})`))[0]?.value[1] ?? 0);
  const details = () => `${run.said().slice(-2000)}\n${said.slice(-2000)}`;

  beforeAll(async () => {
    place = workplace();
    const flow = await labFlow(labFlowConfig.parse({ questions: 12, heldOut: 1, epochs: 1 }), {
      ...{ run: 'scraped', folder: place.path('runs') },
    });
    const { train, ...stages } = flow.topology.stages;
    topology = {
      ...flow.topology,
      alarms: [{ when: 'share.GOOD >= 0', over: 1, do: 'warn' }],
      stages: {
        ...stages,
        ...(train && { train: { ...train, batch: { ...train.batch, subTrajectories: 4 } } }),
      },
    };
    writeResolved(topology);
    const feed = async (from: number, to: number) => {
      const opened = await openRun(topology);
      await opened.feed('questions', flow.questions.slice(from, to));
      await opened.close();
    };
    run = place.start(['run', runFolder(topology), '--metrics', '0']);
    await until('the address of the metrics', () => /metrics: http\S+/.test(run.said()), {
      details: run.said,
    });
    metricsUrl = /metrics: (http\S+)/.exec(run.said())?.[1] ?? '';
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    // As docker/ has it, but for where the workers are, and more often.
    const config = readFileSync(composed, 'utf8')
      .replace(/dns_sd_configs:[\s\S]*/, `static_configs: [{ targets: ['${new URL(metricsUrl).host}'] }]\n`)
      .replace('scrape_interval: 10s', 'scrape_interval: 1s');
    server = spawn(prometheus.path as string, [
      `--config.file=${place.write('prometheus.yml', config)}`,
      `--storage.tsdb.path=${place.path('series')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    for (const stream of [server.stdout, server.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    const isUp = async () => (await total('up').catch(() => 0)) === 1;
    await until('Prometheus to scrape the run', isUp, { everyMs: 100, details });
    // In two parts: a rate is between two looks, and the second part comes after the first was seen.
    await feed(0, 8);
    const updates = async () => total('swirl_update_duration_seconds_count');
    await until('updates of the first questions', async () => (await updates()) > 0, {
      everyMs: 100,
      details,
    });
    await feed(8, flow.questions.length);
    const before = await updates();
    await until('updates of the others', async () => (await updates()) > before, { everyMs: 100, details });
    seen = `&time=${Date.now() / 1000}`;
  });

  afterAll(async () => {
    server?.kill('SIGKILL');
    await place?.remove();
  });

  test('scrapes every metric that the run tells, with its type and its help', async () => {
    const text = await (await fetch(metricsUrl)).text();
    const families = readExposition(text);
    const checked = spawnSync(promtool.path as string, ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
    const known =
      await ask<Record<string, readonly { readonly type: string; readonly help: string }[]>>('metadata');
    const names = await ask<readonly string[]>('label/__name__/values');
    for (const [name, { type, help, samples }] of families) {
      expect([name, known[name]?.[0]]).toEqual([name, expect.objectContaining({ type, help })]);
      // A run without retries tells of none but says so with 0.
      for (const sample of samples) expect(names).toContain(sample.name);
      if (!OF_ENDPOINTS.test(name)) expect([name, samples.length]).not.toEqual([name, 0]);
    }
    expect(await query('count(scrape_samples_scraped)')).toHaveLength(1);
    expect(await total('swirl_alarm_active')).toBe(1);
  });

  test.each(board.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)))(
    'has an answer for the panel %s: %s',
    async (_, expr) => {
      for (const name of ['scraped', '(scraped|another)']) {
        const asked = expr.replaceAll('$run', name);
        const numbers = (await query(asked)).map(({ value }) => Number(value[1]));
        expect([asked, numbers.filter(Number.isFinite).length]).not.toEqual([asked, 0]);
      }
    },
  );

  test("knows the values of the board's variables", async () => {
    for (const { query: asked } of board.templating.list) {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(asked.query) ?? [];
      expect(await ask(`label/${label}/values?match[]=${metric}`)).toEqual(['scraped']);
    }
  });

  test('takes the configuration of docker/', () => {
    const checked = spawnSync(promtool.path as string, ['check', 'config', composed], { encoding: 'utf8' });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
  });
});
