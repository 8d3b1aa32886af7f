/**
 * A tool that an MCP server offers. Every fault of a call is an observation; a server that is gone for good,
 * a failure.
 */
import { type CallToolResult, ProtocolError, SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import type { JsonSchema } from '../../agent/arguments/json-schema.ts';
import { openParameters, type Parameters } from '../../agent/arguments/parameters.ts';
import { readArgument } from '../../agent/arguments/read-argument.ts';
import { cut, refusalOf, resultOf, timeoutOf } from '../../agent/observations.ts';
import type { Tool, ToolContext, ToolDescription } from '../../agent/tool.ts';
import { sleep } from '../../clock.ts';
import { ConfigError, rootCause, SwirlError } from '../../errors.ts';
import type { Observation } from '../../topics/records.generated.ts';
import { type TellFault, tellFaults } from '../told-once.ts';
import type { Connection } from './connection.ts';
import { textOfResult } from './content.ts';
import type { McpConfig } from './mcp-config.ts';
import { isUnreachable, McpServer } from './mcp-server.ts';
import { originOf } from './origin.ts';

export interface McpToolDeps {
  readonly server: McpServer;
  /** Lets go of the server; it ends with the last of its tools. */
  readonly release: () => Promise<void>;
  readonly notify: (message: string) => void;
}

/** The tool, on the server that the run's tools with the same settings share. */
export function makeMcpTool(name: string, config: McpConfig, context: ToolContext): McpTool {
  const { env, notify, now, shared } = context;
  const where = `tools.${name}.server`;
  const server = shared(
    `mcp ${JSON.stringify(config.server)}`,
    () => new McpServer(config.server, { where, env, notify, now, sleep }),
  );
  return new McpTool(name, config, { server, release: () => server.close(), notify });
}

interface Opened {
  readonly parameters: Parameters;
  readonly description: string;
}

/** Nothing is started until it is opened, described or called. */
export class McpTool implements Tool {
  readonly name: string;
  readonly tag: string;
  readonly pure: boolean;
  readonly concurrency: number;
  readonly #config: McpConfig;
  readonly #deps: McpToolDeps;
  readonly #tell: TellFault;
  #opened: Opened | null = null;

  constructor(name: string, config: McpConfig, deps: McpToolDeps) {
    const { tag, pure, concurrency } = config;
    [this.name, this.tag, this.pure, this.concurrency] = [name, tag, pure, concurrency];
    this.#config = config;
    this.#deps = deps;
    this.#tell = tellFaults(name, deps.notify);
  }

  async open(signal: AbortSignal): Promise<void> {
    try {
      this.#check(await this.#deps.server.connection(signal));
    } catch (error) {
      if (signal.aborted || !(error instanceof SwirlError) || error instanceof ConfigError) throw error;
      throw new ConfigError(error.message, { cause: error });
    }
    await this.#open(signal);
  }

  async describe(signal: AbortSignal): Promise<ToolDescription> {
    const { description, parameters } = await this.#open(signal);
    return { description, parameters: parameters.schema, example: parameters.example };
  }

  async call(argument: string, { signal }: { readonly signal: AbortSignal }): Promise<Observation> {
    signal.throwIfAborted();
    const { parameters } = await this.#open(signal);
    const { maxArgumentChars, tool, timeoutMs, maxChars } = this.#config;
    const read = readArgument(argument.toWellFormed(), { parameters, maxChars: maxArgumentChars });
    if ('problem' in read) return refusalOf(this.name, read.problem);
    try {
      const { result, connection } = await this.#deps.server.call({
        tool,
        arguments: read.arguments,
        timeoutMs,
        signal,
      });
      return { ...this.#observation(result), by: originOf(connection, tool) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) {
        this.#tell(`no answer in ${timeoutMs} ms (timeoutMs)`, '');
        return timeoutOf(this.name, timeoutMs);
      }
      // A server that is gone for good: a failure, and no observation.
      if (error instanceof SwirlError && !error.retryable) throw error;
      const { kind, shown } = faultOf(error);
      const { server } = this.#deps;
      this.#tell(kind, server.shown(rootCause(error)));
      return refusalOf(this.name, cut(server.shown(shown), maxChars));
    }
  }

  close(): Promise<void> {
    return this.#deps.release();
  }

  #observation(result: CallToolResult): Observation {
    const { maxChars } = this.#config;
    const text = this.#deps.server.shown(textOfResult(result));
    if (result.isError !== true) return resultOf(this.name, text, maxChars);
    return refusalOf(this.name, resultOf(this.name, text, maxChars).text);
  }

  /** The schema by which calls are checked: the topology's, or the server's. */
  async #open(signal: AbortSignal): Promise<Opened> {
    if (this.#opened !== null) return this.#opened;
    const { description, parameters, example, maxDescriptionChars } = this.#config;
    const where = `tools.${this.name}`;
    const schema = parameters as JsonSchema | null;
    const offered =
      schema === null || description === null
        ? this.#check(await this.#deps.server.connection(signal))
        : null;
    this.#opened = {
      description: description ?? cut(offered?.description ?? '', maxDescriptionChars),
      parameters: await openParameters(schema ?? (offered?.inputSchema as JsonSchema), { where, example }),
    };
    return this.#opened;
  }

  /** The tool as the server offers it. Throws `ConfigError` where it offers none of that name. */
  #check({ tools }: Connection): Connection['tools'][number] {
    const { tool } = this.#config;
    const offered = tools.find(({ name }) => name === tool);
    if (offered !== undefined) return offered;
    const names = tools.map(({ name }) => name).join(', ') || 'none';
    throw new ConfigError(
      `tools.${this.name}.tool: the server offers no tool ${JSON.stringify(tool)}; it offers: ${cut(names, 1000)}`,
    );
  }
}

/** What a call ended with, for the user and for the policy. */
function faultOf(error: unknown): { readonly kind: string; readonly shown: string } {
  if (error instanceof ProtocolError) {
    return {
      kind: 'the server answered with an error',
      shown: `the server answered with an error: ${error.message}`,
    };
  }
  const { status } = (error ?? {}) as { readonly status?: unknown };
  if (typeof status === 'number') {
    return { kind: `status ${status}`, shown: `the server answered with status ${status}.` };
  }
  if (
    error instanceof SdkError &&
    (error.code === SdkErrorCode.ConnectionClosed || error.code === SdkErrorCode.NotConnected)
  ) {
    return {
      kind: 'the server ended before it answered',
      shown: "the tool's server ended before it answered.",
    };
  }
  if (error instanceof SwirlError || isUnreachable(error)) {
    return { kind: 'the server could not be reached', shown: 'the tool could not be reached.' };
  }
  return {
    kind: 'an answer that is no result of the protocol',
    shown: "the server's answer could not be understood.",
  };
}
