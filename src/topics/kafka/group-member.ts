/**
 * One member of a consumer group, on one topic: joins, sends heartbeats whatever else is going on,
 * and tells which partitions it was given. Kafka's classic protocol; the members assign the
 * partitions among themselves (`assignment.ts`).
 */
import { sleep } from '../../clock.ts';
import { TransportError } from '../../errors.ts';
import { assign } from './assignment.ts';
import type { Broker, JoinAnswer } from './broker.ts';
import { isPassing, transportError, typeOf } from './kafka-errors.ts';
import type { Link } from './link.ts';
import { groupRequest, MemberAssignment, MemberMetadata } from './wire.ts';

export interface MemberOptions {
  readonly link: Link;
  readonly group: string;
  /** The topic's name on the cluster. */
  readonly topic: string;
  /** Static membership's name; null for none. */
  readonly worker: string | null;
  readonly sessionMs: number;
  readonly heartbeatMs: number;
  readonly rebalanceMs: number;
  /** The partitions that are in hand, asked for whenever the group is joined. */
  readonly owned: () => readonly number[];
  /** The partitions that this member is to have from now on: all others that it has it must let go. */
  readonly onAssigned: (partitions: readonly number[]) => void;
  /** The group has forgotten this member: others may have its partitions. */
  readonly onEvicted: (reason: TransportError) => void;
}

/** The protocol's name: members of another make cannot join the group. */
const PROTOCOL = 'swirl-sticky';
/** A wait of this many milliseconds for a group is worth a note. */
const TELL_MS = 5_000;
/** Longest time that leaving may take, in milliseconds. */
const LEAVE_MS = 2_000;

export class GroupMember {
  readonly #options: MemberOptions;
  #memberId = '';
  #generation = -1;
  #joining = false;
  #left = false;
  /** Aborted to end a pause between heartbeats. */
  #wake = new AbortController();
  #rejoin = false;
  /** When the group was last heard of, and how late a pause between heartbeats ended since: milliseconds. */
  #heard = 0;
  #late = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /**
   * Is a member until the signal aborts; then leaves. Throws a `TransportError` when it cannot be one any
   * more.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { link } = this.#options;
    // A group answers a request to join when all its members have been heard of: nobody who ends waits for
    // that.
    const interrupt = () => {
      if (this.#joining) link.reset();
    };
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      while (!signal.aborted) {
        try {
          await link.patiently(`joining the group ${this.#options.group}`, () => this.#join(), signal);
          await this.#stay(signal);
        } catch (error) {
          if (signal.aborted) break;
          this.#leaveOrGo(error);
        }
      }
    } finally {
      signal.removeEventListener('abort', interrupt);
      await this.#leave();
    }
  }

  /** Joins again soon, as partitions in hand have changed: those that were let go can be given to others. */
  renew(): void {
    this.#rejoin = true;
    this.#wake.abort();
  }

  /** Asks the group whether this member is still one of it, and so may still have its partitions. */
  async confirm(): Promise<boolean> {
    // Who is joining has been heard of, and keeps its partitions until it is told otherwise. Who has left of
    // its own will may still have something in hand to commit.
    if (this.#joining || this.#left) return true;
    if (this.#memberId === '') return false;
    try {
      await this.#heartbeat();
      return true;
    } catch (error) {
      if (typeOf(error) === 'REBALANCE_IN_PROGRESS') return true;
      if (isPassing(error)) throw error;
      this.#wake.abort();
      return false;
    }
  }

  async #join(): Promise<void> {
    const { link, group, topic, worker, sessionMs, rebalanceMs, owned } = this.#options;
    this.#joining = true;
    // A group waits for its members, for one that died too.
    const told = setTimeout(() => link.options.notify(waiting(group, sessionMs, rebalanceMs)), TELL_MS);
    try {
      const coordinator = await link.coordinator('group', group);
      // What is let go while the others are waited for was still claimed in this request: it needs another
      // one.
      this.#rejoin = false;
      const userData = Buffer.from(JSON.stringify({ owned: owned() }));
      const request = (memberId: string) =>
        groupRequest(coordinator, 'JoinGroup', {
          groupId: group,
          sessionTimeout: sessionMs,
          rebalanceTimeout: rebalanceMs,
          memberId,
          groupInstanceId: worker,
          protocolType: 'consumer',
          groupProtocols: [
            { name: PROTOCOL, metadata: MemberMetadata.encode({ version: 0, topics: [topic], userData }) },
          ],
        }) as Promise<JoinAnswer>;
      const joined = await request(this.#memberId).catch((error: unknown) => {
        const { memberId } = error as { memberId?: string };
        if (typeOf(error) === 'MEMBER_ID_REQUIRED' && memberId !== undefined) return request(memberId);
        throw error;
      });
      this.#memberId = joined.memberId;
      this.#generation = joined.generationId;
      const assigned = await this.#sync(coordinator, joined);
      this.#hear();
      this.#options.onAssigned(assigned);
    } finally {
      clearTimeout(told);
      this.#joining = false;
    }
  }

  async #sync(coordinator: Broker, joined: JoinAnswer): Promise<number[]> {
    const { link, group, topic, worker } = this.#options;
    const leads = joined.leaderId === joined.memberId && joined.members.length > 0;
    const groupAssignment = leads ? this.#assignment(await this.#partitions(link), joined) : [];
    const { memberAssignment } = (await groupRequest(coordinator, 'SyncGroup', {
      groupId: group,
      generationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: worker,
      groupAssignment,
    })) as { memberAssignment: Buffer };
    const { assignment = {} } = MemberAssignment.decode(memberAssignment) ?? {};
    return [...(assignment[topic] ?? [])];
  }

  async #partitions(link: Link): Promise<number> {
    const cluster = await link.cluster(this.#options.topic);
    await cluster.refreshMetadata();
    return cluster.findTopicPartitionMetadata(this.#options.topic).length;
  }

  #assignment(count: number, { members }: JoinAnswer) {
    const claims = members.map(({ memberId, memberMetadata }) => ({
      member: memberId,
      owned: ownedIn(memberMetadata),
    }));
    return [...assign(count, claims)].map(([memberId, partitions]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({
        version: 0,
        assignment: { [this.#options.topic]: partitions },
        userData: Buffer.alloc(0),
      }),
    }));
  }

  /** Heartbeats, until the group must be joined again (returns) or has forgotten this member (throws). */
  async #stay(signal: AbortSignal): Promise<void> {
    const { link, group, heartbeatMs } = this.#options;
    while (!signal.aborted && !this.#rejoin) {
      this.#wake = new AbortController();
      const due = link.options.now() + heartbeatMs;
      await sleep(heartbeatMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => {});
      this.#late = Math.max(this.#late, link.options.now() - due);
      if (signal.aborted || this.#rejoin) return;
      try {
        await link.patiently(`staying in the group ${group}`, () => this.#heartbeat(), signal);
      } catch (error) {
        if (typeOf((error as Error).cause) === 'REBALANCE_IN_PROGRESS') return;
        throw error;
      }
    }
  }

  async #heartbeat(): Promise<void> {
    const { link, group, worker } = this.#options;
    const coordinator = await link.coordinator('group', group);
    await groupRequest(coordinator, 'Heartbeat', {
      groupId: group,
      groupGenerationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: worker,
    });
    this.#hear();
  }

  #hear(): void {
    this.#heard = this.#options.link.options.now();
    this.#late = 0;
  }

  /** Why the group gave this member's partitions away. */
  #silence(): string {
    const { link, group, sessionMs, heartbeatMs } = this.#options;
    const seconds = (ms: number) => `${Math.round(ms / 100) / 10} s`;
    const silent = seconds(link.options.now() - this.#heard);
    const busy =
      this.#late > heartbeatMs
        ? ` This process stood still for ${seconds(this.#late)} (paused, or long work that gives way to nothing): a longer sessionMs outlasts that.`
        : '';
    return `The group ${group} did not hear of this worker for ${silent} (sessionMs: ${seconds(sessionMs)}), and gave its partitions away; it joins again.${busy}`;
  }

  /**
   * After an error: forgotten by the group, it comes back as a new member. Anything else ends the membership.
   */
  #leaveOrGo(error: unknown): void {
    const { group, worker, onEvicted } = this.#options;
    const type = typeOf(error instanceof TransportError ? error.cause : error);
    switch (type) {
      case 'REBALANCE_IN_PROGRESS':
        return;
      case 'UNKNOWN_MEMBER_ID':
      case 'ILLEGAL_GENERATION':
        this.#memberId = '';
        this.#options.link.options.notify(this.#silence(), 'warn');
        onEvicted(new TransportError(this.#silence(), { retryable: true }));
        return;
      case 'FENCED_INSTANCE_ID': {
        this.#memberId = '';
        const fenced = new TransportError(
          `Another worker has started under this one's name, "${worker}" (worker of the transport), and has its partitions.`,
        );
        onEvicted(fenced);
        throw fenced;
      }
      case 'INCONSISTENT_GROUP_PROTOCOL':
        throw new TransportError(
          `The group ${group} has members that are not Swirl's: its name is taken. Stop them, or choose another name for the run.`,
          { cause: error },
        );
      case 'INVALID_SESSION_TIMEOUT':
        throw new TransportError(
          `The brokers do not allow a session of ${this.#options.sessionMs} ms (sessionMs of the transport): see their group.min.session.timeout.ms and group.max.session.timeout.ms.`,
          { cause: error },
        );
      default:
        throw transportError(`being a member of the group ${group}`, error);
    }
  }

  /** Lets the others have the partitions at once, if that can be done quickly. */
  async #leave(): Promise<void> {
    const { link, group, worker } = this.#options;
    const { closed } = link.options;
    this.#left = true;
    const memberId = this.#memberId;
    if (memberId === '') return;
    // A request to join may still be waiting on the old connections.
    link.reset();
    const leaving = (async () => {
      const coordinator = await link.coordinator('group', group);
      await groupRequest(coordinator, 'LeaveGroup', { groupId: group, memberId, groupInstanceId: worker });
    })().catch(() => {});
    await Promise.race([leaving, sleep(LEAVE_MS, closed).catch(() => {})]);
  }
}

function waiting(group: string, sessionMs: number, rebalanceMs: number): string {
  return (
    `Waiting for the group ${group}: other workers finish what they have in hand (up to ${rebalanceMs / 1000} s), ` +
    `or one ended without leaving (it is forgotten after ${sessionMs / 1000} s; see worker of the transport).`
  );
}

/** What a member has in hand; nothing where it does not say so. */
function ownedIn(metadata: Buffer): number[] {
  try {
    const { owned } = JSON.parse(MemberMetadata.decode(metadata).userData?.toString('utf8') ?? '') as {
      owned?: unknown;
    };
    return Array.isArray(owned)
      ? owned.filter((partition) => Number.isInteger(partition) && partition >= 0)
      : [];
  } catch {
    return [];
  }
}
