/** What compares answers with gold answers: for the outcome filter and for evaluation, and nobody else. */
import type { Origin, Question } from '../topics/records.generated.ts';
import type { CallOptions } from './model.ts';

export interface AnswerToMatch {
  readonly answer: string;
  /** At least one. */
  readonly golds: readonly string[];
  readonly question: Question;
}

export interface Matcher {
  /** The user's own that it is; null for Swirl's. */
  readonly by: Origin | null;
  /** Most answers that an evaluation has compared at once; one at a time where nothing is said. */
  readonly concurrency?: number;
  /**
   * Whether the answer says what one of the gold answers says. Throws `ModelError` where that cannot be told;
   * what takes no time answers at once.
   */
  matches(asked: AnswerToMatch, options: CallOptions): boolean | Promise<boolean>;
  close?(): Promise<void>;
}
