/** What the exit codes mean. */
export const EXIT = {
  done: 0,
  /** An error stopped the command; nothing committed is lost. */
  failed: 1,
  /** The command line, the topology or an environment variable is wrong. */
  usage: 2,
  /** The run came to its end, but some records are in `failures`. */
  failures: 3,
  /** Stopped by SIGINT or SIGTERM. */
  interrupted: 130,
} as const;
