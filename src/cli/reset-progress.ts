/** What `swirl reset` does to a run, or in a new one. */
import { ConfigError } from '../errors.ts';
import { openRun } from '../open-run.ts';
import { openTransport } from '../open-transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import { topicSpecs } from '../topology/flow.ts';
import { replayTopology } from '../topology/replay.ts';
import type { Topology } from '../topology/topology.ts';
import { folderHere } from './of-run.ts';
import { doneBefore, type Move, planReset, type ResetStage, type ResetTo } from './reset-plan.ts';

export interface SetStage {
  readonly topology: Topology;
  readonly stage: ResetStage;
  readonly to: ResetTo;
  readonly partitions: readonly number[];
  /** The new run's name; undefined to set the progress of this one. */
  readonly into: string | undefined;
}

export interface Reset {
  readonly run: string;
  /** The run's folder, as commands take it. */
  readonly folder: string;
  readonly moves: readonly Move[];
}

const notify = (message: string) => void process.stderr.write(`${message}\n`);

/** Errors as of the transport; a `ConfigError` where outputs would be written twice. */
export function setStage(asked: SetStage): Promise<Reset> {
  return asked.into === undefined ? here(asked) : elsewhere(asked, asked.into);
}

async function here({ topology, stage, to, partitions }: SetStage): Promise<Reset> {
  const codec = await codecOf(topology, 'read');
  const transport = await openTransport(topology, { access: 'write', notify });
  try {
    await transport.ensureTopics(topicSpecs(topology));
    const moves = await planReset({ transport, stage, to, partitions });
    const twice = await doneBefore({ transport, codec }, stage, moves);
    if (twice !== null) {
      throw new ConfigError(
        `${twice} already: the stage ${stage.name} would write them a second time. Set it to where it had come, or do it again in a new run: --into NEW`,
      );
    }
    const { name: group, reads: topic, readsRun } = stage;
    const of = { group, topic, ...(readsRun === undefined ? {} : { run: readsRun }) };
    await transport.setProgress(of, new Map(moves.map(({ partition, after }) => [partition, after])));
    return { run: topology.run, folder: folderHere(topology), moves };
  } finally {
    await transport.close();
  }
}

/** A replay whose first stage begins where it is told. */
async function elsewhere({ topology, stage, to, partitions }: SetStage, into: string): Promise<Reset> {
  const { run, folder } = topology;
  const from = stage.reads;
  const replay = await replayTopology({ run, from, as: into, folder, set: [] });
  const readsRun = replay.topology.source?.run ?? run;
  const opened = await openRun(replay.topology, notify);
  try {
    const { transport } = opened;
    const moves = await planReset({ transport, stage: { ...stage, readsRun }, to, partitions });
    const of = { group: stage.name, topic: from, run: readsRun };
    await transport.setProgress(of, new Map(moves.map(({ partition, after }) => [partition, after])));
    return { run: into, folder: folderHere(replay.topology), moves };
  } finally {
    await opened.close();
  }
}
