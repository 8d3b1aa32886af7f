/**
 * Runs the real `swirl` binary as child processes in a folder, and ends every one that a test leaves behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { patiently } from '../patience.ts';
import { builtProgram } from './built-program.ts';

/** The command of the checkout, for node to run; it starts in three times the time of `builtProgram`. */
export const binary = fileURLToPath(new URL('../../bin/swirl.js', import.meta.url));

export interface Ended {
  /** The exit code; null after a signal. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SwirlProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has written so far, on either stream. */
  said(): string;
}

/** A folder with a topology, in which commands are run. */
export interface Workplace {
  readonly folder: string;
  path(...parts: string[]): string;
  /** Writes a file of the folder: a text as it is, anything else as JSON (which YAML is a superset of). */
  write(name: string, content: unknown): string;
  /** Starts a command; `env` is added to the environment. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>): SwirlProcess;
  /** Runs a command to its end. */
  swirl(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** Kills what still runs and removes the folder. */
  remove(): Promise<void>;
}

/** `--set` for each of them. */
export function setting(...values: readonly string[]): string[] {
  return values.flatMap((value) => ['--set', value]);
}

export interface WorkplaceOptions {
  /** The command in the folder, for node to run; what is published otherwise. */
  readonly command?: (folder: string) => string;
}

export function workplace({ command = builtProgram }: WorkplaceOptions = {}): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-end-to-end-'));
  const started: SwirlProcess[] = [];
  const path = (...parts: string[]) => join(folder, ...parts);
  const start: Workplace['start'] = (args, env = {}) => {
    const child = spawn(process.execPath, [command(folder), ...args], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal, ...output }));
    });
    const process_ = { child, ended, said: () => output.stdout + output.stderr };
    started.push(process_);
    return process_;
  };
  return {
    folder,
    path,
    write: (name, content) => {
      const file = path(name);
      writeFileSync(file, typeof content === 'string' ? content : `${JSON.stringify(content)}\n`);
      return file;
    },
    start,
    swirl: (args, env) => {
      const { ended, said } = start(args, env);
      return patiently(`the end of swirl ${args.join(' ')}`, ended, said);
    },
    remove: async () => {
      for (const { child } of started) child.kill('SIGKILL');
      await Promise.all(started.map(({ ended }) => ended));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
