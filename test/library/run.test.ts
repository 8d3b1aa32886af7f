/** A run as a program has it: fed from anything, run in-process, watched, ended in every way. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { from, interval, lastValueFrom, map, Observable, range, take, toArray } from 'rxjs';
import { ConfigError, DataError, type Question, type StageProgress } from '../../src/index.ts';
import { question, trajectory } from '../records.ts';
import { type SmallRun, smallRun } from './small-run.ts';

let small: SmallRun;

beforeEach(async () => {
  small = await smallRun();
});

afterEach(() => small.cleanup());

const numbered = (n: number) => question({ id: `q${n}` });

async function fed(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of small.run.read('questions')) ids.push(id);
  return ids;
}

const expected = (count: number) => Array.from({ length: count }, (_, n) => `q${n}`);

describe('feeding', () => {
  test('from an array, a generator, an async generator and Observables, in order', async () => {
    const { run } = small;
    expect(await run.feed('questions', [0, 1].map(numbered))).toBe(2);
    function* some() {
      yield numbered(2);
    }
    async function* later() {
      await Promise.resolve();
      yield numbered(3);
    }
    expect(await run.feed('questions', some())).toBe(1);
    expect(await run.feed('questions', later())).toBe(1);
    expect(await run.feed('questions', range(4, 2).pipe(map(numbered)))).toBe(2);
    const timed = interval(1).pipe(
      take(3),
      map((n) => numbered(6 + n)),
    );
    expect(await run.feed('questions', timed)).toBe(3);
    // Of another copy of RxJS there may be nothing but its shape.
    const foreign = {
      subscribe: (observer: { next(value: Question): void; complete(): void }) => {
        observer.next(numbered(9));
        observer.complete();
        return { unsubscribe: () => {} };
      },
    };
    expect(await run.feed('questions', foreign as unknown as Observable<Question>)).toBe(1);
    expect(await fed()).toEqual(expected(10));
  });

  test('an iterable is asked for more only once the last batch is durable', async () => {
    let asked = 0;
    let durable = 0;
    let most = 0;
    function* many() {
      for (; asked < 3000; asked++) {
        most = Math.max(most, asked - durable);
        yield numbered(asked);
      }
    }
    await small.run.feed('questions', many(), {
      onAppend: (count) => {
        durable = count;
      },
    });
    expect([durable, most < 600]).toEqual([3000, true]);
  });

  test('an Observable that emits more than the queue holds is an error, and is unsubscribed from', async () => {
    let emitted = 0;
    let ended = false;
    const flood = new Observable<Question>((subscriber) => {
      while (!subscriber.closed) subscriber.next(numbered(emitted++));
      return () => {
        ended = true;
      };
    });
    await expect(small.run.feed('questions', flood, { queue: 100 })).rejects.toThrow(
      'emitted more than 100 records',
    );
    expect([emitted, ended]).toEqual([101, true]);
  });

  test('an error of the source, and a record that does not fit, end it; what was durable stays', async () => {
    const { run } = small;
    const broken = new Observable<Question>((subscriber) => {
      subscriber.next(numbered(0));
      subscriber.error(new Error('no more'));
    });
    await expect(run.feed('questions', broken)).rejects.toThrow('no more');
    let ended = false;
    function* unfit() {
      try {
        for (let n = 0; n < 512; n++) yield numbered(n);
        yield { ...numbered(512), text: 7 as unknown as string };
      } finally {
        ended = true;
      }
    }
    await expect(run.feed('questions', unfit())).rejects.toBeInstanceOf(DataError);
    expect(ended).toBe(true);
    expect(await fed()).toEqual(expected(512));
  });

  test('a topic that the flow itself writes is refused, and nothing of it is written', async () => {
    const { run } = small;
    for (const topic of ['updates', 'scored', 'failures'] as const) {
      await expect(run.feed(topic, [])).rejects.toThrow(/may be fed: `trajectories`, `questions`\. Found/);
    }
    for await (const update of run.read('updates')) throw new Error(`${update.step} was written`);
  });
});

describe('a flow in this process', () => {
  const trajectories = () => from([0, 1, 2].map((n) => trajectory(`q${n}/0`, 2)));

  test('is watched to its end, and leaves the records', async () => {
    const { run } = small;
    await run.feed('trajectories', trajectories());
    const flow = await run.start({ untilDrained: true });
    const progress = await lastValueFrom(flow.progress({ everyMs: 5 }).pipe(toArray()));
    expect(await flow.end).toBe('drained');
    const done = (stages: readonly StageProgress[]) =>
      Object.fromEntries(stages.map((stage) => [stage.stage, [stage.done, stage.backlog]]));
    expect(done(progress.at(-1) ?? [])).toEqual({
      decompose: [3, 0],
      judge: [9, 0],
      filter: [9, 0],
      reward: [9, 0],
    });
    const scored: string[] = [];
    for await (const { id } of run.read('scored')) scored.push(id);
    expect(scored).toHaveLength(9);
  });

  test('waits for more until it is stopped; only some stages may run', async () => {
    const { run } = small;
    const flow = await run.start({ stages: ['decompose'] });
    await run.feed('trajectories', trajectories());
    const parts = await lastValueFrom(run.tap('sub-trajectories').pipe(take(9), toArray()));
    expect(parts).toHaveLength(9);
    expect(await flow.stop()).toBe('stopped');
    const again = await run.start();
    expect(await again.abort()).toBe('aborted');
    expect(await again.end).toBe('aborted');
  });

  test('ends with the block that it belongs to, and with the run', async () => {
    const { run } = small;
    let end: Promise<string>;
    {
      await using flow = await run.start();
      end = flow.end;
    }
    expect(await end).toBe('stopped');
    const left = await run.start();
    await run.close();
    expect(await left.end).toBe('aborted');
  });

  test('that cannot start says why', async () => {
    const start = small.run.start({ stages: ['judge', 'train'] });
    await expect(start).rejects.toThrow(ConfigError);
    await expect(start).rejects.toThrow('stages train: not in the topology, which has decompose, judge');
  });
});
