/** What a run itself says of its work, to a page beside it: the topics do not tell it, or not yet. */
import type { StageProgress } from '../runtime/run.ts';

export interface RunNews {
  readonly stages: readonly StageProgress[];
  /** What training does now, in a line; null where it has not begun. */
  readonly training: string | null;
}

export const NO_NEWS: RunNews = { stages: [], training: null };
