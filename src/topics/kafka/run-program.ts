/** Runs a program for what it prints. */
import { execFile } from 'node:child_process';
import type { RunProgram } from './oauth.ts';

/** No shell, nothing on standard input; killed when it takes or prints too much. */
export const runProgram: RunProgram = ([file = '', ...args], { timeoutMs, maxBytes }) =>
  new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { timeout: timeoutMs, maxBuffer: maxBytes, killSignal: 'SIGKILL', encoding: 'utf8', windowsHide: true },
      (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end();
  });
