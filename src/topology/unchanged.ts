/** Whether a run goes on with the modules and prompts that it began with. */
import { ConfigError } from '../errors.ts';
import { changed } from '../modules/load-part.ts';
import { examineParts } from './examine-parts.ts';
import { pathText } from './problem.ts';
import { askersOf, isModule, type PartPlace, partsIn } from './slots.ts';
import type { Topology } from './topology.ts';

/** The topology with what its modules and prompts are. Throws `ConfigError` where one cannot be used. */
export async function withPartsOf(topology: Topology): Promise<Topology> {
  const examined = await examineParts(topology);
  const errors = examined.findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new ConfigError(errors.map(({ message }) => message).join('\n'));
  return examined.topology;
}

export interface UnchangedOptions {
  /** What the run was begun with; null where it has not begun. */
  readonly begun: Topology | null;
  /** Whether the run's stage has consumed anything. */
  readonly hasBegun: (stage: string) => Promise<boolean>;
  readonly notify: (message: string) => void;
}

/**
 * Compares with what the run's resolved topology says, part by part. One that changed and has decided records
 * of this run already is a `ConfigError`, or is told where `modules.changed` is `allow`.
 */
export async function checkUnchanged(topology: Topology, options: UnchangedOptions): Promise<void> {
  if (options.begun === null) return;
  for (const { name, stages, file: path, was, is } of changedParts(options.begun, topology)) {
    const begun: string[] = [];
    for (const stage of stages) if (await options.hasBegun(stage)) begun.push(stage);
    if (begun.length === 0) continue;
    const what = `${name}: ${changed(path, was, is)}. The run ${topology.run} has records that the former decided`;
    if (topology.modules.changed === 'allow') {
      options.notify(`${what}; it goes on with what is there now, as modules.changed says.`);
      continue;
    }
    throw new ConfigError(
      `${what} (stage ${begun.join(', ')}). Put it back; or begin another run (\`--run NAME\`, or \`swirl replay\` from the topic before that stage); or go on with both kinds of records: --set modules.changed=allow`,
    );
  }
}

/** A module or prompt that is not what it was. */
export interface ChangedPart {
  /** Where it stands, such as `reward`. */
  readonly name: string;
  readonly file: string;
  /** The stages that ask it. */
  readonly stages: readonly string[];
  /** The hashes of its contents. */
  readonly was: string;
  readonly is: string;
}

/** Of the parts that are in both, those whose contents differ. */
export function changedParts(was: Topology, is: Topology): ChangedPart[] {
  const before = new Map(partsIn(was).map((place) => [pathText(place.path), place]));
  return partsIn(is).flatMap((place) => {
    const name = pathText(place.path);
    const [then, now] = [hashOf(before.get(name)), hashOf(place)];
    if (then === null || now === null || then === now) return [];
    const file = String(place.node[isModule(place) ? 'path' : 'prompt']);
    return [{ name, file, stages: askersOf(place, is), was: then, is: now }];
  });
}

function hashOf(place: PartPlace | undefined): string | null {
  if (place === undefined) return null;
  const hash = place.node[isModule(place) ? 'hash' : 'promptHash'];
  return typeof hash === 'string' ? hash : null;
}
