/**
 * What an operator of one's own gives back: records for the one topic that its stage writes, or for one that
 * it names.
 */
import { DataError } from '../errors.ts';
import { failureOf, idOf } from '../runtime/failure.ts';
import type { AnyEmission, Delivery } from '../runtime/stage.ts';
import { checkRecord } from '../topics/avro/check-record.ts';
import { withDefaults } from '../topics/avro/json-value.ts';
import type { TopicSchema } from '../topics/avro/schemas.ts';
import type { Origin } from '../topics/records.generated.ts';

/** A record for a topic; plain objects, since a module may have loaded another copy of this package. */
export interface Addressed<T = object> {
  readonly part: 'output';
  readonly topic: string;
  readonly value: T;
}

/** What makes a record in `failures` of the record in hand. */
export interface Refusal {
  readonly part: 'refusal';
  readonly message: string;
}

/**
 * Where a stage writes several topics: the one that this record is for.
 *
 * @example
 * map((judged) => to(judged.verdict.label === 'BAD' ? 'flagged' : 'passed', judged))
 */
export function to<T extends object>(topic: string, value: T): Addressed<T> {
  return { part: 'output', topic, value };
}

/**
 * Says that the record in hand cannot be processed, without ending the operator as a thrown error does: a
 * record in `failures` tells why. Other outputs for the same record are written all the same.
 *
 * @example
 * map((judged) => (judged.subTrajectory.context.length > 50 ? refuse('too long to compare') : judged))
 */
export function refuse(message: string): Refusal {
  return { part: 'refusal', message };
}

export interface OutputRules {
  /** The stage's name. */
  readonly stage: string;
  /** For messages: stage, module and export. */
  readonly where: string;
  /** The topics that it writes, by name. */
  readonly writes: ReadonlyMap<string, TopicSchema>;
  /** The topic that it reads. */
  readonly reads: Pick<TopicSchema, 'hash'>;
  /** The module. */
  readonly origin: Origin;
}

const MAX_MESSAGE = 2_000;

/**
 * The outputs of one delivery. Throws a `DataError` that names the module where one cannot be told what it
 * is.
 */
export function emissionsOf(
  outputs: readonly unknown[],
  delivery: Delivery<object>,
  rules: OutputRules,
): AnyEmission[] {
  const refused: string[] = [];
  const emissions = outputs.flatMap((output) => {
    if (isRefusal(output)) {
      refused.push(String(output.message).slice(0, MAX_MESSAGE));
      return [];
    }
    return [emissionOf(output, delivery, rules)];
  });
  if (refused.length === 0) return emissions;
  const error = new DataError(refused.join('; ').slice(0, MAX_MESSAGE));
  return [...emissions, failureOf(rules.stage, delivery, error, { record: idOf(delivery.value) })];
}

/** What a message calls a delivery's record: its id, or its place. */
export function nameOf({ value, topic, partition, offset }: Delivery<object>): string {
  return idOf(value) ?? `${topic}:${partition}:${offset}`;
}

function emissionOf(output: unknown, delivery: Delivery<object>, rules: OutputRules): AnyEmission {
  const { where, writes } = rules;
  const fail = (problem: string): never => {
    throw new DataError(`${where}: for ${nameOf(delivery)} it gave ${problem}`);
  };
  const names = [...writes.keys()];
  const several = names.map((name) => `\`${name}\``).join(' and ');
  let [topic, value]: [string | undefined, unknown] = [names[0], output];
  if (isAddressed(output)) ({ topic, value } = output);
  else if (names.length === 0) fail('a record, and the stage writes no topic');
  else if (names.length > 1)
    fail(`a record without a topic, and the stage writes ${several}: expected to('…', record)`);
  const known = writes.get(String(topic));
  if (known === undefined) {
    return fail(`a record for the topic ${JSON.stringify(topic)}, and the stage writes ${several || 'none'}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(
      `${value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`}: expected a record`,
    );
  }
  const whole = signed(withDefaults(known.tree, value) as object, known, rules);
  try {
    checkRecord(known.topic, known.tree, whole);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    fail(`no record of its topic: ${error.message}`);
  }
  return { topic: known.topic, key: known.key(whole), value: whole };
}

/**
 * The record with the module in its `by`, where it has such a field: what was made of other records was
 * decided there. What is passed on from a topic of the same records stays as it is.
 */
function signed(record: object, { tree, hash }: TopicSchema, { reads, origin }: OutputRules): object {
  if (hash === reads.hash || tree.kind !== 'record') return record;
  const by = tree.fields.find(({ name }) => name === 'by')?.node;
  const isOrigin = by?.kind === 'nullable' && by.of.kind === 'record' && by.of.name === 'swirl.Origin';
  // Left out by a schema without a default for it, too.
  return isOrigin && ((record as { by?: unknown }).by ?? null) === null ? { ...record, by: origin } : record;
}

function isAddressed(output: unknown): output is Addressed<unknown> {
  return isObject(output) && output.part === 'output' && 'topic' in output && 'value' in output;
}

function isRefusal(output: unknown): output is Refusal {
  return isObject(output) && output.part === 'refusal' && 'message' in output;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
