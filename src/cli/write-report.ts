/** Writes the report of a run. */
import { lstatSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { replaceAside } from '../run-file/write-archive.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { reportOf } from '../watch/report.ts';
import { RunWatch } from '../watch/run-watch.ts';
import { runTopologyAsKept } from '../watch/watched-run.ts';

export interface WriteReportOptions {
  /** The file; `report.html` in the run's folder when omitted. */
  readonly output?: string;
  readonly trajectories: number;
}

export interface WrittenReport {
  /** What is said of it. */
  readonly said: string;
  /** Whether it went where a reader takes it, such as /dev/stdout. */
  readonly isPiped: boolean;
}

/** Throws a `TransportError` where it cannot be written; a report that is there stays. */
export async function writeReport(topology: Topology, options: WriteReportOptions): Promise<WrittenReport> {
  const path = options.output ?? join(runFolder(topology), 'report.html');
  const watch = await RunWatch.open(runTopologyAsKept(topology), {
    notify: (message) => process.stderr.write(`${message}\n`),
    env: process.env,
    now: Date.now,
  });
  try {
    const { html, trajectories, of } = await reportOf(watch, { ...options, time: Date.now() });
    // What is no file, such as /dev/stdout, is written to and not replaced.
    const isPiped = lstatSync(path, { throwIfNoEntry: false })?.isFile() === false;
    if (isPiped) pipe(path, html);
    else await replaceAside(path, (handle) => handle.writeFile(html));
    const shown = relative('.', path);
    const name = shown.length < path.length ? shown : path;
    const said = `${name}: ${trajectories} of ${of} trajectories, ${Math.ceil(html.length / 1000)} kB`;
    return { said, isPiped };
  } finally {
    await watch.close();
  }
}

/** A reader that has seen enough, such as `head`, is no error. */
function pipe(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}
