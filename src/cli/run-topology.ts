/** Runs a topology with progress and a closing summary: what `swirl run` and `swirl replay` share. */
import { ConfigError, SwirlError } from '../errors.ts';
import { keptAlarms } from '../monitor/kept-alarms.ts';
import { printable } from '../monitor/printable.ts';
import { type OpenRun, openRun } from '../open-run.ts';
import { observers, type Retried } from '../runtime/observer.ts';
import type { RunEnd, StageProgress } from '../runtime/run.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { alarmsJson, alarmsText } from './alarms-text.ts';
import { duration } from './duration.ts';
import { EXIT } from './exit.ts';
import { graceOf } from './grace.ts';
import { interrupts } from './interrupt.ts';
import { type Learnt, learntLines, learntOf } from './learnt.ts';
import { type Level, logLine } from './log-line.ts';
import { newsOf } from './news-of.ts';
import { nothingLearnt } from './nothing-learnt.ts';
import { folderHere, withCommands } from './of-run.ts';
import { showProgress } from './progress.ts';
import { budgetText, failuresOf, nextCommands, notesOn } from './run-notes.ts';
import { RunStatus } from './run-status.ts';
import { hanging, screenWidth } from './screen.ts';
import { spentLines } from './spent-text.ts';
import { table } from './table.ts';
import { openTelemetry, type Telemetry } from './telemetry.ts';
import { watchBeside } from './watch-beside.ts';

/** How long a run that is stopped at once may take to end by itself, in milliseconds. */
const GRACE_MS = 500;

/** Longest line of what became of the records: failures quote what models wrote. */
const LINE_CHARS = 400;

/** What a command finds out about a run that came to its end. */
export interface Conclusion {
  /** Below the table, with its last line end. */
  readonly text: string;
  /** Keys of the summary's JSON. */
  readonly json: object;
  /** In place of the exit code of the run; null: that one. */
  readonly exit: number | null;
}

export interface RunTopologyOptions {
  readonly untilDrained: boolean;
  readonly json: boolean;
  readonly stages?: readonly string[];
  /** Training goes on from the checkpoint of this update. */
  readonly fromUpdate?: number | undefined;
  /** Serves figures and health there, in place of where the topology says. */
  readonly metricsPort?: number | undefined;
  /** Shows a page while it goes on. */
  readonly watch?: { readonly port?: number };
  /** Called when everything is consumed. */
  readonly conclude?: (run: OpenRun) => Promise<Conclusion>;
}

/** Returns the exit code. Progress and notes go to stderr, the summary to stdout. */
export async function runTopology(topology: Topology, options: RunTopologyOptions): Promise<number> {
  const written = lineOf(topology);
  let say: (message: string) => void = (message) => process.stderr.write(`${message}\n`);
  const note = (message: string, level?: Level) => say(written?.(message, level) ?? message);
  const { stop, abort, release } = interrupts(note);
  let telemetry: Telemetry | undefined;
  const grace = graceOf(topology.runtime.graceMs, (message) => note(message, 'warn'));
  try {
    telemetry = await openTelemetry(topology, { port: options.metricsPort, say: note });
    const opening = openRun(topology, note);
    opening.catch(() => {});
    // Nothing has begun while it is being opened, which an outage may keep from its end.
    const run = await Promise.race([opening, onAbort(stop)]);
    if (run === undefined) return options.untilDrained ? EXIT.interrupted : EXIT.done;
    return await runOpened(run, {
      ...options,
      telemetry,
      stop,
      abort: AbortSignal.any([abort, grace.over]),
      note,
      written,
      listen: (to) => {
        say = to;
      },
    });
  } catch (thrown) {
    const error = withCommands(thrown, topology);
    if (written === undefined || !(error instanceof SwirlError)) throw error;
    note(`swirl: ${error.message}`, 'error');
    return error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  } finally {
    await telemetry?.close();
    release();
    grace.release();
  }
}

/** A worker on a cluster leaves a log: with times and levels, where nobody looks at a terminal. */
function lineOf({ transport }: Topology): typeof logLine | undefined {
  return transport.kind === 'kafka' && process.stderr.isTTY !== true ? logLine : undefined;
}

function onAbort(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

interface RunOpened extends RunTopologyOptions {
  readonly telemetry: Telemetry;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  readonly note: (message: string, level?: Level) => void;
  readonly written: typeof logLine | undefined;
  /** Says from now on by this. */
  readonly listen: (say: (message: string) => void) => void;
}

async function runOpened(run: OpenRun, options: RunOpened): Promise<number> {
  const { stop, abort, note, written, telemetry } = options;
  const { topology } = run;
  const beside = options.watch && watchBeside(topology, { say: note, ...options.watch });
  try {
    const { untilDrained, stages, fromUpdate } = options;
    const status = new RunStatus((retried) => note(retryLine(retried), 'warn'));
    await telemetry.begin(run);
    const observer = observers([status, telemetry.observer]);
    const started = await run.start({
      ...{ untilDrained, fromUpdate, stop, abort, notify: note, observer },
      ...(stages ? { stages } : {}),
    });
    if (!untilDrained && process.stderr.isTTY) {
      note(`run ${topology.run}, until Control-C ends it (\`--until-drained\`: until all is consumed)`);
    }
    const line = written === undefined ? {} : { line: (text: string) => written(text) };
    const shown = showProgress({
      progress: () => started.progress(),
      stream: process.stderr,
      status,
      ...line,
    });
    options.listen(shown.say);
    telemetry.follow(started);
    beside?.follow(() => newsOf(started, status));
    let end: RunEnd;
    try {
      end = await Promise.race([started.finished, atOnce(abort)]);
    } finally {
      telemetry.ended();
      await shown.stop();
    }
    const progress = await started.progress();
    const why = end === 'drained' ? await nothingLearnt(run, progress) : null;
    const learnt = why === null ? learntOf(topology, status) : null;
    const concluded = end === 'drained' ? await options.conclude?.(run) : undefined;
    const alarms = started.alarms();
    const kept = keptAlarms(runFolder(topology));
    const spending = started.spending();
    const outOfBudget = end === 'stopped' ? started.outOfBudget() : null;
    const told = {
      spending,
      ...(outOfBudget !== null && { outOfBudget }),
      ...(kept.length > 0 && { alarms: alarmsJson(kept, alarms) }),
      ...(learnt && { learnt }),
      ...(why && { nothingLearnt: why }),
      ...concluded?.json,
    };
    const below = [
      spentLines(spending)
        .map((line) => `${line}\n`)
        .join(''),
      outOfBudget === null ? '' : `${budgetText(topology, outOfBudget)}\n`,
      learnt ? learntText(topology, learnt, status) : '',
      why ? whyText(why) : '',
      concluded?.text ?? '',
      alarmsText(kept),
    ].join('');
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ...summary(topology, end, progress), ...told })}\n`
        : `${report(topology, end, progress)}${below}`,
    );
    if (alarms.some((alarm) => alarm.do === 'stop') && end === 'stopped') return EXIT.alarm;
    if (outOfBudget !== null) return EXIT.budget;
    // A run that goes on for ever is ended by a signal, and has then done what it should.
    if (end === 'aborted' || (end === 'stopped' && untilDrained)) return EXIT.interrupted;
    if (concluded && concluded.exit !== null) return concluded.exit;
    if (why !== null) return EXIT.nothing;
    return failuresOf(progress) > 0 ? EXIT.failures : EXIT.done;
  } finally {
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

function summary(topology: Topology, end: RunEnd, progress: readonly StageProgress[]): object {
  const stages = Object.fromEntries(
    progress.map(({ stage, done, backlog, written }) => [stage, { done, backlog, written }]),
  );
  return { run: topology.run, end, stages, failures: failuresOf(progress) };
}

/** Such as `judge: trying again in 0.5 s (2 of 4): no answer within 60 s`. */
function retryLine({ stage, attempt, attempts, waitMs, error }: Retried): string {
  const line = `${stage}: trying again in ${duration(waitMs)} (${attempt + 1} of ${attempts}): ${error.message}`;
  return printable(line, LINE_CHARS / 2);
}

function learntText(topology: Topology, learnt: Learnt, status: RunStatus): string {
  const width = screenWidth();
  const told = learntLines(learnt, { folder: folderHere(topology), status });
  return [...told.map((line) => hanging(line, { width, indent: 2 })), ...nextCommands(topology, learnt)]
    .map((line) => `${line}\n`)
    .join('');
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
  const notes = notesOn(topology, end, progress)
    .map((note) => `${note}\n`)
    .join('');
  return `run ${topology.run}: ${end}\n${table(['stage', 'consumed', 'left', 'written'], rows)}\n${notes}`;
}
