/** What an error of Kafka's means for us. */
import { SwirlError, TransportError } from '../../errors.ts';
import { OutputRefused } from '../output-refused.ts';

/** An error of kafkajs, as far as we look at it. */
interface WireError extends Error {
  readonly type?: string;
  readonly cause?: unknown;
}

/** Names of errors of connections and of stale metadata: another attempt, on a new connection, may do. */
const PASSING_NAMES = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSNoBrokerAvailableError',
]);

const PASSING_TYPES = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_CONTROLLER',
  'CONCURRENT_TRANSACTIONS',
  'TRANSACTION_COORDINATOR_FENCED',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'PREFERRED_LEADER_NOT_AVAILABLE',
  'STALE_BROKER_EPOCH',
  'UNSTABLE_OFFSET_COMMIT',
]);

/** The request itself is refused: no other attempt, producer or owner would fare better. */
const REFUSED_TYPES = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_TRANSACTION_TIMEOUT',
  'INVALID_REQUEST',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'OFFSET_METADATA_TOO_LARGE',
  'INVALID_COMMIT_OFFSET_SIZE',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'SECURITY_DISABLED',
  'POLICY_VIOLATION',
]);

/** The error that kafkajs wrapped, where it gave up its own attempts. */
function root(error: unknown): WireError | undefined {
  let at = error;
  while (at instanceof Error) {
    const wrapped =
      /^KafkaJS(NumberOfRetriesExceeded|NonRetriableError)$/.test(at.name) && at.cause instanceof Error;
    if (!wrapped) return at as WireError;
    at = at.cause;
  }
  return undefined;
}

/** Kafka's own name of the error, such as `REBALANCE_IN_PROGRESS`. */
export function typeOf(error: unknown): string | undefined {
  return root(error)?.type;
}

/** Whether the cluster may be all right again in a while. */
export function isPassing(error: unknown): boolean {
  const found = root(error);
  if (found === undefined || found instanceof SwirlError) return false;
  if (found.type !== undefined && PASSING_TYPES.has(found.type)) return true;
  const code = (found as { code?: unknown }).code;
  return (
    PASSING_NAMES.has(found.name) ||
    isLostConnection(found) ||
    (typeof code === 'string' && /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(code))
  );
}

/**
 * kafkajs loses its way, with errors of no kind (`Broker not connected`, a `TypeError`), when connections go
 * away under it: new ones are all that it takes. What others throw within its frames is no outage.
 */
function isLostConnection({ name, type, stack = '' }: WireError): boolean {
  if (type !== undefined || name.startsWith('KafkaJS')) return false;
  const thrownIn = stack.split('\n').find((line) => /^\s+at /.test(line) && !/\bnode:/.test(line)) ?? '';
  return /[\\/]kafkajs[\\/]src[\\/]/.test(thrownIn);
}

/** Whether kafkajs has lost its way: again and again it is a defect, and no outage. */
export function isAstray(error: unknown): boolean {
  const found = root(error);
  return found !== undefined && !(found instanceof SwirlError) && isLostConnection(found);
}

/** Whether it passes without new connections or metadata: the broker is busy with what was asked before. */
export function isBusy(error: unknown): boolean {
  return ['CONCURRENT_TRANSACTIONS', 'GROUP_LOAD_IN_PROGRESS', 'UNSTABLE_OFFSET_COMMIT'].includes(
    typeOf(error) ?? '',
  );
}

/** Whether the brokers do not know the topic: it was deleted, or they have just started. Wrapped errors too. */
export function isUnknownTopic(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  return [error, cause].some((one) => typeOf(one) === 'UNKNOWN_TOPIC_OR_PARTITION');
}

/** Whether the request can never succeed as it is. */
export function isRefused(error: unknown): boolean {
  const found = root(error);
  if (found === undefined) return true;
  if (found instanceof SwirlError) return true;
  if (found.type !== undefined) return REFUSED_TYPES.has(found.type);
  return !found.name.startsWith('KafkaJS') || /SASL|NotImplemented|ServerDoesNotSupport/.test(found.name);
}

/** Whether the brokers find a record, or the batch that it is in, too large or unfit for its topic. */
export function isTooLarge(error: unknown): boolean {
  return ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'].includes(typeOf(error) ?? '');
}

/** A record by itself was refused. */
export function refusedOutput(what: string, error: unknown): OutputRefused {
  return new OutputRefused(transportError(what, error).message, { cause: error });
}

/** As a `TransportError` that says what was tried; errors of Swirl's own stay as they are. */
export function transportError(what: string, error: unknown): SwirlError {
  if (error instanceof SwirlError) return error;
  const found = root(error);
  const hint = hintFor(found);
  return new TransportError(`${what}: ${found?.message ?? String(error)}${hint}`, { cause: error });
}

/** What a client needs, by the error that it gets without. */
const RIGHTS: ReadonlyMap<string, string> = new Map([
  [
    'TOPIC_AUTHORIZATION_FAILED',
    'Describe, Read, Write and DescribeConfigs on topics, and Create where it is to make them',
  ],
  ['GROUP_AUTHORIZATION_FAILED', 'Describe and Read on groups'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'Describe and Write on transactional ids'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'Create on topics (or somebody else makes them before)'],
]);

/** Whether this client may not do what it asked for. */
export function isForbidden(error: unknown): boolean {
  return RIGHTS.has(typeOf(error) ?? '');
}

function hintFor(error: WireError | undefined): string {
  const right = RIGHTS.get(error?.type ?? '');
  if (right !== undefined) {
    return `. The user of this client lacks a right: it needs ${right}, for all names that begin with swirl. (docs/kafka.md, Rights)`;
  }
  if (error?.name.includes('SASL'))
    return '. Look at the names of the secrets under security.sasl, and at what they hold';
  if (error?.type === 'MESSAGE_TOO_LARGE' || error?.type === 'RECORD_LIST_TOO_LARGE') {
    return '. The topic allows less than transport.maxRecordBytes: raise its max.message.bytes, or lower transport.maxRecordBytes';
  }
  return '';
}
