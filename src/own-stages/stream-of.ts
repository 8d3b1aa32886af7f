/** What an operator of a module returned, as an Observable of this package. */
import { from, type Observable, type ObservableInput } from 'rxjs';

/** Throws a `TypeError` for a promise, of which the value would be taken for a record, and for what is no stream. */
export function streamOf(returned: unknown): Observable<unknown> {
  if (
    typeof returned === 'object' &&
    returned !== null &&
    typeof Reflect.get(returned, 'then') === 'function'
  ) {
    throw new TypeError(
      'the operator returned a promise: expected an Observable, so it must not be an async function',
    );
  }
  return from(returned as ObservableInput<unknown>);
}
