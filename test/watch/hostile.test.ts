/** Whatever models, tools, pages and data sets write stays text: in every field, in every view, in a real browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { ALARMS_FILE } from '../../src/monitor/kept-alarms.ts';
import { runFolder } from '../../src/topology/resolved.ts';
import { OpenRuns } from '../../src/watch/open-runs.ts';
import { reportOf } from '../../src/watch/report.ts';
import type { WatchServer } from '../../src/watch/server.ts';
import { trajectory } from '../records.ts';
import { browserProgram, NO_BROWSER, openPage, watchInBrowser } from './browser.ts';
import { failure, judgedSteps, scoredSteps } from './made-records.ts';
import { appendTo, madeTopology, update } from './made-run.ts';

const given = browserProgram === null ? describe.skip : describe;
const folder = mkdtempSync(join(tmpdir(), 'swirl-hostile-'));
const SECRET = 'sk-never-to-be-seen-0123456789';
const made = (run: string, model: string) =>
  madeTopology(folder, run, {
    policy: { kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1?key=hidden', model, apiKeyEnv: 'A_KEY' },
    learner: { checkpoint: 'nowhere' },
  });
let runs: OpenRuns;
let server: WatchServer;
let browser: Browser;
let close: () => Promise<void>;

const ATTACKS = [
  '<script>window.hacked = 1</script>',
  '<img src=x onerror="window.hacked = 2">',
  '<svg onload="window.hacked = 3"><script>window.hacked = 4</script></svg>',
  '</script><script>window.hacked = 5</script>',
  '"><iframe srcdoc="<script>parent.hacked = 6</script>">',
  "javascript:window.hacked=7//${alert(1)}{{constructor.constructor('window.hacked=8')()}}",
  '\u202etxet\u202c \u2066hidden\u2069 \u200bzero \ufeff \u0007\u0000\u001b[31m',
  `my key is ${SECRET}`,
].join('\n');
const WORD = 'W'.repeat(1_000_000);
const topology = made('made', `nobody${ATTACKS}`);
/** The name of a module or a prompt of somebody's. */
const by = { module: `${ATTACKS}.js`, export: ATTACKS, hash: ATTACKS, settings: ATTACKS };

/** The attacks in every text of a value, and at the end of some a word of a million letters. */
function poisoned<T>(value: T, keep: ReadonlySet<string>, path = ''): T {
  if (typeof value === 'string') return `${value}${ATTACKS}${path.endsWith('text') ? WORD : ''}` as T;
  if (Array.isArray(value)) return value.map((part) => poisoned(part, keep, path)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      keep.has(key) ? part : poisoned(part, keep, `${path}.${key}`),
    ]),
  ) as T;
}

/** What is an enum or a name that the log keeps its records by. */
const KEPT = new Set(['kind', 'label', 'end', 'status', 'trajectory', 'weightsHash', 'id']);

async function dangers(page: Page): Promise<unknown> {
  return page.evaluate(`({
    hacked: globalThis.hacked,
    foreign: [...document.querySelectorAll('main script, main iframe, main img, main object, main [onload], main [onerror], main foreignObject')].length,
    links: [...document.querySelectorAll('a')].map((a) => a.getAttribute('href')).filter((href) => !href.startsWith('#/')),
    marks: (document.documentElement.innerText.match(/[\\u202a-\\u202e\\u2066-\\u2069\\u200b\\ufeff]/g) ?? []).length,
    secret: document.documentElement.innerHTML.includes(${JSON.stringify(SECRET)}) ,
    fits: document.documentElement.scrollWidth <= document.documentElement.clientWidth,
  })`);
}

const HARMLESS = { hacked: undefined, foreign: 0, links: [], marks: 0, secret: false, fits: true };

given(browserProgram === null ? `hostile texts (skipped: ${NO_BROWSER})` : 'hostile texts', () => {
  beforeAll(async () => {
    const plain = trajectory('q1/0', 1);
    const told = poisoned(plain, KEPT);
    const withThinking = {
      ...told,
      steps: told.steps.map((step) => ({
        action: { ...step.action, reasoning: ATTACKS, tool: ATTACKS + WORD.slice(0, 50_000) },
        observation: step.observation && { ...step.observation, by },
      })),
    };
    // One word of a million letters is enough of a record: a step carries its context too.
    const short = poisoned(plain, new Set([...KEPT, 'text']));
    const votes = [{ label: 'GOOD' as const, rationale: ATTACKS }];
    await appendTo(topology, {
      trajectories: [withThinking],
      judged: judgedSteps(short, ['GOOD', 'BAD']).map((record) => ({
        ...record,
        verdict: { ...poisoned(record.verdict, KEPT), rationale: ATTACKS + WORD, votes, by },
      })),
      scored: scoredSteps(short, [1, 0]).map((record) => ({
        ...record,
        reward: { ...poisoned(record.reward, KEPT), rationale: ATTACKS + WORD, by },
      })),
      updates: [update(1, { toOffset: 2, steps: [{ id: ATTACKS, before: -1, after: null }], by })],
      failures: [failure(ATTACKS, ATTACKS + WORD, { stage: ATTACKS, error: ATTACKS, topic: ATTACKS })],
    });
    await appendTo(made('other', `somebody${ATTACKS}`), { updates: [update(1, { by })] });
    const alarm = { when: ATTACKS, saw: ATTACKS, over: 9, do: 'stop', times: 2, first: 1, last: 2 };
    writeFileSync(
      join(runFolder(topology), ALARMS_FILE),
      `${JSON.stringify({ process: ATTACKS.slice(0, 100), ...alarm })}\n`,
    );
    runs = new OpenRuns(topology, { notify: () => {}, env: { A_KEY: SECRET }, now: Date.now });
    ({ server, browser, close } = await watchInBrowser(runs));
  });

  afterAll(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  test.each(['flow', 'curves', 'trajectories', 'failures', 'trajectory?place=0:0', 'compare?with=other'])(
    'in the view %s',
    async (view) => {
      const { page, problems, requests } = await openPage(browser);
      await page.goto(`${server.url}#/${view}`);
      await page.locator('main > *').first().waitFor();
      await page.waitForLoadState('networkidle');
      const closed = page.locator('details:not([open]) > summary');
      while ((await closed.count()) > 0) await closed.first().click();
      expect(await dangers(page)).toEqual(HARMLESS);
      expect(problems).toEqual([]);
      expect(requests.filter((url) => !url.startsWith(server.url) && !url.startsWith('data:'))).toEqual([]);
      await page.close();
    },
  );

  test('an alarm of a file that anybody may have written is text too', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${server.url}#/flow`);
    const alarm = await page.getByRole('alert').textContent();
    expect(alarm).toContain('<script>window.hacked = 1</script>');
    expect(alarm).toContain('2 times');
    await page.close();
  });

  test('what was written can be read, and what is missing is said', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${server.url}#/trajectory?place=0:0`);
    await page.getByText('Learned from in').first().waitFor();
    const text = await page.locator('article').textContent();
    expect(text).toContain('<script>window.hacked = 1</script>');
    expect(text).toContain('my key is [redacted]');
    expect(text).toMatch(/only the beginning of 1,000,\d{3} characters/);
    await page.close();
  });

  test('in searches and places of the address', async () => {
    const { page, problems } = await openPage(browser);
    for (const query of ['trajectories?search=', 'trajectory?id=', 'compare?with=']) {
      await page.goto(`${server.url}#/${query}${encodeURIComponent(ATTACKS.slice(0, 150))}`);
      await page.locator('main > *').first().waitFor();
      await page.waitForLoadState('networkidle');
      expect(await dangers(page)).toEqual(HARMLESS);
    }
    // The server says that there is no such thing, and the browser that it said so.
    expect(problems.filter((problem) => !problem.includes('404'))).toEqual([]);
    await page.close();
  });

  test('settings are shown without what may be secret', async () => {
    const about = JSON.stringify((await runs.get('made')).about());
    expect(about).toContain('A_KEY');
    for (const secret of [SECRET, 'hidden']) expect(about).not.toContain(secret);
  });

  test('in a report', async () => {
    const { html } = await reportOf(await runs.get('made'), { trajectories: 5, time: 0 });
    expect(html).not.toContain(SECRET);
    expect(html).not.toContain('<script>window.hacked');
    const file = join(folder, 'report.html');
    writeFileSync(file, html);
    const { page, problems } = await openPage(browser);
    for (const view of ['flow', 'trajectories', 'failures', 'trajectory?place=0:0']) {
      await page.goto(`${pathToFileURL(file).href}#/${view}`);
      await page.locator('main > *').first().waitFor();
      expect(await dangers(page)).toEqual(HARMLESS);
    }
    expect(problems).toEqual([]);
    await page.close();
  });
});
