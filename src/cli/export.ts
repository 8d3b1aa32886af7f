/** `swirl export`: a run as one file, or its trajectories as a data set. */
import { type Command, Option } from 'commander';
import { ConfigError } from '../errors.ts';
import { counted } from './count.ts';
import { withExitCodes } from './exit.ts';
import { untilStopped } from './until-stopped.ts';

/** What is written: the run itself, or rows of `row-forms.ts`. */
const FORMS = ['run', 'messages', 'trajectories'] as const;

interface ExportFlags {
  readonly folder: string;
  readonly as?: (typeof FORMS)[number];
  readonly where?: string;
  readonly json?: boolean;
}

interface Asked extends ExportFlags {
  readonly run: string;
  readonly file: string;
}

export function register(program: Command): void {
  const command = program
    .command('export')
    .summary('write a run, or its trajectories, into one file')
    .description(
      'write a run into one file, for `swirl import`: every record with its offset and time, what each stage has ' +
        'consumed, the settings, the checkpoints and what else lies in its folder. Into a file that ends with .jsonl or ' +
        '.parquet: its trajectories, one a row, with verdicts and rewards. The forms: docs/runs.md',
    )
    .argument('<run>', 'its name, or its folder')
    .argument('<file>', 'the file, such as main.tar; it must not be there')
    .addOption(
      new Option(
        '--as <form>',
        'run; messages: conversations as TRL and datasets read them; trajectories: steps with their parts (default: by ' +
          'the ending of the file, run or messages)',
      ).choices(FORMS),
    )
    .option('--where <condition>', "only rows that meet it, such as 'accepted == true and reward > 0.5'")
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'print what was written as one JSON object');
  withExitCodes(command, { interrupted: 'interrupted: nothing was written' }).action(
    async (named: string, file: string, flags: ExportFlags) => {
      const { ROW_FILES } = await import('../run-file/export-rows.ts');
      const as = flags.as ?? (ROW_FILES.test(file) ? 'messages' : 'run');
      if (flags.as === undefined && as === 'run' && !file.endsWith('.tar'))
        throw new ConfigError(
          `${file}: expected a file that ends with .tar for the run, or with .jsonl or .parquet for its trajectories; ` +
            'for the run in a file of another name add --as run',
        );
      const { runPlace } = await import('../topology/run-place.ts');
      const asked = { ...flags, ...runPlace(named, flags.folder), file };
      const { run } = asked;
      const done = await (as === 'run' ? exportWhole(asked) : exportTrajectories(asked, as));
      if (done === null) return;
      const { said, ...figures } = done;
      process.stdout.write(`${flags.json === true ? JSON.stringify({ run, file, as, ...figures }) : said}\n`);
    },
  );
}

async function exportWhole({ run, file, folder, where }: Asked) {
  if (where !== undefined)
    throw new ConfigError(
      '--where chooses rows of trajectories; a run is exported whole: name a file that ends with .jsonl or .parquet',
    );
  const { exportRun } = await import('../run-file/export-run.ts');
  const { bytesText } = await import('../engine/webgpu/memory/memory-advice.ts');
  const exported = await untilStopped('records', (work) => exportRun({ ...work, folder, run, file }));
  if (exported === null) return null;
  const { records, files, bytes } = exported;
  const said = `${file}: ${counted(records, 'record')} and ${counted(files, 'file')} of the run ${run}, ${bytesText(bytes)}`;
  return { ...exported, said };
}

async function exportTrajectories({ run, file, folder, where }: Asked, form: 'messages' | 'trajectories') {
  const { exportRows } = await import('../run-file/export-rows.ts');
  const condition = where ?? null;
  const exported = await untilStopped('trajectories', (work) =>
    exportRows({ ...work, folder, run, file, form, where: condition }),
  );
  if (exported === null) return null;
  const { rows, of } = exported;
  const chosen =
    condition === null
      ? counted(rows, 'trajectory', 'trajectories')
      : `${rows} of ${counted(of, 'trajectory', 'trajectories')}`;
  return { ...exported, said: `${file}: ${chosen} of the run ${run}, as ${form}` };
}
