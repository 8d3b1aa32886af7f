/**
 * What can never be appended as it is, whoever tries again: a key that is too long, a record that the log or
 * a broker finds too large. Nothing was written. A stage makes a failure of it.
 */
import { TransportError } from '../errors.ts';

export class OutputRefused extends TransportError {}
