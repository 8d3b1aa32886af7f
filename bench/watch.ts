/**
 * What the page that shows a run costs: how long it takes to open on a run of a million records, and how much
 * slower a run is while it is looked at.
 *
 *   tsx bench/watch.ts [RECORDS] [PAIRS] [QUESTIONS]
 *
 * Opening: a log of that many records is made; a fresh server is asked for what the page asks for at first, the
 * answers are checked, then timed. Cost: runs of the demo's flow, in turn without the page, and with the page in a process
 * of its own, to whose events one listens: processor time of the run and of the page, and the clock.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labFlow, labFlowConfig } from '../src/cli/lab-flow.ts';
import { watchBeside } from '../src/cli/watch-beside.ts';
import { openRun } from '../src/open-run.ts';
import { createCodec } from '../src/topics/avro/codec.ts';
import { openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import type { Judged, Trajectory } from '../src/topics/records.generated.ts';
import { topicSpecs } from '../src/topology/flow.ts';
import { OpenRuns } from '../src/watch/open-runs.ts';
import { NO_NEWS } from '../src/watch/run-news.ts';
import { startWatchServer } from '../src/watch/server.ts';
import { trajectory } from '../test/records.ts';
import { judgedSteps } from '../test/watch/made-records.ts';
import { madeTopology, update } from '../test/watch/made-run.ts';

const records = Number(process.argv[2] ?? 1_000_000);
const pairs = Number(process.argv[3] ?? 5);
/** Of each task: how long a run takes. */
const questions = Number(process.argv[4] ?? 100);
/** Of a trajectory of three steps: itself, and a verdict on each. */
const EACH = 4;
const folder = mkdtempSync(join(tmpdir(), 'swirl-bench-watch-'));
// The page's process is started as the command is.
process.argv[1] = new URL('../bin/swirl.js', import.meta.url).pathname;

async function makeLog(): Promise<void> {
  const topology = madeTopology(folder, 'large');
  const { transport, run } = topology;
  if (transport.kind !== 'embedded') throw new Error('expected the embedded log');
  const log = await openEmbeddedLog({ folder, run, config: { ...transport, durable: false } });
  await log.ensureTopics(topicSpecs(topology));
  const codec = createCodec(transport);
  for (let i = 0; i < records / EACH; i += 1000) {
    const made = Array.from({ length: 1000 }, (_, j) => trajectory(`q${i + j}/0`, 2));
    const encoded = (topic: 'trajectories' | 'judged', key: string, record: Trajectory | Judged) => ({
      ...{ topic, key },
      value: codec.encode(topic, record as never),
    });
    const trajectories = made.map((one) => encoded('trajectories', one.id, one));
    const judged = made.flatMap((one) =>
      judgedSteps(one, ['GOOD', 'BAD', 'GOOD']).map((verdict) => encoded('judged', one.id, verdict)),
    );
    const updates = { topic: 'updates', key: 'large', value: codec.encode('updates', update(1 + i / 1000)) };
    await log.append([...trajectories, ...judged, updates]);
  }
  await log.close();
}

async function timeOpening(): Promise<void> {
  const topology = madeTopology(folder, 'large');
  const runs = new OpenRuns(topology, { notify: () => {}, env: {}, now: Date.now });
  const server = await startWatchServer({ runs, host: '127.0.0.1', port: 0, token: null, intervalMs: 1000 });
  const opening = performance.now();
  const watch = await runs.get('large');
  console.log(
    `  the log: ${(performance.now() - opening).toFixed(0)} ms (its pages are checked), before the address is printed`,
  );
  const before = process.memoryUsage().rss;
  for (const path of [
    '',
    'api/flow',
    'api/curves',
    'api/trajectories',
    'api/trajectories?label=BAD',
    'api/trajectory?place=0:5',
  ]) {
    const started = performance.now();
    const text = await (await fetch(`${server.url}${path}`)).text();
    const ms = performance.now() - started;
    const items = path.startsWith('api/trajectories') ? JSON.parse(text).items.length : null;
    if (items !== null && items !== 50) throw new Error(`expected 50 trajectories, found ${items}`);
    console.log(`  /${path}: ${ms.toFixed(0)} ms`);
  }
  const started = performance.now();
  while (!(await watch.advance(1000)));
  const seconds = (performance.now() - started) / 1000;
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  console.log(
    `  all keys known after ${seconds.toFixed(1)} s more; the process grew by ${grown.toFixed(0)} MiB`,
  );
  await server.close();
}

interface Spent {
  /** Seconds by the clock, and of processor time of the run and of the page. */
  readonly clock: number;
  readonly run: number;
  readonly page: number;
}

/** What the flow of the demo takes on a few questions. */
async function timeRun(name: string, isWatched: boolean): Promise<Spent> {
  const flow = await labFlow(labFlowConfig.parse({ questions, heldOut: 1 }), { run: name, folder });
  const run = await openRun(flow.topology);
  await run.feed('questions', flow.questions);
  const listening = new AbortController();
  let say = (_: string) => {};
  const told = new Promise<string>((resolve) => {
    say = resolve;
  });
  const beside = isWatched ? watchBeside(flow.topology, { say: (message) => say(message), port: 0 }) : null;
  if (beside !== null) {
    const url = (await told).replace('watch it: ', '');
    // What a browser asks for at first.
    for (const path of ['', 'api/about', 'api/curves']) await (await fetch(`${url}${path}`)).text();
    const events = await fetch(`${url}api/live`, { signal: listening.signal });
    void events.text().catch(() => {});
  }
  const { signal } = new AbortController();
  const begun = { clock: performance.now(), cpu: process.cpuUsage(), page: processorSeconds(beside?.pid) };
  const { finished, progress } = await run.start({ untilDrained: true, stop: signal, abort: signal });
  beside?.follow(async () => ({ ...NO_NEWS, stages: await progress() }));
  await finished;
  const { user, system } = process.cpuUsage(begun.cpu);
  const spent = {
    clock: (performance.now() - begun.clock) / 1000,
    run: (user + system) / 1e6,
    page: processorSeconds(beside?.pid) - begun.page,
  };
  listening.abort();
  await beside?.stop();
  await run.close();
  return spent;
}

/** Processor time of another process so far; NaN where the system has no /proc. */
function processorSeconds(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // In hundredths of a second: user and system, of its threads too.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
}

try {
  console.log(`opening on ${records} records:`);
  await makeLog();
  await timeOpening();
  const spent = { without: [] as Spent[], watched: [] as Spent[] };
  for (let i = 0; i < pairs; i++) {
    // In turn which one is first: what else the machine does comes and goes.
    const order = i % 2 === 0 ? (['without', 'watched'] as const) : (['watched', 'without'] as const);
    for (const which of order) spent[which].push(await timeRun(`${which}-${i}`, which === 'watched'));
  }
  const all = (which: keyof typeof spent, what: keyof Spent) => spent[which].map((one) => one[what]);
  const shown = (numbers: readonly number[]) => numbers.map((seconds) => seconds.toFixed(1)).join(' ');
  const more = (with_: number, without: number) => `${((100 * with_) / without - 100).toFixed(1)} %`;
  if (pairs > 0) {
    const [before, after] = [median(all('without', 'run')), median(all('watched', 'run'))];
    console.log(
      `processor time of the run without the page: ${shown(all('without', 'run'))} s (median ${before.toFixed(2)} s)`,
    );
    console.log(
      `  with it: ${shown(all('watched', 'run'))} s (median ${after.toFixed(2)} s): ${more(after, before)} more`,
    );
    const page = median(all('watched', 'page'));
    console.log(
      `  of the page's own process: ${page.toFixed(2)} s: ${((100 * page) / before).toFixed(1)} % of the run's`,
    );
    const clock = { without: median(all('without', 'clock')), watched: median(all('watched', 'clock')) };
    console.log(
      `by the clock: ${shown(all('without', 'clock'))} s without, ${shown(all('watched', 'clock'))} s with it: ${more(clock.watched, clock.without)} (medians)`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
