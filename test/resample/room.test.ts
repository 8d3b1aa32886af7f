import { expect, test } from '@jest/globals';
import { ConfigError, TransportError } from '../../src/errors.ts';
import { Room } from '../../src/resample/room.ts';

let now = 0;
let waits: number | Error = 0;
let looks = 0;

function room() {
  const notes: string[] = [];
  const made = new Room(
    { most: 10, actions: 4, checkMs: 100 },
    {
      waiting: async (most) => {
        looks++;
        if (waits instanceof Error) throw waits;
        return Math.min(waits, most);
      },
      now: () => now,
      notify: (message) => void notes.push(message),
    },
  );
  return { made, notes };
}

test('there is room for as many contexts as reach the bound, and then for none until less waits', async () => {
  const { made, notes } = room();
  [now, waits, looks] = [0, 0, 0];
  // 3 contexts are 12 actions: the third begins with 8.
  expect(await made.left()).toBe(3);
  made.take(2);
  expect(await made.left()).toBe(1);
  made.take(1);
  expect([await made.left(), looks]).toEqual([0, 1]);
  [now, waits] = [99, 9];
  expect([await made.left(), looks]).toEqual([0, 1]);
  now = 100;
  expect([await made.left(), looks]).toEqual([1, 2]);
  made.take(1);
  [now, waits] = [300, 12];
  expect(await made.left()).toBe(0);
  now = 400;
  expect(await made.left()).toBe(0);
  // It is told once.
  expect(notes).toEqual([expect.stringContaining('10 fresh actions are to be trained on first')]);
});

test('topics that cannot be asked now give no room; what will not get better is thrown', async () => {
  const { made } = room();
  [now, waits] = [0, new TransportError('gone', { retryable: true })];
  expect(await made.left()).toBe(0);
  [now, waits] = [100, 0];
  expect(await made.left()).toBe(3);
  made.take(3);
  [now, waits] = [200, new ConfigError('wrong')];
  await expect(made.left()).rejects.toThrow('wrong');
});
