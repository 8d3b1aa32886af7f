/** The kind `http` of tools. */
import type { ToolContext } from '../../agent/tool.ts';
import { sleep } from '../../clock.ts';
import { toolKind } from '../../parts/tool-kind.ts';
import { type HttpConfig, httpConfig } from './http-config.ts';

type HttpContext = Pick<ToolContext, 'name' | 'env' | 'notify'>;

export const httpTool = toolKind({
  name: 'http',
  about: 'Any HTTP endpoint.',
  settings: httpConfig,
  files: ['function'],
  make,
  describe: async (config, context: HttpContext) => (await make(config, context)).describe(),
});

async function make(config: HttpConfig, { name, env, notify }: HttpContext) {
  const { makeHttpTool } = await import('./http-tool.ts');
  return makeHttpTool(name, config, { env, notify, sleep });
}
