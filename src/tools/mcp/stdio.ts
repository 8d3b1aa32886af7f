/**
 * MCP over the standard input and output of a program. The SDK has such a transport, which ends the program
 * alone: `npx` and shells would leave the server itself behind. This one ends the whole group, and keeps the
 * end of its standard error.
 */
import type { ChildProcess } from 'node:child_process';
import {
  type JSONRPCMessage,
  ReadBuffer,
  serializeMessage,
  type Transport,
} from '@modelcontextprotocol/client';
import { getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';
import spawn from 'cross-spawn';
import { ToolError } from '../../errors.ts';
import type { StdioServerConfig } from './mcp-config.ts';
import { endedWithin, endWithThisProcess, signalGroup } from './process-group.ts';

/** Between the end of a program's output and its own. */
const ENDING_MS = 1000;

export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #config: StdioServerConfig;
  readonly #env: Readonly<Record<string, string>>;
  readonly #buffer: ReadBuffer;
  #child: ChildProcess | null = null;
  #letGo: () => void = () => {};
  #stderr = '';
  #ending = '';
  #closed = false;

  /** `env`: the variables that the server is given beside PATH, HOME and the like. */
  constructor(config: StdioServerConfig, env: Readonly<Record<string, string>>) {
    this.#config = config;
    this.#env = env;
    this.#buffer = new ReadBuffer({ maxBufferSize: config.maxMessageBytes });
  }

  /**
   * How the program ended, in words, such as `ended with code 1`; '' while it runs or where it was told to
   * end.
   */
  get ending(): string {
    return this.#ending;
  }

  /** The end of what the program wrote to its standard error. */
  get stderr(): string {
    return this.#stderr.trim();
  }

  /** Starts the program. Rejects as `spawn` does, with `code: ENOENT` where there is none of that name. */
  async start(): Promise<void> {
    const { command, args, cwd } = this.#config;
    const child = spawn(command, args, {
      env: { ...getDefaultEnvironment(), ...this.#env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // The leader of a process group of its own. On Windows it would be given a window.
      detached: process.platform !== 'win32',
      windowsHide: true,
      cwd,
    });
    this.#child = child;
    child.stdin?.on('error', (error) => this.onerror?.(error));
    child.stdout?.on('data', (chunk: Buffer) => this.#take(chunk));
    child.stdout?.on('error', (error) => this.onerror?.(error));
    child.stdout?.once('end', () => void this.#silent(child));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const all = this.#stderr + text;
      this.#stderr = all.slice(Math.max(0, all.length - this.#config.maxStderrChars));
    });
    child.once('exit', (code, signal) => this.#ended(code, signal));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.on('error', (error) => this.onerror?.(error));
    if (child.pid !== undefined) this.#letGo = endWithThisProcess(child.pid);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (this.#closed || stdin === null || stdin === undefined || !stdin.writable) {
      throw new ToolError('the server has ended', { retryable: true });
    }
    await new Promise<void>((resolve, reject) => {
      stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Closes the program's input, waits, tells its group to end, waits, and ends what is left. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || this.#closed) {
      this.#close();
      return;
    }
    this.#closed = true;
    const { stopMs } = this.#config;
    child.stdin?.end();
    if (!(await endedWithin(child, stopMs))) {
      signalGroup(child.pid, 'SIGTERM');
      await endedWithin(child, stopMs);
    }
    // Also where the program has ended: what it started may be left.
    signalGroup(child.pid, 'SIGKILL');
    await endedWithin(child, 1000);
    this.#close();
  }

  #take(chunk: Buffer): void {
    try {
      this.#buffer.append(chunk);
    } catch (error) {
      if (this.#closed) return;
      this.#ending = `sent a message of more than ${this.#config.maxMessageBytes} bytes (maxMessageBytes)`;
      this.onerror?.(error as Error);
      this.close().catch(() => {});
      return;
    }
    for (;;) {
      try {
        // Lines that are no JSON are skipped: they are for people.
        const message = this.#buffer.readMessage();
        if (message === null) return;
        this.onmessage?.(message);
      } catch (error) {
        this.onerror?.(error as Error);
      }
    }
  }

  /** One that goes on without an output can answer nothing: it is ended, so that another is started. */
  async #silent(child: ChildProcess): Promise<void> {
    // Most often it is ending.
    if ((await endedWithin(child, ENDING_MS)) || this.#closed) return;
    this.#ending = 'closed its standard output';
    await this.close();
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#letGo();
    if (this.#closed) return;
    this.#closed = true;
    this.#ending ||= signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    // Its children would hold the pipes open, and go on.
    if (this.#child?.pid !== undefined) signalGroup(this.#child.pid, 'SIGKILL');
    // What it wrote last is still to be read; a child that left the group may hold the pipes for ever.
    const timer = setTimeout(() => this.#close(), 1000);
    this.#child?.once('close', () => {
      clearTimeout(timer);
      this.#close();
    });
  }

  #close(): void {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    this.#closed = true;
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    this.#buffer.clear();
    this.onclose?.();
  }
}
