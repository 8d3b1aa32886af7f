import { describe, expect, test } from '@jest/globals';
import { unlessAborted } from '../src/clock.ts';
import { isCollected } from './collected.ts';

describe('unlessAborted', () => {
  test('gives the promise, or fails with the reason of the signal', async () => {
    const abort = new AbortController();
    await expect(unlessAborted(Promise.resolve(1), abort.signal)).resolves.toBe(1);
    const waiting = unlessAborted(new Promise(() => {}), abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(unlessAborted(Promise.resolve(1), abort.signal)).rejects.toThrow('enough');
  });

  // A race with a promise that stays keeps what every one of its rivals gave.
  test('a signal that lives on keeps nothing of what was given', async () => {
    const { signal } = new AbortController();
    expect(await isCollected((made) => unlessAborted(made, signal))).toBe(true);
    const held: object[] = [];
    const holds = async (made: Promise<object>) => held[held.push(await made) - 1];
    expect(await isCollected(holds)).toBe(false);
    expect(signal.aborted).toBe(false);
  });
});
