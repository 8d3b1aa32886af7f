/** What stands in a record about the MCP server that answered: the same on every machine. */
import { createHash } from 'node:crypto';
import type { Origin } from '../../topics/records.generated.ts';
import type { Connection } from './connection.ts';

/**
 * The server's name and version, by its own word, and a hash of the tool as it is offered: a server that is
 * another one by now, or offers another tool under the name, shows. Command and URL stay out: they may hold
 * secrets.
 */
export function originOf({ server, tools }: Connection, tool: string): Origin {
  const offered = tools.find(({ name }) => name === tool);
  const { name, description, inputSchema } = offered ?? { name: tool };
  return {
    module: (server === null ? 'an MCP server' : `${server.name} ${server.version}`)
      .slice(0, 200)
      .toWellFormed(),
    export: tool.toWellFormed(),
    hash: createHash('sha256')
      .update(JSON.stringify([name, description, inputSchema]))
      .digest('hex'),
    settings: '{}',
  };
}
