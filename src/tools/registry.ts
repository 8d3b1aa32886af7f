/** Makes the topology's tools. */
import { z } from 'zod';
import { ANSWER_TAG } from '../agent/action.ts';
import { ConfigError } from '../errors.ts';
import { calculatorConfig, makeCalculator } from './calculator.ts';
import type { SearchDeps } from './search.ts';
import { openSearch, searchConfig } from './search.ts';
import type { Tool } from './tool.ts';

export const toolConfig = z.discriminatedUnion('kind', [
  calculatorConfig.extend({ kind: z.literal('calculator') }),
  searchConfig.extend({ kind: z.literal('search') }),
]);
export type ToolConfig = z.output<typeof toolConfig>;

/**
 * The tools by their names in the topology, ready to be called. Throws `ConfigError` where two share a tag or one takes
 * the answer's, and as the tools do where they cannot be made; those that were made are closed then.
 */
export async function makeTools(
  config: Readonly<Record<string, ToolConfig>>,
  deps: SearchDeps,
): Promise<readonly Tool[]> {
  const owners = new Map([[ANSWER_TAG, 'the answer']]);
  for (const [name, { tag }] of Object.entries(config)) {
    const owner = owners.get(tag);
    if (owner !== undefined) {
      throw new ConfigError(
        `tools.${name}.tag: <${tag}> is already the tag of ${owner}; give each tool its own`,
      );
    }
    owners.set(tag, `tools.${name}`);
  }
  const tools: Tool[] = [];
  try {
    for (const [name, settings] of Object.entries(config)) tools.push(await makeTool(name, settings, deps));
  } catch (error) {
    await Promise.all(tools.map((tool) => tool.close()));
    throw error;
  }
  return tools;
}

function makeTool(name: string, config: ToolConfig, deps: SearchDeps): Promise<Tool> {
  switch (config.kind) {
    case 'calculator':
      return makeCalculator(name, config);
    case 'search':
      return openSearch(name, config, deps);
  }
}
