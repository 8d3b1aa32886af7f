/** The consumer groups of a run, who is in them, and how a run is taken off a cluster. */
import { typeOf } from './kafka-errors.ts';
import type { Link } from './link.ts';
import { groupPrefix, topicName } from './names.ts';

/** How long a cluster may take to delete topics, in milliseconds. */
const DELETE_MS = 30_000;

interface RunGroup {
  readonly id: string;
  /** Whether it ever had members: the others only hold progress. */
  readonly isJoined: boolean;
}

/** By name. */
async function groupsOf(link: Link, run: string): Promise<RunGroup[]> {
  const cluster = await link.cluster();
  const found = new Map<string, RunGroup>();
  for (const nodeId of cluster.getNodeIds()) {
    const broker = await cluster.findBroker({ nodeId });
    for (const { groupId, protocolType } of (await broker.listGroups()).groups) {
      if (groupId.startsWith(groupPrefix(run)))
        found.set(groupId, { id: groupId, isJoined: protocolType !== '' });
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The members of the run's groups, in words. */
export function workersOf(link: Link, run: string): Promise<string[]> {
  return link.patiently(`looking for workers of run "${run}"`, async () => {
    const workers: string[] = [];
    for (const { id, isJoined } of await groupsOf(link, run)) {
      if (!isJoined) continue;
      const coordinator = await link.coordinator('group', id);
      const { groups } = await coordinator.describeGroups({ groupIds: [id] });
      for (const { clientHost } of groups.flatMap((group) => group.members))
        workers.push(`a member of ${id} at ${clientHost.replace(/^\//, '')}`);
    }
    return workers;
  });
}

/** Deletes the topics, and then the progress of the run's groups. What is not there is no error. */
export async function removeRun(link: Link, run: string, topics: readonly string[]): Promise<void> {
  await removeTopics(link, run, topics);
  await link.patiently(`deleting the groups of run "${run}"`, async () => {
    for (const { id } of await groupsOf(link, run)) {
      const coordinator = await link.coordinator('group', id);
      const { results } = await coordinator.deleteGroups([id]);
      const error = results.find((result) => result.error !== undefined)?.error;
      if (error !== undefined && typeOf(error) !== 'GROUP_ID_NOT_FOUND') throw error;
    }
  });
}

/** Deletes those topics of a run. */
export async function removeTopics(link: Link, run: string, topics: readonly string[]): Promise<void> {
  await link.patiently(`deleting the topics of run "${run}"`, async () => {
    const controller = await (await link.cluster()).findControllerBroker();
    for (const topic of topics) {
      try {
        await controller.deleteTopics({ topics: [topicName(run, topic)], timeout: DELETE_MS });
      } catch (error) {
        if (typeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      }
    }
  });
}
