/** Whether the tools of other people that a topology names answer: MCP servers are asked what they offer, endpoints their `check`. */
import { SwirlError } from '../errors.ts';
import { openTool, sharing } from '../open-parts.ts';
import type { Topology } from '../topology/topology.ts';
import type { Check } from './doctor-check.ts';

export interface ToolsDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  /** Hears which tool is asked now. */
  readonly begin?: (name: string) => void;
  readonly signal: AbortSignal;
}

/** One check for each such tool, and nothing is left running. */
export async function* checkTools(
  { tools, seed, modules }: Pick<Topology, 'tools' | 'seed' | 'modules'>,
  { env, now, begin, signal }: ToolsDeps,
): AsyncGenerator<Check> {
  const opened: { close?(): Promise<void> }[] = [];
  const context = { seed, modules, env, now, notify: () => {}, shared: sharing((part) => opened.push(part)) };
  try {
    for (const [name, config] of Object.entries(tools)) {
      if (config.kind !== 'mcp' && config.kind !== 'http') continue;
      const label = `tools.${name}`;
      begin?.(label);
      try {
        const tool = await openTool(name, config, context);
        opened.push(tool);
        await tool.open?.(signal);
        const told = await tool.describe?.(signal);
        const asked = config.kind === 'mcp' || config.check !== null;
        const called = `<${tool.tag}>${told?.example ?? ''}</${tool.tag}>`;
        const found = asked
          ? `answers; is called as ${called}`
          : `not asked, as it has no \`check\`; is called as ${called}`;
        yield { name: label, ok: true, found };
      } catch (error) {
        if (!(error instanceof SwirlError)) throw error;
        yield { name: label, ok: false, found: error.message };
      }
    }
  } finally {
    for (const part of opened.reverse()) await part.close?.();
  }
}
