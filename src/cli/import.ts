/** `swirl import`: makes a run of a file that `swirl export` wrote. */
import type { Command } from 'commander';
import { counted } from './count.ts';
import { withExitCodes } from './exit.ts';
import { pathHere, swirlCommand } from './own-name.ts';
import { repeated } from './repeated.ts';
import type { SetFlags } from './topology-option.ts';
import { untilStopped } from './until-stopped.ts';

interface ImportFlags extends SetFlags {
  readonly folder: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('import')
    .summary('make a run of a file of `swirl export`')
    .description(
      'make a run of a file that `swirl export` wrote, once every byte of it was seen to be what was written. Its topics ' +
        'live where they lived before, or in another transport: --set transport.kind=embedded, or --set ' +
        "'transport={kind: kafka, brokers: [HOST:PORT]}'; every record keeps its offset and its time",
    )
    .argument('<file>', 'the file')
    .option('--folder <path>', 'where the runs live', 'runs')
    .option(
      '--set <path=value>',
      'a setting of the transport, such as transport.kind=embedded; may be given again',
      repeated,
    )
    .option('--json', 'print what was made as one JSON object');
  withExitCodes(command, {
    failed: 'the file is damaged, or nothing could be written',
    interrupted: 'interrupted: nothing was imported',
  }).action(async (file: string, { folder, set = [], json }: ImportFlags) => {
    const { importRun } = await import('../run-file/import-run.ts');
    const imported = await untilStopped('records', (work) => importRun({ ...work, file, folder, set }));
    if (imported === null) return;
    const { run, records, transport } = imported;
    if (json === true) {
      process.stdout.write(`${JSON.stringify(imported)}\n`);
      return;
    }
    const where = transport === 'kafka' ? `${imported.folder}, its topics on Kafka` : imported.folder;
    process.stdout.write(`the run ${run}, ${counted(records, 'record')}: ${where}\n`);
    process.stderr.write(`go on with it: ${swirlCommand('run', pathHere(imported.folder))}\n`);
  });
}
