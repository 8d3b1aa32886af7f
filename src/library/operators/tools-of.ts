/** Tools as settings, or as they were made. */
import type { Tool } from '../../agent/tool.ts';
import type { TopologySettings } from '../topology.ts';

export type ToolChoice = TopologySettings['tools'] | readonly Tool[];

export interface ChosenTools {
  readonly settings: NonNullable<TopologySettings['tools']>;
  readonly own: readonly Tool[] | undefined;
}

export function toolsOf(tools: ToolChoice = {}): ChosenTools {
  return isList(tools) ? { settings: {}, own: tools } : { settings: tools, own: undefined };
}

function isList(tools: NonNullable<ToolChoice>): tools is readonly Tool[] {
  return Array.isArray(tools);
}
