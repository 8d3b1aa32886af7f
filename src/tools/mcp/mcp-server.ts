/**
 * An MCP server, shared by the tools of a run that come from it: connected on first use, and again where it
 * ended.
 */
import { type CallToolResult, SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import { type Sleep, unlessAborted } from '../../clock.ts';
import { SwirlError, ToolError } from '../../errors.ts';
import { printable } from '../../monitor/printable.ts';
import { secretsAmong, withoutSecrets } from '../secrets.ts';
import { type Connection, connect } from './connection.ts';
import type { McpServerConfig } from './mcp-config.ts';

export interface McpServerDeps {
  /**
   * The key of its settings in the topology, such as `tools.weather.server`: of the first tool that has it.
   */
  readonly where: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly notify: (message: string) => void;
  readonly sleep: Sleep;
  /** Milliseconds on a clock that only goes forward. */
  readonly now: () => number;
}

/** A note is cut there: it holds the end of a server's standard error. */
const MOST_CHARS = 2000;

export interface McpCall {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export class McpServer {
  readonly #config: McpServerConfig;
  readonly #deps: McpServerDeps;
  readonly #end = new AbortController();
  readonly #secrets: readonly string[];
  readonly #told = new Set<string>();
  #connecting: Promise<Connection> | null = null;
  #open: Connection | null = null;
  /** Connections since the last answer. */
  #starts = 0;
  /** After the last start that is allowed in a row: not before then again. */
  #notBefore = 0;

  constructor(config: McpServerConfig, deps: McpServerDeps) {
    this.#config = config;
    this.#deps = deps;
    const { env } = deps;
    const names = 'command' in config ? config.env : [config.tokenEnv, ...Object.values(config.headersEnv)];
    this.#secrets = secretsAmong(names.map((name) => (name === null ? '' : (env[name]?.trim() ?? ''))));
  }

  /** A text of the server's without the secrets that it was given. */
  shown(text: string): string {
    return withoutSecrets(text, this.#secrets);
  }

  /**
   * The connection, made where there is none. Throws as `connect` does, and a `ToolError` that is not
   * retryable when the restarts in a row are used up; a while later it tries once more.
   */
  async connection(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    this.#end.signal.throwIfAborted();
    if (this.#connecting === null) {
      const connecting = this.#connect();
      this.#connecting = connecting;
      connecting.catch(() => {
        if (this.#connecting === connecting) this.#connecting = null;
      });
    }
    // The others go on waiting for it when one of them gives up.
    return unlessAborted(this.#connecting, signal);
  }

  /**
   * Calls a tool. Rejects as the SDK does; where the server has only forgotten the session, after another
   * try.
   */
  async call(call: McpCall): Promise<{ readonly result: CallToolResult; readonly connection: Connection }> {
    const connection = await this.connection(call.signal);
    try {
      return { result: await this.#send(connection, call), connection };
    } catch (error) {
      if (call.signal.aborted || !forgotten(error, connection)) throw error;
      await this.#drop(connection);
      const next = await this.connection(call.signal);
      return { result: await this.#send(next, call), connection: next };
    }
  }

  /** Ends the connection, and what is being connected. Calls afterwards are refused. */
  async close(): Promise<void> {
    this.#end.abort(new ToolError('the run has ended'));
    await this.#connecting?.catch(() => {});
    const open = this.#open;
    this.#open = null;
    await open?.close();
  }

  async #send(connection: Connection, call: McpCall): Promise<CallToolResult> {
    const params = { name: call.tool, arguments: { ...call.arguments } };
    try {
      const result = await connection.client.callTool(params, {
        signal: call.signal,
        timeout: call.timeoutMs,
        maxTotalTimeout: call.timeoutMs,
      });
      this.#starts = 0;
      return result;
    } catch (error) {
      // Nobody is there: the next call connects again.
      if (isUnreachable(error) || hasEnded(error)) await this.#drop(connection);
      throw error;
    }
  }

  async #connect(): Promise<Connection> {
    const { restarts, backoffMs, maxBackoffMs } = this.#config;
    const { signal } = this.#end;
    for (;;) {
      const { now, sleep } = this.#deps;
      if (this.#starts > restarts && now() < this.#notBefore) {
        throw this.#givenUp(`${this.#deps.where}: its restarts are used up`);
      }
      if (this.#starts > 0 && this.#starts <= restarts) {
        await sleep(Math.min(backoffMs * 2 ** (this.#starts - 1), maxBackoffMs), signal);
      }
      this.#starts += 1;
      this.#notBefore = now() + maxBackoffMs;
      try {
        return await this.#connectOnce();
      } catch (error) {
        if (signal.aborted || !(error instanceof SwirlError) || !error.retryable) throw error;
        if (this.#starts > restarts) throw this.#givenUp(error.message);
        this.#tell(error.message);
      }
    }
  }

  async #connectOnce(): Promise<Connection> {
    const { where, env } = this.#deps;
    let connection: Connection | null = null;
    let closed = false;
    const onClose = () => {
      closed = true;
      if (connection === null || this.#open !== connection) return;
      this.#open = null;
      this.#connecting = null;
      const ending = connection.ending();
      if (!this.#end.signal.aborted) this.#tell(`${where}: the server ${ending || 'closed the connection'}`);
    };
    const { signal } = this.#end;
    const shown = (text: string) => this.shown(text);
    connection = await connect(this.#config, { where, env, signal, onClose, shown });
    if (closed) {
      const ending = connection.ending();
      throw new ToolError(`${where}: the server ${ending || 'closed the connection'}`, { retryable: true });
    }
    this.#open = connection;
    return connection;
  }

  async #drop(connection: Connection): Promise<void> {
    if (this.#open === connection) {
      this.#open = null;
      this.#connecting = null;
    }
    await connection.close().catch(() => {});
  }

  #givenUp(reason: string): ToolError {
    const { restarts } = this.#config;
    const message = `${reason}; given up after ${restarts} restarts without an answer in between`;
    this.#tell(message, 'calls are failures now');
    return new ToolError(message);
  }

  #tell(message: string, what = 'calls in flight are told, and it is connected to again'): void {
    const shown = printable(message, MOST_CHARS);
    if (this.#told.has(shown) || this.#told.size > 50) return;
    this.#told.add(shown);
    this.#deps.notify(`${shown}; ${what}. This is said once.`);
  }
}

/**
 * Whether the server no longer knows the session: 404 by the protocol, 400 by some. The call has not been
 * made then.
 */
function forgotten(error: unknown, connection: Connection): boolean {
  const { status } = (error ?? {}) as { readonly status?: unknown };
  return connection.hasSession() && (status === 404 || status === 400);
}

/**
 * `fetch` could not reach the server, or lost it. By its name, as the class is another one inside of test
 * runners.
 */
export function isUnreachable(error: unknown): boolean {
  return (error as Error).name === 'TypeError' && /fetch failed|terminated/.test((error as Error).message);
}

/** The connection was closed before or while the call was sent. */
function hasEnded(error: unknown): boolean {
  return (
    error instanceof SdkError &&
    (error.code === SdkErrorCode.ConnectionClosed || error.code === SdkErrorCode.NotConnected)
  );
}
