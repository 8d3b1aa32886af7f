/**
 * What topics cost training: a replay from `scored` (records read from the log, decoded, updates committed) against
 * the same training on the same records from memory, by the library's `train`. Both end with the weights of the
 * recorded run before anything is timed, and alternate.
 *
 *   npx tsx bench/replay.ts [FOLDER RUN]     a recorded run; by default that of a small demo, made for this
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { from, lastValueFrom, toArray } from 'rxjs';
import { train } from '../src/library/operators/train.ts';
import { openRun } from '../src/open-run.ts';
import { arrayOf } from '../src/topics/read-records.ts';
import type { Scored } from '../src/topics/records.generated.ts';
import { examineFile } from '../src/topology/load.ts';
import { replayTopology } from '../src/topology/replay.ts';
import { RESOLVED_FILE } from '../src/topology/run-files.ts';
import { compareRounds, type Took, tookOf } from './rivals/decoder.ts';

const ROUNDS = 5;

const scratch = await mkdtemp(join(tmpdir(), 'swirl-replay-'));
try {
  const [folder = join(scratch, 'runs'), run = 'demo-1'] = process.argv.slice(2);
  if (process.argv.length < 3) makeDemo(folder);
  await compare(folder, run);
} finally {
  await rm(scratch, { recursive: true, force: true });
}

function makeDemo(folder: string): void {
  const swirl = fileURLToPath(new URL('../bin/swirl.js', import.meta.url));
  const { status } = spawnSync(
    process.execPath,
    [swirl, 'demo', '--folder', folder, '--questions', '60', '--held-out', '4'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) throw new Error(`the demo ended with ${status}`);
}

async function compare(folder: string, run: string): Promise<void> {
  const { topology } = examineFile(join(folder, run, RESOLVED_FILE));
  if (!topology) throw new Error(`${join(folder, run)}: expected a run, found none`);
  const old = await openRun(topology);
  const records = await arrayOf(old.read('scored'));
  const recorded = (await arrayOf(old.read('updates'))).map(({ weightsHash }) => weightsHash);
  await old.close();
  const { policy, learner, tasks, seed } = topology;
  const settings = topology.stages.train;
  if (!settings || policy.kind !== 'local') throw new Error('expected a run that trains a local policy');
  const { reads: _, writes: __, ...training } = settings;
  const { kind: ___, ...sampled } = policy;

  const fromMemory = async (round: number): Promise<string[]> => {
    const checkpoints = join(scratch, `memory-${round}`);
    const updates = await lastValueFrom(
      from(records as Scored[]).pipe(
        train({ ...training, policy: learner ?? sampled, checkpoints, tasks, tools: topology.tools, seed }),
        toArray(),
      ),
    );
    return updates.map(({ weightsHash }) => weightsHash);
  };
  const fromTopic = async (round: number): Promise<string[]> => {
    const { topology: replay } = await replayTopology({
      ...{ run, from: 'scored', folder, as: `replay-${round}`, set: [] },
    });
    const again = await openRun(replay);
    const { signal } = new AbortController();
    const { finished } = await again.start({ untilDrained: true, stop: signal, abort: signal });
    await finished;
    const updates = await arrayOf(again.read('updates'));
    await again.close();
    return updates.map(({ weightsHash }) => weightsHash);
  };

  const took: Record<'memory' | 'topic', Took[]> = { memory: [], topic: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, once] of [
      ['memory', fromMemory],
      ['topic', fromTopic],
    ] as const) {
      let hashes: string[] = [];
      const each = await tookOf(1, async () => {
        hashes = await once(round);
      });
      if (hashes.join() !== recorded.join())
        throw new Error(
          `training from ${name}: expected the weights ${recorded.at(-1)}, found ${hashes.at(-1)}`,
        );
      if (round > 0) took[name].push(each);
    }
  }
  const all = records.length * settings.epochs;
  console.log(
    `${records.length} scored steps, ${settings.epochs} epochs, ${recorded.length} updates: the same weights from topics and from memory`,
  );
  for (const measure of ['clock', 'processors'] as const) {
    const of = (name: 'memory' | 'topic') => took[name].map((each) => each[measure]);
    const { ratio, range, ours, theirs } = compareRounds(all, of('topic'), of('memory'));
    console.log(
      `${measure}: from topics ${ours.toFixed(0)} steps/s, from memory ${theirs.toFixed(0)}; ratio ${ratio.toFixed(3)} (${range})`,
    );
  }
}
