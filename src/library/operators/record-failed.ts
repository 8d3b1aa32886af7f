/** What ends a chain of stage operators when a record could not be processed and nobody listens for that. */
import { SwirlError } from '../../errors.ts';
import type { Failure } from '../../topics/records.generated.ts';

/** A record that a stage could not process. In a run it would be a record in `failures`. */
export class RecordFailed extends SwirlError {
  /** What was tried, how often, and what went wrong. */
  readonly failure: Failure;

  constructor(failure: Failure) {
    const { stage, record, error, message, retryable } = failure;
    super(`${stage}, record ${record ?? `number ${failure.offset}`}: ${error}: ${message}`, { retryable });
    this.failure = failure;
  }
}
