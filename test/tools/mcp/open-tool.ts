/** Tools of MCP servers, for tests. */
import { fileURLToPath } from 'node:url';
import { mcpConfig } from '../../../src/tools/mcp/mcp-config.ts';
import { McpServer, type McpServerDeps } from '../../../src/tools/mcp/mcp-server.ts';
import { McpTool } from '../../../src/tools/mcp/mcp-tool.ts';

/** The program of the published server that has everything that a server can have, for node to run. */
export const everything = fileURLToPath(
  import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'),
);

/** A tool by its settings, and the server that it is of. */
export function openTool(
  settings: { readonly tool: string; readonly server: object },
  deps: Omit<McpServerDeps, 'where' | 'now'>,
): { readonly tool: McpTool; readonly server: McpServer } {
  const config = mcpConfig.parse({ tag: 'it', ...settings });
  const server = new McpServer(config.server, { where: 'tools.it.server', now: () => 0, ...deps });
  const { notify } = deps;
  return { server, tool: new McpTool('it', config, { server, release: () => server.close(), notify }) };
}
