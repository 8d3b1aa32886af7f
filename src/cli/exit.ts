/** What the exit codes mean. */
import type { Command } from 'commander';

export const EXIT = {
  done: 0,
  /** An error stopped the command; nothing committed is lost. */
  failed: 1,
  /** The command line, the topology or an environment variable is wrong. */
  usage: 2,
  /** The run came to its end, but some records are in `failures`. */
  failures: 3,
  /** The run came to its end, and its policy has learnt nothing: no record was accepted, or no update made. */
  nothing: 4,
  /** A replay came to its end, and made other updates than the old run, though nothing was changed. */
  differs: 5,
  /** An alarm of the topology stopped the run; what was committed is kept, and the next run goes on. */
  alarm: 6,
  /** The budget of the topology is spent; what was committed is kept, and the next run goes on with a larger one. */
  budget: 7,
  /** Stopped by SIGINT or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitReason = keyof typeof EXIT;

const about: Readonly<Record<ExitReason, string>> = {
  done: 'done',
  failed: 'an error stopped it; what was committed is kept',
  usage: 'the command line, the topology or an environment variable is wrong',
  failures: 'done, but some records failed',
  nothing: 'done, but nothing was learnt: the summary says why',
  differs: "done, but the updates are not the old run's, though nothing was changed",
  alarm: 'an alarm of the topology stopped it; the next run goes on',
  budget: 'the budget is spent; the next run goes on with a larger one',
  interrupted: 'interrupted (SIGINT, SIGTERM)',
};

/**
 * Tells, at the end of a command's help, the exit codes it may end with; `own` says what is particular to it.
 */
export function withExitCodes(
  command: Command,
  own: Readonly<Partial<Record<ExitReason, string>>> = {},
): Command {
  const codes = { done: about.done, failed: about.failed, usage: about.usage, ...own };
  const lines = Object.entries(codes)
    .map(([reason, text]) => [EXIT[reason as ExitReason], text] as const)
    .sort(([a], [b]) => a - b)
    .map(([code, text]) => `  ${String(code).padEnd(3)}  ${text}`);
  return command.addHelpText('after', ['\nExit codes:', ...lines].join('\n'));
}

/** What `withExitCodes` says of a reason. */
export function exitText(reason: ExitReason): string {
  return about[reason];
}
