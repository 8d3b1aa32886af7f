/** Any stage over plain values: order, bounds, failures, ends. The stages here are made for the test. */
import { describe, expect, jest, test } from '@jest/globals';
import {
  concatMap,
  from,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  type OperatorFunction,
  take,
  throwError,
  toArray,
} from 'rxjs';
import { ConfigError, DataError, ModelError } from '../../../src/errors.ts';
import { type Failure, paced, type Question, RecordFailed, type Turn } from '../../../src/index.ts';
import { type Opened, type OperatorOptions, plain } from '../../../src/library/operators/plain.ts';
import { perRecord } from '../../../src/runtime/per-record.ts';
import { question } from '../../records.ts';

const sleep = async () => {};
const retry = { attempts: 2, backoffMs: 1, maxBackoffMs: 1 };

type Work = (value: Question, signal: AbortSignal) => Promise<void>;

/** A stage that turns each question into a turn of the same id after some work. */
function opened(work: Work): Opened<Question> {
  const operator = perRecord<Question>(
    async (value, signal) => {
      await work(value, signal);
      const turn = { id: value.id, trajectory: value.id, question: value, steps: [] };
      return [{ topic: 'turns', key: value.id, value: turn }];
    },
    { stage: 'copy', retry, sleep },
  );
  return { operator };
}

function copy(
  work: Work,
  options: OperatorOptions & { readonly size?: number } = {},
): OperatorFunction<Question, Turn> {
  const { size = 4, ...rest } = options;
  const open = () => opened(work);
  return plain({ name: 'copy', reads: 'questions', writes: 'turns', window: size, open }, rest);
}

const questions = (count: number) => Array.from({ length: count }, (_, n) => question({ id: `q${n}` }));
const ids = <T extends { readonly id: string }>(source: Observable<T>) =>
  lastValueFrom(
    source.pipe(
      map(({ id }) => id),
      toArray(),
    ),
  );
const expected = (count: number) => Array.from({ length: count }, (_, n) => `q${n}`);
const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('order and bounds', () => {
  test('outputs come in the order of the inputs, however long each takes; no more than the window are in flight', async () => {
    let [now, most] = [0, 0];
    const work = copy(async ({ id }) => {
      now++;
      most = Math.max(most, now);
      for (let ticks = (Number(id.slice(1)) * 7) % 5; ticks > 0; ticks--) await tick();
      now--;
    });
    expect(await ids(from(questions(40)).pipe(work))).toEqual(expected(40));
    expect(most).toBe(4);
  });

  test('a source that can wait is asked for no more than is needed; one stage holds back the other', async () => {
    let asked = 0;
    function* source() {
      for (; asked < 1000; asked++) yield question({ id: `q${asked}` });
    }
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let done = 0;
    const fast = copy(async () => {});
    const slow = plain<Turn, 'turns'>(
      {
        ...{ name: 'slow', reads: 'turns', writes: 'turns', window: 2 },
        open: () => ({
          operator: concatMap(async ({ value, offset }) => {
            if (done === 3) await gate;
            done++;
            return { offset, outputs: [{ topic: 'turns' as const, key: value.id, value }] };
          }),
        }),
      },
      {},
    );
    const all = ids(paced(source()).pipe(fast, slow));
    for (let i = 0; i < 200; i++) await tick();
    // Three are done; two are in flight, and each stage has no more waiting than it has in flight.
    expect(done).toBe(3);
    expect(asked).toBeLessThan(3 + 2 * 2 + 2 * 4 + 2);
    open();
    expect(await all).toEqual(expected(1000));
  });

  test('a source that cannot wait may not run ahead by more than the queue', async () => {
    const flood = from(questions(50)).pipe(copy(() => new Promise(() => {}), { queue: 10 }));
    await expect(ids(flood)).rejects.toThrow('more than 10 records wait for copy');
    const enough = from(questions(50)).pipe(copy(tick as Work, { queue: 46 }));
    expect(await ids(enough)).toEqual(expected(50));
  });

  test('async iterables are ended when nobody reads any more', async () => {
    let ended = false;
    async function* endless() {
      try {
        for (let n = 0; ; n++) yield question({ id: `q${n}` });
      } finally {
        ended = true;
      }
    }
    expect(await ids(paced(endless()).pipe(copy(tick as Work), take(5)))).toEqual(expected(5));
    for (let i = 0; i < 20 && !ended; i++) await tick();
    expect(ended).toBe(true);
  });
});

describe('failures', () => {
  const failsAt = (bad: string, error: Error) => (options: OperatorOptions) =>
    copy(async ({ id }) => {
      if (id === bad) throw error;
    }, options);

  test('the first is an error of the Observable, with the record that a run would have written', async () => {
    const failing = failsAt('q2', new ModelError('busy', { retryable: true }))({});
    const error = await ids(from(questions(5)).pipe(failing)).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(RecordFailed);
    expect((error as RecordFailed).message).toBe('copy, record q2: ModelError: busy');
    expect((error as RecordFailed).failure).toMatchObject({
      ...{ id: 'copy:questions:0:2', stage: 'copy', record: 'q2', error: 'ModelError', attempts: 2 },
    });
  });

  test('where somebody listens they go there, and the others go on', async () => {
    const failures: Failure[] = [];
    const onFailure = (failure: Failure) => failures.push(failure);
    const failing = failsAt('q2', new DataError('no'))({ onFailure });
    expect(await ids(from(questions(5)).pipe(failing))).toEqual(['q0', 'q1', 'q3', 'q4']);
    expect(failures.map(({ record, message }) => [record, message])).toEqual([['q2', 'no']]);
  });

  test('an output that its schema does not allow is a failure of its input', async () => {
    const failures: Failure[] = [];
    const onFailure = (failure: Failure) => failures.push(failure);
    const unfit = copy(
      async (value) => {
        if (value.id === 'q1') value.meta = 7 as unknown as Record<string, string>;
      },
      { onFailure },
    );
    expect(await ids(from(questions(3)).pipe(unfit))).toEqual(['q0', 'q2']);
    expect(failures).toMatchObject([{ record: 'q1', error: 'DataError', stage: 'copy' }]);
    expect(failures[0]?.message).toContain('meta');
  });

  test('fatal errors, defects and errors of the source end it, whoever listens', async () => {
    const onFailure = () => {
      throw new Error('not reached');
    };
    for (const error of [new ConfigError('wrong'), new TypeError('defect')]) {
      const failing = failsAt('q1', error)({ onFailure });
      await expect(ids(from(questions(3)).pipe(failing))).rejects.toBe(error);
    }
    const broken = throwError(() => new Error('source'));
    await expect(ids(broken.pipe(copy(async () => {})))).rejects.toThrow('source');
  });

  test('a stage that cannot be opened is an error; so is one that ends too early', async () => {
    const unopened = plain<Question, 'turns'>(
      {
        ...{ name: 'x', reads: 'questions', writes: 'turns', window: 1 },
        open: async () => {
          throw new ConfigError('cannot be opened');
        },
      },
      {},
    );
    await expect(ids(from(questions(3)).pipe(unopened))).rejects.toThrow('cannot be opened');
    const early = plain<Question, 'turns'>(
      {
        ...{ name: 'x', reads: 'questions', writes: 'turns', window: 5 },
        open: () => ({ operator: () => from([]) }),
      },
      {},
    );
    const three = new Observable<Question>((subscriber) => {
      for (const each of questions(3)) subscriber.next(each);
      void tick().then(() => subscriber.complete());
    });
    await expect(ids(three.pipe(early))).rejects.toThrow('ended with');
  });
});

describe('ends', () => {
  test('unsubscribing aborts what is in flight, unsubscribes from the source and closes what was opened', async () => {
    const close = jest.fn(async () => {});
    const signals: AbortSignal[] = [];
    let left = false;
    const stage = plain<Question, 'turns'>(
      {
        ...{ name: 'x', reads: 'questions', writes: 'turns', window: 3 },
        open: async () => {
          await tick();
          const hang: Work = (_, signal) => {
            signals.push(signal);
            return new Promise(() => {});
          };
          return { ...opened(hang), close };
        },
      },
      {},
    );
    const source = new Observable<Question>((subscriber) => {
      for (const each of questions(2)) subscriber.next(each);
      return () => {
        left = true;
      };
    });
    const subscription = source.pipe(stage).subscribe();
    await tick();
    await tick();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    subscription.unsubscribe();
    expect([signals.map(({ aborted }) => aborted), left, close.mock.calls.length]).toEqual([
      [true, true],
      true,
      1,
    ]);
    // Unsubscribed while it was being opened, it is closed once it is open.
    const early = NEVER.pipe(stage).subscribe();
    early.unsubscribe();
    for (let i = 0; i < 5; i++) await tick();
    expect(close).toHaveBeenCalledTimes(2);
  });

  test('it completes once what was opened is closed; each subscription opens for itself', async () => {
    const events: string[] = [];
    const stage = plain<Question, 'turns'>(
      {
        ...{ name: 'x', reads: 'questions', writes: 'turns', window: 3 },
        open: () => {
          events.push('open');
          return {
            ...opened(async () => {}),
            close: async () => {
              await tick();
              events.push('close');
            },
          };
        },
      },
      {},
    );
    for (let i = 0; i < 2; i++) {
      expect(await ids(from(questions(2)).pipe(stage))).toEqual(expected(2));
      events.push('complete');
    }
    expect(events).toEqual(['open', 'close', 'complete', 'open', 'close', 'complete']);
  });
});
