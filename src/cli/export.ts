/** `swirl export`: a run as one file. */
import type { Command } from 'commander';
import { counted } from './count.ts';
import { withExitCodes } from './exit.ts';
import { untilStopped } from './until-stopped.ts';

interface ExportFlags {
  readonly folder: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('export')
    .summary('write a run into one file')
    .description(
      'write a run into one file, for `swirl import`: every record with its offset and time, what each stage has ' +
        'consumed, the settings, the checkpoints and what else lies in its folder. The form: docs/runs.md',
    )
    .argument('<run>', 'its name')
    .argument('<file>', 'the file, such as main.tar; it must not be there')
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'print what was written as one JSON object');
  withExitCodes(command, { interrupted: 'interrupted: nothing was written' }).action(
    async (run: string, file: string, { folder, json }: ExportFlags) => {
      const { exportRun } = await import('../run-file/export-run.ts');
      const { bytesText } = await import('../engine/webgpu/memory/memory-advice.ts');
      const exported = await untilStopped((work) => exportRun({ ...work, folder, run, file }));
      if (exported === null) return;
      const { records, files, bytes } = exported;
      const said = `${file}: ${counted(records, 'record')} and ${counted(files, 'file')} of the run ${run}, ${bytesText(bytes)}`;
      process.stdout.write(`${json === true ? JSON.stringify({ run, file, ...exported }) : said}\n`);
    },
  );
}
