/**
 * What a module may do to the process that it runs in. What it prints to standard output goes to standard
 * error: the former is Swirl's, for results that programs read (`--json`). Where it calls `process.exit`, that
 * throws in it: a run that ended in its middle would look as if it were done. A module's code is told apart by
 * where a call comes from, so that it and all that it starts may print at any time.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const inModule = new AsyncLocalStorage<true>();
let guardedWrite: NodeJS.WriteStream['write'] | undefined;
let guardedExit: NodeJS.Process['exit'] | undefined;

/** Runs a module's code: synchronous or not, with the timers and promises that it makes. */
export function asModule<T>(code: () => T): T {
  guardOutput();
  guardExit();
  return inModule.run(true, code);
}

// Others may put functions of their own in place, as test runners do: then these are guarded anew.

function guardOutput(): void {
  const { stdout, stderr } = process;
  if (stdout.write === guardedWrite) return;
  const write = stdout.write.bind(stdout);
  const redirected = (...args: Parameters<typeof write>) =>
    inModule.getStore() === true ? stderr.write(...args) : write(...args);
  guardedWrite = redirected as typeof stdout.write;
  stdout.write = guardedWrite;
}

function guardExit(): void {
  if (process.exit === guardedExit) return;
  const exit = process.exit.bind(process);
  // Given on as they are: without an argument Node ends with `process.exitCode`, with `undefined` with 0.
  guardedExit = (...code: Parameters<typeof exit>) => {
    if (inModule.getStore() !== true) return exit(...code);
    throw new Error(`it called process.exit(${code.join()}), which would end Swirl: throw an error instead`);
  };
  process.exit = guardedExit;
}
