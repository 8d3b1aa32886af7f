/** Runs a topology with progress and a closing summary: what `swirl run` and `swirl replay` share. */
import { relative } from 'node:path';
import { printable } from '../monitor/printable.ts';
import { openRun } from '../open-run.ts';
import type { RunEnd, StageProgress } from '../runtime/run.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { counted } from './count.ts';
import { EXIT } from './exit.ts';
import { interrupts } from './interrupt.ts';
import { nothingLearnt } from './nothing-learnt.ts';
import { ownName } from './own-name.ts';
import { showProgress } from './progress.ts';
import { hanging, screenWidth } from './screen.ts';
import { table } from './table.ts';
import { watchBeside } from './watch-beside.ts';

/** How long a run that is stopped at once may take to end by itself, in milliseconds. */
const GRACE_MS = 500;

/** Longest line of what became of the records: failures quote what models wrote. */
const LINE_CHARS = 400;

export interface RunTopologyOptions {
  readonly untilDrained: boolean;
  readonly json: boolean;
  readonly stages?: readonly string[];
  /** Training goes on from the checkpoint of this update. */
  readonly fromUpdate?: number | undefined;
  /** Shows a page while it goes on. */
  readonly watch?: { readonly port?: number };
}

/** Returns the exit code. Progress and notes go to stderr, the summary to stdout. */
export async function runTopology(topology: Topology, options: RunTopologyOptions): Promise<number> {
  let say: (message: string) => void = (message) => process.stderr.write(`${message}\n`);
  const { stop, abort, release } = interrupts((message) => say(message));
  const run = await openRun(topology, (message) => say(message));
  const beside = options.watch && watchBeside(topology, { say: (message) => say(message), ...options.watch });
  try {
    const { untilDrained, stages, fromUpdate } = options;
    const notify = (message: string) => say(message);
    const started = await run.start({
      ...{ untilDrained, fromUpdate, stop, abort, notify },
      ...(stages ? { stages } : {}),
    });
    if (!untilDrained && process.stderr.isTTY) {
      say(`run ${topology.run}, until Control-C ends it (\`--until-drained\`: until all is consumed)`);
    }
    const shown = showProgress({ progress: () => started.progress(), stream: process.stderr });
    say = shown.say;
    beside?.follow(() => started.progress());
    let end: RunEnd;
    try {
      end = await Promise.race([started.finished, atOnce(abort)]);
    } finally {
      await shown.stop();
    }
    const progress = await started.progress();
    const why = end === 'drained' ? await nothingLearnt(run, progress) : null;
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ...summary(topology, end, progress), ...(why && { nothingLearnt: why }) })}\n`
        : `${report(topology, end, progress)}${why === null ? '' : whyText(why)}`,
    );
    // A run that goes on for ever is ended by a signal, and has then done what it should.
    if (end === 'aborted' || (end === 'stopped' && untilDrained)) return EXIT.interrupted;
    if (why !== null) return EXIT.nothing;
    return failuresOf(progress) > 0 ? EXIT.failures : EXIT.done;
  } finally {
    release();
    await beside?.stop();
    await run.close();
  }
}

/**
 * Resolves soon after the signal, whatever is still in hand (an update of a large policy takes minutes): the
 * process ends then, and what was not committed is done again by the next.
 */
function atOnce(abort: AbortSignal): Promise<RunEnd> {
  return new Promise((resolve) => {
    const end = () => setTimeout(() => resolve('aborted'), GRACE_MS);
    if (abort.aborted) end();
    else abort.addEventListener('abort', end, { once: true });
  });
}

/** Names the run in whatever folder it lives, as `-t` takes it. */
function folderOf(topology: Topology): string {
  return relative(process.cwd(), runFolder(topology)) || '.';
}

function failuresOf(progress: readonly StageProgress[]): number {
  return progress.reduce((sum, { written }) => sum + (written.failures ?? 0), 0);
}

function summary(topology: Topology, end: RunEnd, progress: readonly StageProgress[]): object {
  const stages = Object.fromEntries(
    progress.map(({ stage, done, backlog, written }) => [stage, { done, backlog, written }]),
  );
  return { run: topology.run, end, stages, failures: failuresOf(progress) };
}

/** What the table does not say: what failed, and why nothing was done. */
function notesOn(topology: Topology, progress: readonly StageProgress[]): string[] {
  const failures = failuresOf(progress);
  if (failures > 0) {
    return [
      `${counted(failures, 'record')} failed; look at them with: ${ownName()} tap failures -t ${folderOf(topology)}`,
      `once the cause is mended, feed them again with: ${ownName()} retry -t ${folderOf(topology)}`,
    ];
  }
  if (progress.some(({ done, backlog }) => done + backlog > 0)) return [];
  const { fed, source } = topology;
  return [
    source === null
      ? `there was nothing to do: feed ${fed.join(' or ')} with \`${ownName()} feed FILE -t ${folderOf(topology)}\``
      : `there was nothing to do: no records in ${source.topic} of the run ${source.run}`,
  ];
}

/** The sum, and below it what became of the records. */
function whyText([head = '', ...lines]: readonly string[]): string {
  const width = screenWidth();
  return [head, ...lines.map((line) => hanging(`  ${printable(line, LINE_CHARS)}`, { width, indent: 4 }))]
    .map((line) => `${line}\n`)
    .join('');
}

function report(topology: Topology, end: RunEnd, progress: readonly StageProgress[]): string {
  const rows = progress.map(({ stage, reads, done, backlog, written }) => {
    const outputs = Object.entries(written).map(([topic, count]) => `${count} ${topic}`);
    return [stage, `${done} ${reads}`, backlog > 0 ? `${backlog}` : '', outputs.join(', ')];
  });
  const notes = notesOn(topology, progress)
    .map((note) => `${note}\n`)
    .join('');
  return `run ${topology.run}: ${end}\n${table(['stage', 'consumed', 'left', 'written'], rows)}\n${notes}`;
}
