/** Opens the topology's tools, by whatever constructors its kinds have. */
import { ANSWER_TAG } from '../agent/action.ts';
import type { Tool } from '../agent/tool.ts';
import { ConfigError } from '../errors.ts';

/**
 * The tools by their names in the topology, ready to be called. Throws `ConfigError` where two share a tag or
 * one takes the answer's, and as `open` does where one cannot be made; those that were made are closed then.
 */
export async function openTools<Config extends { readonly tag: string }>(
  config: Readonly<Record<string, Config>>,
  open: (name: string, config: Config) => Promise<Tool>,
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
    for (const [name, settings] of Object.entries(config)) tools.push(await open(name, settings));
  } catch (error) {
    await Promise.all(tools.map((tool) => tool.close()));
    throw error;
  }
  return tools;
}
