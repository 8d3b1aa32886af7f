/**
 * What the sequencer has planned, for the reporter: jest makes both, in one process, and hands them nothing
 * of each other.
 */
export const plan = {
  /** How many test files are to run. */
  files: 0,
  /** What they were recorded to take, one after the other. */
  seconds: 0,
};
