/** The page in a real browser: it follows a run, opens trajectories, filters, and answers to keys. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { OpenRuns } from '../../src/watch/open-runs.ts';
import { reportOf } from '../../src/watch/report.ts';
import type { WatchServer } from '../../src/watch/server.ts';
import { trajectory } from '../records.ts';
import { browserProgram, NO_BROWSER, openPage, watchInBrowser } from './browser.ts';
import { failure, judgedSteps, scoredSteps } from './made-records.ts';
import { appendTo, madeTopology, update } from './made-run.ts';

const given = browserProgram === null ? describe.skip : describe;
const folder = mkdtempSync(join(tmpdir(), 'swirl-page-'));
const topology = madeTopology(folder, 'made');
let runs: OpenRuns;
let server: WatchServer;
let browser: Browser;
let close: () => Promise<void>;

const VIEWS = ['flow', 'curves', 'trajectories', 'failures', 'compare?with=other', 'trajectory?place=0:0'];

given(browserProgram === null ? `the page (skipped: ${NO_BROWSER})` : 'the page', () => {
  beforeAll(async () => {
    const [first, second, third] = [trajectory('q1/0', 1), trajectory('q2/0', 0), trajectory('q3/0', 2)];
    const wrong = { ...second, answer: '6', question: { ...second.question, text: 'Where is the zebra?' } };
    await appendTo(topology, {
      questions: [first.question],
      trajectories: [first, wrong, third],
      judged: [...judgedSteps(first, ['GOOD', 'GOOD']), ...judgedSteps(wrong, ['BAD'])],
      scored: scoredSteps(first, [1, 0.5]),
      updates: [
        update(1, { toOffset: 2, steps: [{ id: 'q1/0/1', before: -0.75, after: -0.5 }] }),
        update(2, { epoch: 1, toOffset: 2, meanReward: 0.75 }),
      ],
      failures: [failure('q4/0/0', 'expected 200, found 503'), failure('q5/0/0', 'expected 200, found 502')],
    });
    await appendTo(madeTopology(folder, 'other', { seed: 99 }), {
      updates: [update(1), update(2), update(3)],
    });
    const { train: _, ...stages } = topology.stages;
    await appendTo(madeTopology(folder, 'untrained', { stages }), { questions: [] });
    runs = new OpenRuns(topology, { notify: () => {}, env: {}, now: Date.now });
    ({ server, browser, close } = await watchInBrowser(runs));
  });

  afterAll(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  test('counts up as records are appended, with nothing pressed', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(server.url);
    const count = page.locator('[data-topic="questions"]');
    await count.filter({ hasText: /^1$/ }).waitFor();
    const questions = [1, 2, 3].map((i) => ({ ...trajectory(`n${i}/0`, 0).question }));
    await appendTo(topology, { questions });
    await count.filter({ hasText: /^4$/ }).waitFor();
    await page.getByRole('status').filter({ hasText: 'running' }).waitFor();
    expect(problems).toEqual([]);
    await page.close();
  });

  test('a trajectory opens whole, and the keys lead there and back', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(server.url);
    await page.getByText('trajectories', { exact: true }).first().waitFor();
    await page.keyboard.press('3');
    await page.getByText('3 shown').waitFor();
    // Newest first: q3, q2, q1.
    for (const key of ['j', 'j', 'j', 'Enter']) await page.keyboard.press(key);
    await page.getByRole('heading', { name: 'q1/0' }).waitFor();
    const text = await page.locator('article').textContent();
    expect(text).toContain('What is 2 plus 3?');
    expect(text).toContain('<math_exp>0+1</math_exp>');
    expect(text).toContain('Learned from in update 1 (epoch 1), update 2 (epoch 2).');
    expect(text).toMatch(/logprob per token: -0\.\d+ → -0\.500 (▲ likelier|▼ less likely)/);
    expect(text).toContain('why GOOD 1');
    expect(text).toContain('reward 0.5');
    expect(text).toContain('✓ right');
    await page.keyboard.press('k');
    await page.getByRole('heading', { name: 'q2/0' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('3 shown').waitFor();
    expect(problems).toEqual([]);
    await page.close();
  });

  test('search and filters narrow the list, and the address keeps them', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${server.url}#/trajectories`);
    await page.getByText('3 shown').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('zebra');
    await page.getByText('1 shown').waitFor();
    expect(await page.locator('.rows li').allTextContents()).toEqual([expect.stringContaining('q2/0')]);
    expect(page.url()).toContain('search=zebra');
    await page.getByRole('searchbox').fill('');
    await page.getByText('3 shown').waitFor();
    await page.getByLabel('a step is').selectOption('GOOD');
    await page.getByText('1 shown').waitFor();
    expect(await page.locator('.rows li').allTextContents()).toEqual([expect.stringContaining('q1/0')]);
    await page.reload();
    await page.getByText('1 shown').waitFor();
    await page.close();
  });

  test('failures are one group for one cause; curves and comparison show both runs', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(`${server.url}#/failures`);
    await page.getByText('expected #, found #').waitFor();
    expect(await page.locator('details').count()).toBe(1);
    await page.goto(`${server.url}#/curves`);
    const reward = page.locator('[data-curve="meanReward"]');
    await reward.locator('canvas').waitFor();
    expect(await reward.locator('figcaption').textContent()).toContain('0.750');
    // Under the pointer at the left: the first update.
    await reward.locator('.u-over').hover({ position: { x: 1, y: 20 } });
    await reward.getByText('0.500').waitFor();
    await page.goto(`${server.url}#/compare?with=other`);
    await page.getByRole('cell', { name: '99' }).waitFor();
    await page.locator('[data-curve="meanReward"] canvas').waitFor();
    expect(problems).toEqual([]);
    await page.close();
  });

  test('settings that only one run has are one row; a trajectory opened by itself leads to those beside it', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(`${server.url}#/compare?with=untrained`);
    await page.getByRole('rowheader', { name: 'stages.train', exact: true }).waitFor();
    // Of three answers, 5, 6 and 5, two are right; the other run has none.
    const answers = page.locator('table', { hasText: 'Right answers' });
    expect(await answers.locator('tbody tr').allTextContents()).toEqual(['math66.7 % of 3–']);
    const rows = await page.locator('tr', { hasText: 'stages.train' }).allTextContents();
    expect(rows).toEqual(['stages.trainthere–']);
    await page.goto(`${server.url}#/trajectory?place=0:1`);
    await page.getByRole('heading', { name: 'q2/0' }).waitFor();
    await page.keyboard.press('k');
    await page.getByRole('heading', { name: 'q3/0' }).waitFor();
    expect(await page.getByRole('button', { name: 'previous' }).isDisabled()).toBe(true);
    for (const [key, name] of [
      ['j', 'q2/0'],
      ['j', 'q1/0'],
    ] as const) {
      await page.keyboard.press(key);
      await page.getByRole('heading', { name }).waitFor();
    }
    expect(await page.getByRole('button', { name: 'next' }).isDisabled()).toBe(true);
    expect(problems).toEqual([]);
    await page.close();
  });

  test.each(['light', 'dark'] as const)('every view fits a phone, %s', async (colorScheme) => {
    const { page, problems } = await openPage(browser, {
      colorScheme,
      viewport: { width: 360, height: 640 },
    });
    for (const view of VIEWS) {
      await page.goto(`${server.url}#/${view}`);
      await page.locator('main > *').first().waitFor();
      await page.waitForLoadState('networkidle');
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      expect({ view, wide }).toEqual({ view, wide: 360 });
    }
    expect(problems).toEqual([]);
    await page.close();
  });

  test('a report is one file, with the same views, that asks for nothing', async () => {
    const { html, trajectories, of } = await reportOf(await runs.get('made'), { trajectories: 2, time: 0 });
    expect({ trajectories, of }).toEqual({ trajectories: 2, of: 3 });
    const file = join(folder, 'report.html');
    writeFileSync(file, html);
    const { page, problems, requests } = await openPage(browser, { offline: true });
    const url = pathToFileURL(file).href;
    await page.goto(url);
    await page.getByText('2 of its 3 trajectories').waitFor();
    await page.keyboard.press('2');
    await page.locator('[data-curve="meanReward"] canvas').waitFor();
    await page.keyboard.press('3');
    await page.getByText('2 shown').waitFor();
    for (const key of ['j', 'j', 'Enter']) await page.keyboard.press(key);
    await page.getByRole('heading', { name: 'q1/0' }).waitFor();
    expect(requests.filter((request) => !request.startsWith('data:'))).toEqual([url]);
    expect(problems).toEqual([]);
    await page.close();
  });
});
