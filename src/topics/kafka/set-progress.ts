/** Sets a group's progress, as its owner would: whoever had the partitions before is fenced. */
import { TransportError } from '../../errors.ts';
import { Committer } from './committer.ts';
import type { Link } from './link.ts';
import { describeTopics } from './topic-metadata.ts';

export interface SetProgressOptions {
  readonly link: Link;
  /** The consumer group's name, and the topic's, on the cluster. */
  readonly group: string;
  readonly name: string;
  /** How many partitions the topic is declared with, where it is the run's own. */
  readonly declared: number | undefined;
  readonly transactionMs: number;
}

/** By partition. Throws a `TransportError` where the group has members. */
export async function setProgress(
  { link, group, name, declared, transactionMs }: SetProgressOptions,
  offsets: ReadonlyMap<number, number>,
): Promise<void> {
  const { members, id } = await link.patiently(`looking at the group ${group}`, async () => {
    const coordinator = await link.coordinator('group', group);
    const { groups } = await coordinator.describeGroups({ groupIds: [group] });
    return {
      members: groups.flatMap((one) => one.members).length,
      id: (await describeTopics(link, [name]))?.get(name)?.id ?? '',
    };
  });
  if (members > 0) {
    throw new TransportError(
      `The group ${group} has ${members} members: stop the workers of the run first (one that was killed is forgotten after ` +
        'sessionMs of the transport).',
    );
  }
  for (const [partition, offset] of offsets) {
    const committer = new Committer({
      ...{ link, transactionMs },
      transactionalId: `${group}/${partition}`,
      place: { group, name, partition },
      mark: markOf(id, declared),
      what: `partition ${partition} of ${name} for the group ${group}`,
    });
    await committer.take(link.options.closed);
    await committer.commit(offset, []);
  }
}

/** What is stored with progress: which topic of that name it is of, and over how many partitions its keys are spread. */
export function markOf(id: string | null | undefined, declared: number | undefined): string {
  return `${id ?? ''}/${declared ?? ''}`;
}
