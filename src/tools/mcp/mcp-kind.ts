/** The kind `mcp` of tools. */
import type { ToolContext } from '../../agent/tool.ts';
import { toolKind } from '../../parts/tool-kind.ts';
import { type McpConfig, mcpConfig } from './mcp-config.ts';

export const mcpTool = toolKind({
  name: 'mcp',
  about: 'A tool that an MCP server offers.',
  settings: mcpConfig,
  files: ['server.cwd'],
  make,
  describe: async (config, context: ToolContext, signal) => (await make(config, context)).describe(signal),
});

async function make(config: McpConfig, context: ToolContext) {
  const { makeMcpTool } = await import('./mcp-tool.ts');
  return makeMcpTool(context.name, config, context);
}
