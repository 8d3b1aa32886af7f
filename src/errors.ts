/**
 * Errors by boundary. Each says what was expected, what was found and where, carries its cause, and
 * says whether trying again may help. Anything else that is thrown is a defect in Swirl.
 */
export interface ErrorDetails {
  /** Whether the same call may succeed later. */
  readonly retryable?: boolean;
  /** For retryable errors: how long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Base of all errors that Swirl throws on purpose. */
export abstract class SwirlError extends Error {
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The topology, a command line or an environment variable is wrong. Stops the run. */
export class ConfigError extends SwirlError {}

/** A data file or a record's bytes are not what they should be. */
export class DataError extends SwirlError {}

/** A topic, an offset or a commit failed. Stops the run and loses nothing. */
export class TransportError extends SwirlError {}

/** A policy, judge or reward model could not be reached or understood. */
export class ModelError extends SwirlError {}

/**
 * An endpoint that refuses whatever is asked of it (a wrong key, no such model, no credit), or where nothing
 * listens: every record would meet the same. Stops the run, at once or, where it is retryable, after the
 * retries.
 */
export class EndpointError extends ModelError {}

/** A conversation that outgrew the model's context: asking again does not help. */
export class ContextError extends ModelError {}

/** A tool broke: not a refusal, which is an observation, but a defect of the tool or its backend. */
export class ToolError extends SwirlError {}

/** The adapter is missing, was lost, or cannot hold what was asked of it. Stops the run. */
export class DeviceError extends SwirlError {}

/** The run's budget allows no further request: the record waits for a larger one. */
export class OutOfBudget extends SwirlError {}

/** Whether an error must stop the run, rather than become a record in `failures`. */
export function isFatal(error: unknown): boolean {
  return (
    error instanceof ConfigError ||
    error instanceof TransportError ||
    error instanceof DeviceError ||
    error instanceof OutOfBudget ||
    (error instanceof EndpointError && !error.retryable) ||
    !(error instanceof SwirlError)
  );
}

/** The innermost cause in words, such as `connect ECONNREFUSED 127.0.0.1:9`. */
export function rootCause(error: unknown): string {
  let root = error;
  for (let depth = 0; depth < 8; depth++) {
    const { cause, errors } = (root ?? {}) as { cause?: unknown; errors?: unknown };
    // A name with several addresses: the first one's error says enough.
    const inner = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
    if (inner === undefined) break;
    root = inner;
  }
  const { message } = (root ?? {}) as { message?: unknown };
  return typeof message === 'string' && message !== '' ? message : String(root);
}
