/**
 * Pictures of every view of the page, for docs/images, and a small report for docs/: of a run of the demo.
 *
 *   npm run demo && npm run draw-watch -- runs/demo-1
 */
import { writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { ConfigError } from '../src/errors.ts';
import { keptTopology } from '../src/topology/kept.ts';
import { OpenRuns } from '../src/watch/open-runs.ts';
import { reportOf } from '../src/watch/report.ts';
import { startWatchServer } from '../src/watch/server.ts';
import { findBrowser } from './setup/browser.js';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
/** Trajectories of the report in docs/. */
const REPORTED = 12;

interface Picture {
  readonly name: string;
  readonly view: string;
  readonly width: number;
  readonly height: number;
  readonly colorScheme?: 'dark';
  /** What is pointed at before. */
  readonly hover?: string;
}

const WIDE = { width: 1200, height: 720 };
const PICTURES: readonly Picture[] = [
  { name: 'watch-flow', view: 'flow', ...WIDE },
  { name: 'watch-curves', view: 'curves', ...WIDE, hover: '[data-curve="loss"] .u-over' },
  { name: 'watch-trajectories', view: 'trajectories', ...WIDE },
  { name: 'watch-trajectory', view: 'trajectory', ...WIDE, height: 900 },
  { name: 'watch-failures', view: 'failures', ...WIDE, height: 300 },
  { name: 'watch-compare', view: 'compare', ...WIDE },
  { name: 'watch-phone', view: 'trajectories', width: 390, height: 720, colorScheme: 'dark' },
];

const [folder] = process.argv.slice(2);
const program = findBrowser();
if (folder === undefined || program === null)
  throw new ConfigError('expected the folder of a run, and a Chromium');
const topology = keptTopology(resolve(dirname(folder)), basename(folder));
const runs = new OpenRuns(topology, { notify: console.error, env: {}, now: Date.now });
const server = await startWatchServer({ runs, host: '127.0.0.1', port: 0, token: null, intervalMs: 1000 });
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
const watch = await runs.get(topology.run);
const { html } = await reportOf(watch, { trajectories: REPORTED, time: Date.now() });
writeFileSync(join(docs, 'demo-report.html'), html);
const page = { limit: 200, budgetMs: 60_000 };
const { items } = await watch.trajectories({ accepted: false, label: 'BAD' }, null, page);
const telling = items.find(({ steps, labels }) => steps >= 3 && labels.includes('GOOD')) ?? items[0];
const other = runs.names().find((name) => name !== topology.run && !name.includes('greedy')) ?? '';
for (const { name, view, width, height, colorScheme = 'light', hover } of PICTURES) {
  const tab = await browser.newPage({ colorScheme, viewport: { width, height } });
  const query =
    view === 'trajectory' ? `?place=${telling?.place}` : view === 'compare' ? `?with=${other}` : '';
  await tab.goto(`${server.url}#/${view}${query}`);
  await tab.locator('main > *').first().waitFor();
  await tab.waitForLoadState('networkidle');
  if (view === 'compare' || view === 'curves') await tab.locator('[data-curve="dropped"] canvas').waitFor();
  if (hover !== undefined) await tab.locator(hover).hover();
  await tab.screenshot({ path: join(docs, 'images', `${name}.png`) });
  await tab.close();
}
await browser.close();
await server.close();
