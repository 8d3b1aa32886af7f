/** A browser that does not read loses states of the flow, and is told how many; nothing waits for it without end. */
import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { Live } from '../../src/watch/live.ts';
import type { RunWatch } from '../../src/watch/run-watch.ts';
import { until } from '../patience.ts';

/** A connection whose other side reads when it is told to. */
class Slow extends Writable {
  readonly seen: string[] = [];
  #waiting: (() => void)[] = [];
  isReading = false;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.seen.push(chunk.toString());
    if (this.isReading) done();
    else this.#waiting.push(done);
  }

  writeHead(): this {
    return this;
  }

  read(): void {
    this.isReading = true;
    for (const done of this.#waiting.splice(0)) done();
  }
}

test('states are lost, not kept for it', async () => {
  let looks = 0;
  // 50 kB a state: a handful fill what may wait.
  const flow = async () => ({ look: ++looks, padding: 'x'.repeat(50_000) });
  const watch = { flow, advance: async () => true } as unknown as RunWatch;
  const live = new Live(1);
  const slow = new Slow();
  expect(live.listen(watch, slow as unknown as ServerResponse)).toBe(true);
  await until('the connection to be full', () => slow.writableLength > 256 * 1024);
  const full = slow.writableLength;
  // Full is full: the flow is not even looked at for it.
  const before = looks;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect({ length: slow.writableLength, looks }).toEqual({ length: full, looks: before });
  slow.read();
  const lost = () => slow.seen.flatMap((text) => Number(/"lost":(\d+)/.exec(text)?.[1] ?? 0));
  await until('the number of lost states', () => lost().some((count) => count > 0));
  live.close();
  await until('the end', () => slow.destroyed);
});

test('there is an end to how many may listen', () => {
  const watch = { flow: async () => ({}), advance: async () => true } as unknown as RunWatch;
  const live = new Live(1000);
  const taken = Array.from({ length: 40 }, () => live.listen(watch, new Slow() as unknown as ServerResponse));
  expect(taken.filter((one) => one)).toHaveLength(32);
  live.close();
});
