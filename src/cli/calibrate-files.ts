/** Judges the labelled steps of files, and reports. */
import { DataError } from '../errors.ts';
import { calibrate } from '../evaluate/calibration.ts';
import { type LabelledStep, readLabelledSteps } from '../evaluate/labelled-steps.ts';
import { judgeSteps } from '../evaluate/run-judges.ts';
import { fileInput } from '../input/input.ts';
import { printable } from '../monitor/printable.ts';
import { openParts } from '../open-parts.ts';
import { retryConfig } from '../runtime/retry.ts';
import { openSpending } from '../spending/open-spending.ts';
import type { Topology } from '../topology/topology.ts';
import { calibrationReport } from './calibrate-report.ts';
import { counted } from './count.ts';
import { EXIT } from './exit.ts';

export interface CalibrateOptions {
  readonly topology: Topology;
  readonly second: Topology | null;
  readonly concurrency: number;
  readonly json?: boolean;
}

/** Steps are held in memory: what people have labelled is no more. */
const MAX_STEPS = 200_000;

/** Returns the exit code. A malformed line ends it, as a figure would silently be of others. */
export async function calibrateFiles(
  files: readonly string[],
  { topology, second, concurrency, json }: CalibrateOptions,
): Promise<number> {
  const steps: LabelledStep[] = [];
  for (const file of files) {
    for await (const step of readLabelledSteps(fileInput(file))) {
      steps.push(step);
      if (steps.length > MAX_STEPS)
        throw new DataError(`${file}: expected at most ${MAX_STEPS} steps in all`);
    }
  }
  if (steps.length === 0) throw new DataError(`${files.join(', ')}: there are no labelled steps`);
  const say = (message: string) => void process.stderr.write(`${message}\n`);
  const spending = openSpending(topology, { run: null, notify: say });
  const deps = { env: process.env, paid: spending.paying, notify: say };
  const [parts, others] = [openParts(topology, deps), second && openParts(second, deps)];
  const ended = new AbortController();
  let failures = 0;
  const reasons = new Set<string>();
  try {
    const judge = await parts.judge();
    const other = others === null ? null : await others.judge();
    const judged = await judgeSteps(steps, {
      judge,
      second: other,
      concurrency,
      retry: topology.stages.judge?.retry ?? retryConfig.parse({}),
      signal: ended.signal,
      onFailure: (reason) => {
        failures++;
        if (!reasons.has(reason) && reasons.size < 5) say(`swirl: no verdict: ${printable(reason, 300)}`);
        reasons.add(reason);
      },
      onProgress: (done) => {
        if (done % 100 === 0) say(`judged ${done}/${steps.length}`);
      },
    });
    const names = { judge: judge.name, second: other?.name ?? null };
    const result = calibrate(judged);
    process.stdout.write(
      json
        ? `${JSON.stringify({ ...names, all: result.all, kinds: Object.fromEntries(result.kinds) })}\n`
        : calibrationReport(result, names),
    );
    if (failures > 0) say(`swirl: ${counted(failures, 'verdict')} could not be had, and count as UNKNOWN`);
    return failures > 0 ? EXIT.failures : EXIT.done;
  } finally {
    ended.abort();
    await parts.close();
    await others?.close();
    spending.close();
  }
}
