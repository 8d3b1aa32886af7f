/** A kind of tool: as other kinds, and what policies are told of such a tool without opening it. */
import type { z } from 'zod';
import type { Tool, ToolDescription } from '../agent/tool.ts';
import { type Configured, type Kind, kind } from './kind.ts';

export interface ToolKind<Name extends string, Settings extends z.ZodObject, Context>
  extends Kind<Name, Settings, Context, Tool> {
  /** Somebody else's tool may be asked for it; throws as `Tool.open` does. */
  describe(
    config: Configured<Name, Settings>,
    context: Context,
    signal: AbortSignal,
  ): Promise<ToolDescription>;
}

/** Any kind of tool that is made in such a context. */
export type ToolKindOf<Context> = ToolKind<string, z.ZodObject, Context>;

export function toolKind<const Name extends string, Settings extends z.ZodObject, Context>({
  describe,
  ...declared
}: Omit<ToolKind<Name, Settings, Context>, 'files'> & { readonly files?: readonly string[] }): ToolKind<
  Name,
  Settings,
  Context
> {
  return { ...kind<Name, Settings, Context, Tool>(declared), describe };
}
