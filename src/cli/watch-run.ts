/** Serves the page of a run until Control-C, or until the run whose child this process is has ended. */
import { randomBytes } from 'node:crypto';
import { ConfigError } from '../errors.ts';
import type { Topology } from '../topology/topology.ts';
import { isLoopback } from '../watch/guard.ts';
import { OpenRuns } from '../watch/open-runs.ts';
import { NO_NEWS, type RunNews } from '../watch/run-news.ts';
import { startWatchServer, type WatchServer } from '../watch/server.ts';
import { runTopologyAsKept } from '../watch/watched-run.ts';
import { EXIT } from './exit.ts';
import { interrupts } from './interrupt.ts';

/** Where it listens unless it is told otherwise and that is taken. */
const USUAL_PORT = 6070;
/** How often the page is told the state of the flow, in milliseconds. */
const INTERVAL_MS = 1000;

export interface WatchRunOptions {
  readonly host: string;
  readonly port?: number;
}

/** Returns the exit code. */
export async function watchRun(topology: Topology, options: WatchRunOptions): Promise<number> {
  const shown = runTopologyAsKept(topology);
  let news: RunNews = NO_NEWS;
  const notify = (message: string) => process.stderr.write(`${message}\n`);
  const runs = new OpenRuns(shown, { notify, env: process.env, now: Date.now, news: () => news });
  const over = new AbortController();
  const { stop, release } = interrupts(() => {});
  try {
    // A run that is not there is told now, not on the page.
    await runs.get(shown.run);
    const server = await listen(runs, options);
    const ended = AbortSignal.any([stop, over.signal]);
    process.on('message', (message: RunNews) => {
      news = message;
    });
    process.once('disconnect', () => over.abort());
    if (process.send !== undefined) process.send({ url: server.url });
    else process.stdout.write(`run ${shown.run}: ${server.url}\n(Control-C ends it)\n`);
    if (!ended.aborted) {
      await new Promise((resolve) => ended.addEventListener('abort', resolve, { once: true }));
    }
    await server.close();
    return EXIT.done;
  } finally {
    release();
    await runs.close();
  }
}

async function listen(runs: OpenRuns, { host, port }: WatchRunOptions): Promise<WatchServer> {
  const token = isLoopback(host) ? null : randomBytes(24).toString('base64url');
  const options = { runs, host, token, intervalMs: INTERVAL_MS };
  if (port !== undefined) return startWatchServer({ ...options, port });
  try {
    return await startWatchServer({ ...options, port: USUAL_PORT });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return startWatchServer({ ...options, port: 0 });
  }
}
