/** A real browser for the tests of the page. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findBrowser } from '../../scripts/setup/browser.js';
import type { OpenRuns } from '../../src/watch/open-runs.ts';
import { startWatchServer } from '../../src/watch/server.ts';
import { PATIENCE_MS } from '../patience.ts';

/** Null on a user's machine without one; where CI runs there must be one. */
export const browserProgram = findBrowser();
if (browserProgram === null && process.env.CI === 'true') {
  throw new Error(
    'CI=true: the tests of the page must run, but there is no Chromium (scripts/setup/browser.js)',
  );
}

/** Why tests of the page are skipped. */
export const NO_BROWSER = 'no Chromium here: install one, or name it in SWIRL_BROWSER';

function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserProgram as string,
    // Without the sandbox, which a container's root cannot have; the pages are the test's own.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
    timeout: PATIENCE_MS,
  });
}

/** Serves the page of runs, for a browser. */
export async function watchInBrowser(runs: OpenRuns) {
  const server = await startWatchServer({ runs, host: '127.0.0.1', port: 0, token: null, intervalMs: 100 });
  const browser = await startBrowser();
  return {
    server,
    browser,
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

/** A page, and everything that went wrong in it. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly problems: string[]; readonly requests: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 }, ...options });
  page.setDefaultTimeout(PATIENCE_MS);
  const problems: string[] = [];
  const requests: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => requests.push(request.url()));
  return { page, problems, requests };
}
