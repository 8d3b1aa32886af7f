/** One connection to an MCP server: the handshake, what the server is, and the tools that it offers. */
import {
  Client,
  InsufficientScopeError,
  type Tool as OfferedTool,
  SdkError,
  SdkErrorCode,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { ConfigError, rootCause, ToolError } from '../../errors.ts';
import { readHeaders } from '../header-settings.ts';
import { boundedFetch } from './bounded-fetch.ts';
import type { HttpServerConfig, McpServerConfig, StdioServerConfig } from './mcp-config.ts';
import { StdioTransport } from './stdio.ts';

export interface Connection {
  readonly client: Client;
  readonly tools: readonly OfferedTool[];
  /** The server's name and version, by its own word; null where it says none. */
  readonly server: { readonly name: string; readonly version: string } | null;
  /** Whether the server may have forgotten the session: it has one. */
  hasSession(): boolean;
  /**
   * How it ended unasked, with the end of its standard error; '' while it goes on, and where there is nothing
   * to say.
   */
  ending(): string;
  /** Ends the session, and the program and all it started. */
  close(): Promise<void>;
}

export interface ConnectDeps {
  /** The key of the settings in the topology, such as `tools.weather.server`. */
  readonly where: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onClose: () => void;
  /** A text without the secrets that the server was given. */
  readonly shown: (text: string) => string;
}

interface Way {
  readonly transport: Parameters<Client['connect']>[0];
  readonly hasSession: () => boolean;
  readonly ending: () => string;
  readonly leave: () => Promise<void>;
}

/**
 * Connects. Throws `ConfigError` for what will not get better by itself (no such command, a secret that is
 * not set, 401) and a retryable `ToolError` for what may.
 */
export async function connect(config: McpServerConfig, deps: ConnectDeps): Promise<Connection> {
  const way = 'command' in config ? stdioWay(config, deps) : httpWay(config, deps);
  const client = new Client(
    { name: 'swirl', version: '1' },
    config.protocol === 'discover' ? { versionNegotiation: { mode: 'auto' } } : {},
  );
  client.onclose = deps.onClose;
  try {
    const options = { signal: deps.signal, timeout: config.connectTimeoutMs };
    await client.connect(way.transport, options);
    const { tools } = await client.listTools(undefined, options);
    const info = client.getServerVersion();
    return {
      client,
      tools,
      server: info === undefined ? null : { name: info.name, version: info.version },
      hasSession: way.hasSession,
      ending: way.ending,
      close: async () => {
        await way.leave();
        await client.close();
      },
    };
  } catch (error) {
    await client.close().catch(() => {});
    // A client that could not connect does not own the transport.
    await way.transport.close().catch(() => {});
    deps.signal.throwIfAborted();
    throw explained(error, { config, deps, ending: way.ending() });
  }
}

function stdioWay(config: StdioServerConfig, { where, env, shown }: ConnectDeps): Way {
  const given = config.env.map((name): [string, string] => {
    const value = env[name] ?? '';
    if (value === '') throw new ConfigError(`${where}.env names the variable ${name}, which is not set`);
    return [name, value];
  });
  const transport = new StdioTransport(config, Object.fromEntries(given));
  return {
    transport,
    hasSession: () => false,
    ending: () => {
      const { ending, stderr } = transport;
      if (ending === '') return '';
      return stderr === '' ? ending : `${ending}; the end of its standard error: ${shown(stderr)}`;
    },
    leave: async () => {},
  };
}

function httpWay(config: HttpServerConfig, { where, env, onClose }: ConnectDeps): Way {
  const { values } = readHeaders(config, { where, env });
  let ending = '';
  const transport = new StreamableHTTPClientTransport(new URL(config.url), {
    requestInit: { headers: values },
    fetch: boundedFetch(config.maxMessageBytes, () => {
      ending = `sent a message of more than ${config.maxMessageBytes} bytes (maxMessageBytes)`;
      onClose();
      transport.close().catch(() => {});
    }),
  });
  return {
    transport,
    hasSession: () => transport.sessionId !== undefined,
    ending: () => ending,
    // A server that does not answer this forgets the session by itself.
    leave: () =>
      Promise.race([
        transport.terminateSession().catch(() => {}),
        new Promise<void>((resolve) => setTimeout(resolve, 1000).unref()),
      ]),
  };
}

interface Circumstances {
  readonly config: McpServerConfig;
  readonly deps: ConnectDeps;
  readonly ending: string;
}

/** What went wrong on the way to a server, where, and whether it may get better. */
function explained(error: unknown, { config, deps, ending }: Circumstances): ConfigError | ToolError {
  const { where } = deps;
  if ('command' in config) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') {
      const command = JSON.stringify(config.command);
      const why = code === 'EACCES' ? 'may not be run' : 'is not there';
      return new ConfigError(`${where}.command: ${command} ${why}, or its folder ${config.cwd} is not`, {
        cause: error,
      });
    }
    const what = ending === '' ? deps.shown(answerOf(error, config)) : `a program that ${ending}`;
    return new ToolError(`${where}: expected the handshake of an MCP server, found ${what}`, {
      retryable: true,
      cause: error,
    });
  }
  const status =
    error instanceof InsufficientScopeError ? 403 : (error as { readonly status?: unknown }).status;
  if (typeof status === 'number' && status < 500 && status !== 408 && status !== 429) {
    const hint = HINTS.get(status) ?? 'see url';
    return new ConfigError(
      `${where}: ${config.url}: expected an MCP server, found status ${status}: ${hint}`,
      {
        cause: error,
      },
    );
  }
  const what = deps.shown(answerOf(error, config));
  return new ToolError(`${where}: ${config.url}: expected an MCP server, found ${what}`, {
    retryable: true,
    cause: error,
  });
}

function answerOf(error: unknown, { connectTimeoutMs }: McpServerConfig): string {
  const late = error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout;
  return late ? `no answer in ${connectTimeoutMs} ms (connectTimeoutMs)` : `an error: ${rootCause(error)}`;
}

const HINTS = new Map([
  [401, 'the token is missing or wrong: see tokenEnv and headersEnv'],
  [403, 'the token may not do this: see tokenEnv and headersEnv'],
  [404, 'no such path: see url'],
  [405, 'the path takes no POST: see url'],
]);
