/** `swirl replay`: a new run from a recorded topic of an old one, with any setting changed. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ConfigError } from '../errors.ts';
import type { VerdictLabel } from '../topics/records.generated.ts';
import type { Topology } from '../topology/topology.ts';
import { exitText, withExitCodes } from './exit.ts';
import { repeated } from './repeated.ts';
import { type SetFlags, withSet } from './topology-option.ts';

interface ReplayFlags extends SetFlags {
  readonly run: string;
  readonly from?: string;
  readonly only?: readonly VerdictLabel[];
  readonly as?: string;
  readonly without?: readonly string[];
  readonly until?: string;
  readonly folder: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('replay')
    .summary('run stages again on what was recorded')
    .description(
      'run the stages downstream of a recorded topic again, in a new run, with any setting changed',
    )
    .requiredOption('--run <name>', 'the old run, by its name or its folder; it is only read')
    .option('--from <topic>', 'the recorded topic to start from, such as scored')
    .option('--as <name>', 'the new run; by default the old name and a number')
    .option('--without <id>', 'leave out a question, trajectory or step; may be given again', repeated)
    .addOption(
      new Option(
        '--only <verdict>',
        'judge only steps with this verdict again, such as UNKNOWN, and keep the other verdicts; may be given again (with it --from is sub-trajectories unless given)',
      ).argParser(verdictLabels),
    )
    .option(
      '--until <place>',
      'leave out what the topic has from an offset (of each partition) or a time on, such as 2026-11-29T21:00:00Z',
    )
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'print the summary as one JSON object');
  withExitCodes(withSet(command), {
    failures: exitText('failures'),
    nothing: exitText('nothing'),
    alarm: exitText('alarm'),
    budget: exitText('budget'),
    differs: exitText('differs'),
    interrupted: exitText('interrupted'),
  }).action(async (flags: ReplayFlags) => {
    const { replayTopology } = await import('../topology/replay.ts');
    const { runTopology } = await import('./run-topology.ts');
    const { untilOf } = await import('./until-option.ts');
    const { runPlace } = await import('../topology/run-place.ts');
    const place = runPlace(flags.run, flags.folder);
    const { as, set = [], without = [] } = flags;
    const until = flags.until === undefined ? undefined : untilOf(flags.until);
    const { formatProblems } = await import('../topology/problem.ts');
    const from = flags.from ?? (flags.only === undefined ? undefined : 'sub-trajectories');
    if (from === undefined)
      throw new ConfigError('expected --from TOPIC, the recorded topic to start from, such as --from scored');
    const options = { ...flags, ...place, from, set, until, ...(as === undefined ? {} : { as }) };
    const { topology, warnings } = await replayTopology(options);
    if (without.length > 0) await checkWithout(topology, without);
    if (warnings.length > 0) process.stderr.write(`${formatProblems(warnings)}\n`);
    process.stderr.write(`replaying ${from} of the run ${place.run} as the run ${topology.run}\n`);
    const { replayEnd } = await import('./replay-end.ts');
    process.exitCode = await runTopology(topology, {
      untilDrained: true,
      json: flags.json === true,
      conclude: (run) => replayEnd(run, place.run),
    });
  });
}

const LABELS: readonly VerdictLabel[] = ['GOOD', 'BAD', 'UNKNOWN'];

function verdictLabels(text: string, before: readonly VerdictLabel[] = []): VerdictLabel[] {
  const label = LABELS.find((one) => one === text.toUpperCase());
  if (label === undefined) throw new InvalidArgumentError(`expected one of ${LABELS.join(', ')}.`);
  return [...new Set([...before, label])];
}

/** A name of which there is no record would leave out nothing, in silence. */
async function checkWithout(topology: Topology, ids: readonly string[]): Promise<void> {
  const { source, stages, folder } = topology;
  if (source === null) return;
  const step = ids.find((id) => id.split('/').length > 2);
  if (step !== undefined && source.topic === 'trajectories') {
    throw new ConfigError(`--without ${step}: a trajectory is replayed whole: leave out its trajectory`);
  }
  if (step !== undefined && stages.filter !== undefined && stages.filter.mode !== 'none') {
    throw new ConfigError(
      `--without ${step}: \`filter\` waits for all steps of a trajectory: leave out its trajectory, or replay from \`accepted\` or \`scored\``,
    );
  }
  const [{ openRecorded }, { find }, { isNameOf }] = await Promise.all([
    import('../lineage/run-chain.ts'),
    import('../lineage/find.ts'),
    import('../topics/without-records.ts'),
  ]);
  const notify = (message: string) => void process.stderr.write(`${message}\n`);
  const run = await openRecorded({ folder, run: source.run }, { notify });
  try {
    for (const id of ids) {
      const [question, rollout] = id.split('/');
      const key = rollout === undefined ? null : `${question}/${rollout}`;
      const matches = (one: string) => one === question || one.startsWith(`${question}/`);
      const roots = new Set([question ?? id]);
      const found = await find(run, { topic: source.topic, key, roots, matches });
      if (found.some(({ key: of, record }) => isNameOf(id, { key: of, id: record?.id }))) continue;
      throw new ConfigError(
        `--without ${id}: expected the name of a question, trajectory or step with a record in \`${source.topic}\` of the run ${source.run}`,
      );
    }
  } finally {
    await run.transport.close();
  }
}
