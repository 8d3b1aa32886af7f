/**
 * What a module prints to standard output goes to standard error: the former is Swirl's, for results that
 * programs read (`--json`). It is told apart by where a write comes from, so that the module and all that it
 * starts may print at any time.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const inModule = new AsyncLocalStorage<true>();
let guarded: NodeJS.WriteStream['write'] | undefined;

/** Runs a module's code: synchronous or not, with the timers and promises that it makes. */
export function asModule<T>(code: () => T): T {
  guardOutput();
  return inModule.run(true, code);
}

function guardOutput(): void {
  const { stdout, stderr } = process;
  // Others may put a `write` of their own in place, as test runners do: then it is guarded anew.
  if (stdout.write === guarded) return;
  const write = stdout.write.bind(stdout);
  const redirected = (...args: Parameters<typeof write>) =>
    inModule.getStore() === true ? stderr.write(...args) : write(...args);
  guarded = redirected as typeof stdout.write;
  stdout.write = guarded;
}
