/** How far a run is: bars that stay in place on a terminal, a few plain lines elsewhere. */
import pc from 'picocolors';
import { sleep } from '../clock.ts';
import type { EvaluationProgress } from '../evaluate/evaluate.ts';
import { printable } from '../monitor/printable.ts';
import type { StageProgress } from '../runtime/run.ts';
import { Rates } from './rates.ts';
import { type RunStatus, trainingPlan } from './run-status.ts';
import { canRewrite, hanging, screenWidth } from './screen.ts';
import { bar, fittedLine } from './stage-bar.ts';

export interface ProgressOptions {
  readonly progress: () => Promise<StageProgress[]>;
  readonly stream: NodeJS.WriteStream;
  /** What the run has learnt so far: shown below the bars. */
  readonly status?: RunStatus;
  /** How a line that is no bar is written; by default with the time of day. */
  readonly line?: (text: string) => string;
  /** Milliseconds between looks. */
  readonly intervalMs?: number;
  /** Milliseconds, for rates and for when the next line is due. */
  readonly now?: () => number;
}

/** Plain lines: the first after so long, then each after a tenth of the time so far, and at most so long. */
const PLAIN_MS = { first: 5_000, most: 120_000 };

export interface ShownProgress {
  /** Writes a message that stays, above the bars. */
  say(message: string): void;
  /** Shows the last state. */
  stop(): Promise<void>;
}

/** Shows the progress until `stop` is called. */
export function showProgress(options: ProgressOptions): ShownProgress {
  const { progress, stream, status, intervalMs, now = () => performance.now() } = options;
  const terminal = canRewrite(stream);
  const rates = new Rates(now);
  const begun = now();
  let drawn = 0;
  let [last, lastMs] = ['', Number.NEGATIVE_INFINITY];
  let busy = false;

  const draw = (stages: readonly StageProgress[]) => {
    const columns = screenWidth(stream);
    // More lines than the screen has could not be written over: the last ones say most.
    const most = Math.max(1, (stream.rows || Number.POSITIVE_INFINITY) - 1);
    const lines = screenLines(stages, { columns, status, rates }).slice(-most);
    // A terminal echoes Control-C where the cursor is: back to the first column. Below may be what is no more.
    if (drawn > 0) stream.write(`\r\u001b[${drawn}A\u001b[J`);
    stream.write(lines.map((line) => `\u001b[2K${line}\n`).join(''));
    drawn = lines.length;
  };

  const print = (stages: readonly StageProgress[], isLast: boolean) => {
    const time = now();
    const due = Math.min(PLAIN_MS.most, Math.max(PLAIN_MS.first, (time - begun) / 10));
    if (!isLast && time - lastMs < due) return;
    const text = plainLine(stages, status);
    if (text === last || text === '') return;
    [last, lastMs] = [text, time];
    const {
      line = (plain: string) => hanging(`${clock()} ${plain}`, { width: screenWidth(stream), indent: 2 }),
    } = options;
    stream.write(`${line(text)}\n`);
  };

  const look = async (isLast = false) => {
    if (busy) return;
    busy = true;
    try {
      const stages = await progress();
      rates.look(stages);
      if (terminal) draw(stages);
      else print(stages, isLast);
    } finally {
      busy = false;
    }
  };

  const timer = setInterval(() => void look().catch(() => {}), intervalMs ?? (terminal ? 250 : 1000));
  return {
    say: (message) => {
      stream.write(`${drawn > 0 ? `\r\u001b[${drawn}A\u001b[J` : ''}${message}\n`);
      drawn = 0;
    },
    stop: async () => {
      clearInterval(timer);
      while (busy) await sleep(5);
      // What stopped the run may keep it from being looked at, and is told by whoever waits for its end.
      await look(true).catch(() => {});
      // What is said from now on stands below the last state.
      drawn = 0;
    },
  };
}

/** Shows how many of an evaluation's questions are answered. */
export function showAnswered(
  look: () => Promise<EvaluationProgress>,
  stream: NodeJS.WriteStream,
): ShownProgress {
  return showProgress({
    stream,
    progress: async () => {
      const { wanted, of, answered, failed } = await look();
      const backlog = wanted - answered;
      const written = failed > 0 ? { failures: failed } : {};
      return [{ stage: 'answered', reads: of, done: answered, backlog, inFlight: 0, written }];
    },
  });
}

interface Screen {
  readonly columns: number;
  readonly status: RunStatus | undefined;
  readonly rates: Rates;
}

/** A bar for each stage, and below what training does and what was learnt. */
function screenLines(stages: readonly StageProgress[], { columns, status, rates }: Screen): string[] {
  const plan = status?.training ? trainingPlan(status.training, stages) : null;
  const bars = stages.map((stage) =>
    bar(stage, {
      columns,
      perSecond: rates.of(stage.stage),
      retries: status?.retries.get(stage.stage) ?? 0,
      ...(stage.stage === 'train' && plan !== null ? { share: plan.share } : {}),
    }),
  );
  if (status === undefined) return bars;
  const learnt = [...(status.curve() === null ? [] : [status.curve() as string]), ...status.judgedParts()];
  return [
    ...bars,
    ...[status.trainingParts(stages), learnt]
      .filter((parts) => parts.length > 0)
      .map((parts) => pc.dim(fittedLine(parts, columns))),
  ];
}

/** The same in one text, without what is not begun. */
function plainLine(stages: readonly StageProgress[], status: RunStatus | undefined): string {
  const counts = stages
    .map(({ stage, done, backlog }) => `${printable(stage, 40)} ${done}/${done + backlog}`)
    .join('  ');
  return [counts, status?.trainingParts(stages).join(', ') ?? ''].filter((part) => part !== '').join('; ');
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}
