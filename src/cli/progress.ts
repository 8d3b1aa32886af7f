/** How far a run is: bars that stay in place on a terminal, plain lines elsewhere. */
import pc from 'picocolors';
import { sleep } from '../clock.ts';
import type { EvaluationProgress } from '../evaluate/evaluate.ts';
import { printable } from '../monitor/printable.ts';
import type { StageProgress } from '../runtime/run.ts';
import { hanging, screenWidth } from './screen.ts';

export interface ProgressOptions {
  readonly progress: () => Promise<StageProgress[]>;
  readonly stream: NodeJS.WriteStream;
  /** How a line that is no bar is written; by default as it is. */
  readonly line?: (text: string) => string;
  /** Milliseconds between looks; bars are redrawn, lines printed where something has changed. */
  readonly intervalMs?: number;
}

const BAR = 24;
/** Widths of a stage's name. */
const NAME = { least: 10, most: 20 };

export interface ShownProgress {
  /** Writes a message that stays, above the bars. */
  say(message: string): void;
  /** Shows the last state. */
  stop(): Promise<void>;
}

/** Shows the progress until `stop` is called. */
export function showProgress({
  progress,
  stream,
  line: written,
  intervalMs,
}: ProgressOptions): ShownProgress {
  const terminal = stream.isTTY === true;
  let drawn = 0;
  let last = '';
  let busy = false;

  const look = async () => {
    if (busy) return;
    busy = true;
    try {
      const stages = await progress();
      if (terminal) {
        const lines = stages.map((stage) => bar(stage, screenWidth(stream)));
        // A terminal echoes Control-C where the cursor is: back to the first column.
        if (drawn > 0) stream.write(`\r\u001b[${drawn}A`);
        stream.write(lines.map((line) => `\u001b[2K${line}\n`).join(''));
        drawn = lines.length;
      } else {
        const line = stages
          .map(({ stage, done, backlog }) => `${stage} ${done}/${done + backlog}`)
          .join('  ');
        const indent = 2;
        const text = () => written?.(line) ?? hanging(line, { width: screenWidth(stream), indent });
        if (line !== last) stream.write(`${text()}\n`);
        last = line;
      }
    } finally {
      busy = false;
    }
  };

  const timer = setInterval(() => void look().catch(() => {}), intervalMs ?? (terminal ? 250 : 5000));
  return {
    say: (message) => {
      stream.write(`${drawn > 0 ? `\r\u001b[${drawn}A\u001b[J` : ''}${message}\n`);
      drawn = 0;
    },
    stop: async () => {
      clearInterval(timer);
      while (busy) await sleep(5);
      // What stopped the run may keep it from being looked at, and is told by whoever waits for its end.
      await look().catch(() => {});
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

/**
 * One stage in one line of the screen, however its names are called: a line that wraps would be drawn over.
 */
function bar({ stage, reads, done, backlog, inFlight, written }: StageProgress, columns: number): string {
  const share = done + backlog === 0 ? 0 : done / (done + backlog);
  const full = Math.round(share * BAR);
  const failed = written.failures ? ` ${written.failures} failed` : '';
  const name = printable(stage, NAME.most).padEnd(NAME.least);
  const counts = `${done}/${done + backlog} ${reads}${inFlight > 0 ? `, ${inFlight} in flight` : ''}`;
  // A terminal wraps what fills its last column.
  const room = Math.max(8, columns - name.length - BAR - failed.length - 3);
  const filled = `${pc.green('█'.repeat(full))}${pc.dim('░'.repeat(BAR - full))}`;
  return `${pc.bold(name)} ${filled} ${printable(counts, room)}${pc.red(failed)}`;
}
