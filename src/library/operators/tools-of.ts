/** Tools as settings, as functions and definitions, or as they were made. */
import type { z } from 'zod';
import type { Tool } from '../../agent/tool.ts';
import {
  type GivenPart,
  isGiven,
  openGivenPart,
  split,
  type WithSettings,
} from '../../modules/given-part.ts';
import { givenTool, toolOf } from '../../modules/module-tool.ts';
import type { Own } from '../../open-parts.ts';
import type { TopologySettings } from '../topology.ts';
import { checked } from './checked.ts';

type Settings = NonNullable<TopologySettings['tools']>;

/** A tool with its settings, its tag (by default its name) and what else a topology says of a module. */
export interface ToolWithSettings
  extends WithSettings<'tool'>,
    Omit<z.input<typeof givenTool>, 'tag' | 'timeoutMs'> {
  readonly tag?: string;
}

/**
 * Tools by name, each as under `tools:` in a topology, as a function, as what `defineTool` gives, or as either
 * of these with settings; or a list of tools that were made.
 */
export type ToolChoice =
  | Readonly<
      Record<string, NonNullable<TopologySettings['tools']>[string] | GivenPart<'tool'> | ToolWithSettings>
    >
  | readonly Tool[];

interface ChosenTools {
  readonly settings: Settings;
  readonly own: readonly Own<Tool>[] | undefined;
}

/** Throws a `ConfigError` where what is said beside a function is wrong. */
export function toolsOf(tools: ToolChoice = {}): ChosenTools {
  if (isList(tools)) return { settings: {}, own: tools };
  const settings: Record<string, Settings[string]> = {};
  const own: Own<Tool>[] = [];
  for (const [name, choice] of Object.entries(tools)) {
    if (isGiven<'tool'>(choice)) own.push(ownTool(name, choice));
    else settings[name] = choice as Settings[string];
  }
  return { settings, own: own.length === 0 ? undefined : own };
}

function ownTool(name: string, given: GivenPart<'tool'>): Own<Tool> {
  const { module, settings, ...rest } = split(given);
  const config = { ...checked(`tools.${name}`, givenTool, { tag: name, ...rest }), name };
  const part = { module, ...(settings && { settings }) };
  return async (context) =>
    toolOf(await openGivenPart('tool', part, { ...context, name: `tools.${name}` }), config);
}

function isList(tools: ToolChoice): tools is readonly Tool[] {
  return Array.isArray(tools);
}
