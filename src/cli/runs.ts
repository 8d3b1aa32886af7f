/** `swirl runs`: the runs of a folder; `swirl runs delete`: takes one away. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import { withExitCodes } from './exit.ts';

interface RunsFlags {
  readonly folder: string;
  readonly json?: boolean;
}

interface DeleteFlags {
  readonly yes?: boolean;
  readonly force?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('runs')
    .summary('list the runs of a folder, or delete one')
    .description(
      'list the runs of a folder, replays under what they replay: when the last record came (UTC), how many there are, ' +
        'the last update and its hash of the weights, what was asked of endpoints and spent, and what the folder takes on the disk',
    )
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'one JSON array, with the records of each topic');
  withExitCodes(command).action(async ({ folder, json }: RunsFlags) => {
    if (!existsSync(folder))
      throw new ConfigError(
        `there is no folder ${folder}: name yours with --folder, or begin a run with \`swirl feed\``,
      );
    const [{ listRuns }, { runsText }] = await Promise.all([
      import('../run-file/list-runs.ts'),
      import('./runs-text.ts'),
    ]);
    const runs = await listRuns(folder);
    if (json !== true && runs.length === 0)
      process.stderr.write(`there are no runs in ${folder}: the first \`swirl feed\` begins one\n`);
    else process.stdout.write(`${json === true ? JSON.stringify(runs) : runsText(runs)}\n`);
  });
  const remove = command
    .command('delete')
    .description(
      'delete a run for good: its topics, its progress and its folder. Refused while it is open, or while another run ' +
        'of the folder replays it or has its policy in it',
    )
    .argument('<run>', 'its name, or its folder')
    .option('-y, --yes', 'do not ask')
    .option('--force', 'also where it is open or used: those who read it will fail');
  withExitCodes(remove).action(async (run: string, flags: DeleteFlags) => {
    await deleteNamed({ folder: command.opts<RunsFlags>().folder, run }, flags);
  });
}

async function deleteNamed(named: { folder: string; run: string }, flags: DeleteFlags): Promise<void> {
  const [{ deleteRun, whyKeep }, { finishDeleting }, { keptTopology }, { runPlace }] = await Promise.all([
    import('../run-file/delete-run.ts'),
    import('../run-file/delete-folder.ts'),
    import('../topology/kept.ts'),
    import('../topology/run-place.ts'),
  ]);
  const finished = await finishDeleting(named.folder);
  const path = join(named.folder, named.run);
  if (finished.includes(named.run) && !existsSync(path)) {
    process.stdout.write(`deleted ${path}, of which a delete that was ended had left some\n`);
    return;
  }
  const place = runPlace(named.run, named.folder);
  const { folder, run } = place;
  const why = flags.force === true ? [] : await whyKeep(place);
  if (why.length > 0)
    throw new ConfigError(
      `the run ${run} was not deleted: ${why.join('; ')}. To delete it all the same: --force`,
    );
  const { kind } = keptTopology(folder, run).transport;
  const what = kind === 'kafka' ? `${folder}/${run}, and its topics on the cluster` : `${folder}/${run}`;
  if (flags.yes !== true) await confirm(`delete ${what}?`);
  await deleteRun(place);
  process.stdout.write(`deleted ${what}\n`);
}

/** Throws where the answer is not yes, or nobody is there to give one. */
async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new ConfigError(`${question} Nobody can be asked here: say --yes`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new ConfigError('nothing was deleted');
  } finally {
    terminal.close();
  }
}
