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

/** Returns what it says of the file. Throws a `TransportError` where that cannot be written; a report that is there stays. */
export async function writeReport(topology: Topology, options: WriteReportOptions): Promise<string> {
  const path = options.output ?? join(runFolder(topology), 'report.html');
  const watch = await RunWatch.open(runTopologyAsKept(topology), {
    notify: (message) => process.stderr.write(`${message}\n`),
    env: process.env,
    now: Date.now,
  });
  try {
    const { html, trajectories, of } = await reportOf(watch, { ...options, time: Date.now() });
    // What is no file, such as /dev/stdout, is written to and not replaced.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) writeFileSync(path, html);
    else await replaceAside(path, (handle) => handle.writeFile(html));
    const shown = relative('.', path);
    return `${shown.length < path.length ? shown : path}: ${trajectories} of ${of} trajectories, ${Math.ceil(html.length / 1000)} kB`;
  } finally {
    await watch.close();
  }
}
