/** Parts that a program hands over as values, in place of a module's path. */
import { ConfigError } from '../errors.ts';
import type { Definition, PartCalls, PartName } from '../parts/define.ts';
import { type ModuleContext, type ModulePart, openLoadedPart } from './call-module.ts';
import { checkSettings } from './check-export.ts';
import { readDefinition } from './load-part.ts';
import type { ModuleSettings } from './module-settings.ts';

/** A function, or what `defineTool` and the like give. */
export type PartValue<Name extends PartName> = PartCalls[Name] | Definition<Name, PartCalls[Name]>;

/** A part with its settings, which its own schema checks, and how long one call may take (30 s). */
export interface WithSettings<Name extends PartName> {
  readonly module: PartValue<Name>;
  readonly settings?: ModuleSettings['settings'];
  readonly timeoutMs?: number;
}

export type GivenPart<Name extends PartName> = PartValue<Name> | WithSettings<Name>;

/** Whether it is such a part, and not settings of a topology or an object that was made. */
export function isGiven<Name extends PartName>(value: object): value is GivenPart<Name> {
  return typeof value === 'function' || 'module' in value || ('part' in value && 'make' in value);
}

/** The part apart from what is said beside it. */
export function split<Name extends PartName>(given: GivenPart<Name>): WithSettings<Name> {
  return typeof given === 'object' && 'module' in given ? given : { module: given };
}

/** Throws a `ConfigError` where it is no such part, or does not take the settings. */
export async function openGivenPart<Name extends PartName>(
  part: Name,
  { module, settings = {} }: WithSettings<Name>,
  context: ModuleContext,
): Promise<ModulePart<PartCalls[Name]>> {
  const { name, modules } = context;
  const found = await readDefinition(module, part);
  if ('problem' in found) throw new ConfigError(`${name}: ${found.problem}`);
  const { definition } = found;
  const checked = await checkSettings(definition.settings, settings, modules);
  if ('problems' in checked) {
    throw new ConfigError(`${name}: ${checked.problems.map(({ message }) => message).join('; ')}`);
  }
  return openLoadedPart({ definition, settings: checked.value, origin: null }, context);
}
