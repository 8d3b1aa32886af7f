/**
 * Who owns which input partition for a group. An owner is known by its epoch: a later owner raises it, and
 * commits of an earlier one are refused in the transaction itself, whatever the earlier one believes.
 *
 * A partition whose owner is a living process is not taken over (two `swirl run` of one run would fight),
 * unless the configuration says so. A killed process is seen to be dead at once, so that a restart works at
 * once. Across containers that share a folder process ids mean nothing: there the epoch alone protects.
 */
import { TransportError } from '../../errors.ts';
import { OWNER_KEYS, ownerKey, type Place } from './log-format.ts';
import { parse } from './log-store.ts';
import type { LogValues } from './log-values.ts';
import { processIdentity } from './process-identity.ts';

interface Owner {
  readonly epoch: number;
  /** Null when the owner has given the partition back. */
  readonly pid: number | null;
  /** What `processIdentity` said of it. */
  readonly process: string | null;
}

/**
 * Becomes the owner; returns the epoch. Throws a `TransportError` that names the process that is in the way.
 */
export function claim(values: LogValues, place: Place, takeOver: boolean): number {
  const owner = readOwner(values, place);
  if (!takeOver && owner !== undefined && owner.pid !== null && livesElsewhere(owner)) {
    throw new TransportError(
      `Partition ${place.partition} of topic ${place.topic} is being consumed by process ${owner.pid} for ${place.group}. ` +
        'Stop that process, run other stages here, or take its partitions: --set transport.takeOver=true.',
    );
  }
  const epoch = (owner?.epoch ?? 0) + 1;
  put(values, place, { epoch, pid: process.pid, process: processIdentity(process.pid) });
  return epoch;
}

/** Whether this epoch is still the owner. */
export function owns(values: LogValues, place: Place, epoch: number): boolean {
  return readOwner(values, place)?.epoch === epoch;
}

/** Lets other processes have it at once. The epoch stays: commits go on until another owner comes. */
export function release(values: LogValues, place: Place, epoch: number): void {
  if (owns(values, place, epoch)) put(values, place, { epoch, pid: null, process: null });
}

/** The message for an owner that another has taken over from. */
export function fencedError(values: LogValues, place: Place): TransportError {
  const by = readOwner(values, place)?.pid;
  return new TransportError(
    `Partition ${place.partition} of topic ${place.topic} was taken over for ${place.group}` +
      `${by == null ? '' : ` by process ${by}`}: nothing was committed here. The new owner repeats what was in flight.`,
  );
}

/** The living processes that own a partition. */
export function owners(values: LogValues): number[] {
  const pids = new Set<number>();
  for (const { key, value } of values.range(OWNER_KEYS)) {
    const { pid, process: identity } = parse<Owner>(values.unsealed(key, value, () => 'an owner'));
    if (pid !== null && identity !== null && processIdentity(pid) === identity) pids.add(pid);
  }
  return [...pids].sort((a, b) => a - b);
}

function livesElsewhere({ pid, process: identity }: Owner): boolean {
  return pid !== null && pid !== process.pid && identity !== null && processIdentity(pid) === identity;
}

function readOwner(values: LogValues, place: Place): Owner | undefined {
  const { group, topic, partition } = place;
  const what = () => `the owner of topic ${topic}, partition ${partition}, for ${group}`;
  const bytes = values.get(ownerKey(place), what);
  return bytes === undefined ? undefined : parse<Owner>(bytes);
}

function put(values: LogValues, place: Place, owner: Owner): void {
  values.put(ownerKey(place), Buffer.from(JSON.stringify(owner)));
}
