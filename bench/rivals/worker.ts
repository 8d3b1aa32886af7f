/**
 * A rival in a process of its own: a line of JSON in, a line of JSON out. It works only while it is asked to.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Worker {
  readonly #child: ChildProcess;
  readonly #what: string;
  #waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void } | undefined;

  constructor(what: string, command: readonly [string, ...string[]], env: NodeJS.ProcessEnv = process.env) {
    this.#what = what;
    this.#child = spawn(command[0], command.slice(1), { env, stdio: ['pipe', 'pipe', 'inherit'] });
    // Libraries write there too: an answer is a line that begins with a brace.
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      this.#waiting?.resolve(JSON.parse(line));
      this.#waiting = undefined;
    });
    const fail = (why: string) => {
      this.#waiting?.reject(new Error(`${what}: ${why}`));
      this.#waiting = undefined;
    };
    this.#child.on('error', (error) => fail(String(error)));
    this.#child.on('exit', (code, signal) => fail(`ended with ${signal ?? code}`));
  }

  /** Rejects where the rival ends, or answers with an error. */
  async ask<Answer>(question: Readonly<Record<string, unknown>>): Promise<Answer> {
    const answer = await new Promise<unknown>((resolve, reject) => {
      if (this.#child.exitCode !== null) reject(new Error(`${this.#what}: has ended`));
      this.#waiting = { resolve, reject };
      this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    });
    if (typeof answer === 'object' && answer !== null && 'error' in answer) {
      throw new Error(`${this.#what}: ${String(answer.error)}`);
    }
    return answer as Answer;
  }

  /** Ends the process and waits for it. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
  }
}
