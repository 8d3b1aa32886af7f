/** Garbage collection on demand. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Whether nothing keeps what came back from `use`, which may take what is made for it. */
export async function isCollected(use: (made: Promise<object>) => Promise<object>): Promise<boolean> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const kept = await (async () =>
    new WeakRef(await use(Promise.resolve({ large: new Array(1000).fill(0) }))))();
  for (let n = 0; n < 10 && kept.deref() !== undefined; n++) {
    await setImmediate();
    collect();
  }
  return kept.deref() === undefined;
}
