/** Failures as data: what a stage could not process becomes a record in `failures`. */
import type { SwirlError } from '../errors.ts';
import type { Failure } from '../topics/records.generated.ts';
import type { Delivery, Emission } from './stage.ts';

/** The longest id of a record that a failure gives whole, in UTF-16 units: as a key it must fit too. */
const MAX_RECORD_CHARS = 256;
/** How much of a failure is kept where more of it does not fit: first the one, then the other. */
const SHORTER = [
  { chars: 2_000, bytes: 64 * 1024 },
  { chars: 500, bytes: 0 },
] as const;

export interface FailureDetails {
  /** How often it was tried; 1 when omitted. */
  readonly attempts?: number;
  /** The record's id, where it could be decoded. */
  readonly record?: string | null;
  /** The record's bytes, where they could not be decoded. */
  readonly bytes?: Uint8Array | null;
}

/** A record's id, where it has one. */
export function idOf(record: object): string | null {
  const { id } = record as { readonly id?: unknown };
  return typeof id === 'string' ? id : null;
}

/**
 * The failure record of one delivery. Its id is its place, so that a repeated delivery bears the same name.
 */
export function failureOf(
  stage: string,
  at: Pick<Delivery<unknown>, 'topic' | 'partition' | 'offset'>,
  error: SwirlError,
  details: FailureDetails = {},
): Emission {
  const id = `${stage}:${at.topic}:${at.partition}:${at.offset}`;
  const whole = details.record ?? null;
  const record = whole === null ? null : cut(whole, MAX_RECORD_CHARS);
  return {
    topic: 'failures',
    key: record === whole && record !== null ? record : id,
    value: {
      id,
      stage,
      topic: at.topic,
      partition: at.partition,
      offset: at.offset,
      record,
      error: error.name,
      message: error.message,
      retryable: error.retryable,
      attempts: details.attempts ?? 1,
      bytes: details.bytes ?? null,
    },
  };
}

/** The failure, smaller and smaller, with a note of what was cut: for a log that finds it too large. */
export function shorterFailures(failure: Failure): Emission[] {
  return SHORTER.map(({ chars, bytes: most }) => {
    const { bytes, message } = failure;
    const kept = bytes === null || most === 0 ? null : bytes.subarray(0, most);
    const left = (bytes?.length ?? 0) - (kept?.length ?? 0);
    const note = left > 0 ? ` [cut: ${left} of the ${bytes?.length} bytes]` : '';
    const value = { ...failure, message: `${cut(message, chars)}${note}`, bytes: kept };
    return { topic: 'failures', key: failure.id, value };
  });
}

/** The text, or its beginning and how much is missing. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most).toWellFormed()} [cut: ${text.length - most} more characters]`;
}
