/** Failures as data: what a stage could not process becomes a record in `failures`. */
import type { SwirlError } from '../errors.ts';
import type { Delivery, Emission } from './stage.ts';

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
  const record = details.record ?? null;
  return {
    topic: 'failures',
    key: record ?? id,
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
