/** How a run is named in the commands that are printed. */
import { LostRecordsError } from '../topics/lost-records.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { pathHere, swirlCommand } from './own-name.ts';

/** A run, and where the runs live. */
type RunNamed = Pick<Topology, 'folder' | 'run'>;

/** The run's folder from here, which names it wherever it lives. */
export function folderHere(named: RunNamed): string {
  return pathHere(runFolder(named));
}

/** The words that name the run to every command about one. */
export function ofRun(named: RunNamed): ['-t', string] {
  return ['-t', folderHere(named)];
}

/** The command that replays it. */
export function replayOf({ folder, run }: RunNamed, more: readonly string[]): string {
  const where = pathHere(folder);
  return swirlCommand('replay', '--run', run, ...(where === 'runs' ? [] : ['--folder', where]), ...more);
}

/** What stopped a run, with the commands that go on as they are typed here. */
export function withCommands(error: unknown, named: RunNamed): unknown {
  if (!(error instanceof LostRecordsError)) return error;
  return error.typed(([command = '', ...words]) =>
    command === 'replay' ? replayOf(named, words) : swirlCommand(command, ...words, ...ofRun(named)),
  );
}
