/** What turns a data file into records, by whatever kind it is. */
import type { Tool } from '../agent/tool.ts';
import type { Input } from '../input/input.ts';
import type { ReadOptions } from '../input/rows.ts';
import type { Question, Trajectory } from '../topics/records.generated.ts';

/**
 * Errors carry file and line (or index and byte); `skip` decides whether a bad record is left out or ends the
 * reading.
 */
export type Reader = (
  | {
      readonly topic: 'questions';
      read(input: Input, options: ReadOptions): AsyncIterable<Question>;
    }
  | {
      readonly topic: 'trajectories';
      read(input: Input, options: ReadOptions): AsyncIterable<Trajectory>;
    }
) & { close?(): Promise<void> };

/** What readers may be made of. */
export interface ReaderContext {
  /** The topology's calculator; throws `ConfigError` where it has none. */
  readonly calculator: () => Promise<Tool>;
  /** The longest trajectory of a task, in actions; undefined where there is no such task. */
  readonly maxSteps: (task: string) => number | undefined;
  /** The names of the topology's tasks. */
  readonly tasks: readonly string[];
}
