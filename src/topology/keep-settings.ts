/** A run keeps the settings that its records depend on: they are compared whenever it is opened. */
import { ConfigError } from '../errors.ts';
import { type Difference, differencesOf } from './deciding-settings.ts';
import { flowStages } from './flow.ts';
import type { Topology } from './topology.ts';

export interface KeepSettingsOptions {
  /** What the run was begun with; null where it has not begun. */
  readonly begun: Topology | null;
  /** Whether a stage has consumed anything of a topic, of another run where one is named. */
  readonly hasBegun: (stage: string, topic: string, run: string | undefined) => Promise<boolean>;
  readonly notify: (message: string) => void;
}

/** A value in a message has at most so many characters. */
const SHOWN = 120;

/**
 * Refuses, with a `ConfigError`, a setting that is not what it was when records of this run were made by it;
 * what may be the same by another name is told. The returned function gives what is to be kept with the run:
 * stages that have begun stay in it, also where the topology at hand leaves them out.
 */
export async function keepSettings(
  topology: Topology,
  { begun: before, hasBegun, notify }: KeepSettingsOptions,
): Promise<(topology: Topology) => Topology> {
  if (before === null) return (same) => same;
  const begun = new Set<string>();
  const { source } = before;
  for (const { name, reads } of flowStages(before)) {
    const run = source?.topic === reads ? source.run : undefined;
    if (await hasBegun(name, reads, run)) begun.add(name);
  }
  const differences = differencesOf(before, topology).filter(({ stages }) =>
    stages.some((stage) => begun.has(stage)),
  );
  const refused = differences.filter(({ isTold }) => !isTold);
  if (refused.length > 0) throw refusal(topology, refused, begun);
  for (const difference of differences) notify(`the run ${topology.run} goes on with ${lineOf(difference)}`);
  const keep = <T>(was: Readonly<Record<string, T>>, is: Readonly<Record<string, T>>) => ({
    ...Object.fromEntries(Object.entries(was).filter(([name]) => begun.has(name))),
    ...is,
  });
  return (given) => ({
    ...given,
    stages: keep(before.stages, given.stages),
    ownStages: keep(before.ownStages, given.ownStages),
  });
}

function refusal(
  { run }: Topology,
  differences: readonly Difference[],
  begun: ReadonlySet<string>,
): ConfigError {
  const lines = differences.map((difference) => {
    const stages = difference.stages.filter((stage) => begun.has(stage));
    const have = stages.length === 1 ? 'has' : 'have';
    return `  ${lineOf(difference)} (${stages.join(', ')} ${have} records by it)`;
  });
  return new ConfigError(
    `the run ${run} was begun with other settings, and its records depend on them:\n${lines.join('\n')}\n` +
      `Set them back (\`-t FOLDER/${run}\` takes the run's own); or begin another run with yours: \`--run NAME\`, or ` +
      `\`swirl replay --run ${run} --from TOPIC --set SETTING=VALUE\``,
  );
}

function lineOf({ path, was, is }: Difference): string {
  const shown = (value: string | undefined) =>
    value === undefined ? 'not there' : value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value;
  return `${path}: ${shown(was)} in the run, ${shown(is)} given`;
}
