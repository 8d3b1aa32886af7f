/** Which run is meant: by its name in the folder where runs live, or by the path of its own folder. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { nearest } from '../suggest.ts';
import { keptTopology, runsIn } from './kept.ts';
import { RESOLVED_FILE, RUN_FOLDERS } from './run-files.ts';
import type { Topology } from './topology.ts';

/** Runs that an error names where none is near. */
const MOST_NAMED = 5;

/** What a run's folder has, of which a damaged one has lost some. */
const PARTS = [RESOLVED_FILE, ...RUN_FOLDERS];

export interface RunPlace {
  /** Where the runs live. */
  readonly folder: string;
  readonly run: string;
}

/**
 * The run that is named. `broken`: also one that has lost what it was begun with. Throws a `ConfigError` where
 * there is none.
 */
export function runPlace(named: string, folder: string, { broken = false } = {}): RunPlace {
  const place = [{ folder, run: named }, placeOfPath(named)].find(
    ({ folder: of, run }) =>
      /^[^/\\]+$/.test(run) &&
      (broken ? PARTS : [RESOLVED_FILE]).some((part) => existsSync(join(of, run, part))),
  );
  if (place === undefined) throw noRun({ folder, run: named });
  return place;
}

/** The file of the topology that a run left. Throws a `ConfigError` where there is no such run. */
export function recordedFile(folder: string, run: string): string {
  const file = join(folder, run, RESOLVED_FILE);
  if (!existsSync(file)) throw noRun({ folder, run });
  return file;
}

/** The same, read. Throws as `keptTopology` does too. */
export function recordedTopology(folder: string, run: string): Topology {
  recordedFile(folder, run);
  return keptTopology(folder, run);
}

function placeOfPath(path: string): RunPlace {
  // Of `.` the name is that of the folder.
  const whole = /^\.{0,2}$/.test(basename(path)) ? resolve(path) : normalize(path);
  return { folder: dirname(whole), run: basename(whole) };
}

function noRun({ folder, run }: RunPlace): ConfigError {
  const names = runsIn(folder);
  const near = nearest(basename(run), names);
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  const there =
    near !== null
      ? `did you mean ${near}?`
      : names.length > 0
        ? `there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, MOST_NAMED).join(', ')}${more}`
        : `there are no runs${existsSync(folder) ? '' : ', and no such folder'}`;
  return new ConfigError(
    `there is no run ${run} in ${folder}: expected its name, or the path of its folder; ${there}`,
  );
}
