/** An operator over the stream of a partition: its outputs, and its state after a stop and after an error. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  concatMap,
  delay,
  filter,
  map,
  mergeMap,
  type Observable,
  of,
  range,
  repeat,
  scan,
  take,
} from 'rxjs';
import { ConfigError } from '../../src/errors.ts';
import { refuse } from '../../src/own-stages/outputs.ts';
import type { StageCall } from '../../src/parts/calls.ts';
import { ids, type Questions, type SmallFlow, smallFlow, trapped } from './small-flow.ts';

let flow: SmallFlow;

beforeEach(async () => {
  flow = await smallFlow();
});

const over = { over: 'partition' } as const;
/** Each record and how many came before it: a state that has seen everything. */
const counted: StageCall = (questions$: Questions) =>
  questions$.pipe(
    scan(({ count }, { id }) => ({ count: count + 1, of: id }), { count: 0, of: '' }),
    map(({ count, of }) => ({ of, says: `${count}` })),
  );
const countedNotes = (count: number) => ids(count).map((id, i) => `${id} ${i + 1}`);

describe('its state', () => {
  test('goes on after a stop, from what was there, which is written once', async () => {
    await flow.feed(ids(7));
    await flow.run(counted, { settings: over });
    await flow.feed(ids(5, 7));
    await flow.run(counted, { settings: over });
    expect(await flow.notes()).toEqual(countedNotes(12));
  });

  test('is the same wherever it was stopped, with steps that join several records', async () => {
    const pairs: StageCall = (questions$: Questions) =>
      questions$.pipe(
        scan((all, { id }) => (all.length === 3 ? [id] : [...all, id]), [] as string[]),
        filter((all) => all.length === 3),
        mergeMap((all) => all.map((id) => ({ of: id, says: all.join('+') }))),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
        async (parts) => {
          const whole = await smallFlow();
          const cut = await smallFlow();
          try {
            let first = 0;
            for (const part of parts) {
              await cut.feed(ids(part, first));
              await cut.run(pairs, { settings: over });
              first += part;
            }
            await whole.feed(ids(first));
            await whole.run(pairs, { settings: over });
            expect(await cut.notes()).toEqual(await whole.notes());
          } finally {
            await Promise.all([whole.close(), cut.close()]);
          }
        },
      ),
      { numRuns: 12 },
    );
  });

  test('is built from the last records only, where the topology says so', async () => {
    await flow.feed(ids(7));
    await flow.run(counted, { settings: over });
    await flow.feed(['q7']);
    await flow.run(counted, { settings: { ...over, lookback: 3 } });
    await flow.feed(['q8']);
    await flow.run(counted, { settings: { ...over, lookback: 0 } });
    expect((await flow.notes()).slice(-2)).toEqual(['q7 4', 'q8 1']);
  });

  test('does not have records whose bytes make none', async () => {
    await flow.feed(ids(2));
    await flow.transport.append([{ topic: 'questions', key: 'x', value: Buffer.from('no record') }]);
    await flow.feed(ids(1, 2));
    await flow.run(counted, { settings: over });
    await flow.feed(ids(1, 3));
    await flow.run(counted, { settings: over });
    expect(await flow.notes()).toEqual(countedNotes(4));
    expect(await flow.failures()).toMatchObject([{ offset: 2, record: null }]);
  });
});

/** Throws at the records that are named. */
const throwsAt =
  (...bad: string[]): StageCall =>
  (questions$: Questions) =>
    (counted as (of$: Questions) => Observable<{ of: string; says: string }>)(
      questions$.pipe(
        map((question) => {
          if (bad.includes(question.id)) throw new RangeError(`not ${question.id}`);
          return question;
        }),
      ),
    );

describe('where it throws', () => {
  test('the record is a failure, and the state goes on as if it had never come; after a stop too', async () => {
    await flow.feed(ids(6));
    let made = 0;
    const onMake = () => made++;
    await flow.run(throwsAt('q1', 'q4'), { settings: over, onMake });
    // One to begin with, and one after each error.
    expect(made).toBe(3);
    await flow.feed(ids(2, 6));
    await flow.run(throwsAt('q1', 'q4'), { settings: over });
    expect(await flow.notes()).toEqual(['q0 1', 'q2 2', 'q3 3', 'q5 4', 'q6 5', 'q7 6']);
    expect(await flow.failures()).toMatchObject([
      {
        record: 'q1',
        error: 'ModelError',
        message: expect.stringContaining('failed for q1: RangeError: not q1'),
      },
      { record: 'q4' },
    ]);
  });

  test('too often, the run stops and says what to do; nothing is lost', async () => {
    await flow.feed(ids(6));
    const run = flow.run(throwsAt('q1', 'q2', 'q4'), { settings: { ...over, maxRebuilds: 2 } });
    await expect(run).rejects.toThrow(/threw at 3 records of partition 0.*use refuse\(\).*not q4/);
    await flow.run(throwsAt('q1', 'q2'), { settings: over });
    expect(await flow.notes()).toEqual(['q0 1', 'q3 2', 'q4 3', 'q5 4']);
    expect((await flow.failures()).map(({ record }) => record)).toEqual(['q1', 'q2']);
  });

  test('a refusal is a failure without an error: the state has seen the record', async () => {
    await flow.feed(ids(3));
    const refusing: StageCall = (questions$: Questions) =>
      (counted as (of$: Questions) => Observable<{ of: string }>)(questions$).pipe(
        concatMap((note) => (note.of === 'q1' ? of(refuse('no'), refuse('never')) : of(note))),
      );
    await flow.run(refusing, { settings: over });
    expect(await flow.notes()).toEqual(['q0 1', 'q2 3']);
    expect(await flow.failures()).toMatchObject([{ record: 'q1', message: 'no; never' }]);
  });

  test('records that do not fit, and records without an end, are failures', async () => {
    await flow.feed(ids(4));
    const wrong: StageCall = (questions$: Questions) =>
      questions$.pipe(
        mergeMap(({ id }) => {
          if (id === 'q1') return of({ of: 5 });
          if (id === 'q3') return of(trapped());
          return id === 'q2' ? of({ of: id }).pipe(repeat()) : of({ of: id });
        }),
      );
    await flow.run(wrong, { settings: over });
    expect(await flow.notes()).toEqual(['q0']);
    expect((await flow.failures()).map(({ message }) => message)).toEqual([
      expect.stringContaining('field of: expected text, found 5'),
      expect.stringContaining('for q2 it gave more than 100 outputs'),
      expect.stringContaining('gave something for q3 that cannot be read: Error: do not look'),
    ]);
  });
});

describe('it must answer at once', () => {
  test.each<[string, StageCall, RegExp]>([
    [
      'records later',
      (questions$: Questions) =>
        questions$.pipe(
          map(({ id }) => ({ of: id })),
          delay(1),
        ),
      /gave a record/,
    ],
    [
      'an error later',
      (questions$: Questions) =>
        questions$.pipe(
          concatMap(async () => {
            throw new Error('late');
          }),
        ),
      /ended with an error \(Error: late\)/,
    ],
  ])('%s stop the run, and it says how it is done', async (_, operator, message) => {
    await flow.feed(ids(3));
    const hold = new AbortController();
    const run = flow.run(operator, { settings: over, abort: hold.signal });
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(/while no record was handed to it.*over: record/);
  });

  test('also what it gives late while its state is built', async () => {
    await flow.feed(ids(3));
    await flow.run(counted, { settings: over });
    const late: StageCall = (questions$: Questions) =>
      questions$.pipe(concatMap(async ({ id }) => ({ of: id })));
    await expect(flow.run(late, { settings: over })).rejects.toThrow(/gave a record while no record/);
  });
});

test('it may end by itself; the stream of a partition never does', async () => {
  await flow.feed(ids(9));
  const some: StageCall = (questions$: Questions) =>
    questions$.pipe(
      take(2),
      map(({ id }) => ({ of: id })),
    );
  await flow.run(some, { settings: over });
  await flow.feed(ids(2, 9));
  await flow.run(some, { settings: over });
  expect(await flow.notes()).toEqual(['q0', 'q1']);
  expect(await flow.transport.committed('mine', 'questions')).toEqual([11]);
  // Whoever wonders where the other records went is told.
  expect(flow.told.join()).toContain(
    'completed its stream: it gives nothing for the records that come after',
  );
});

test.each<[string, unknown, RegExp]>([
  [
    'throws',
    () => {
      throw new Error('no operator today');
    },
    /gave no operator: Error: no operator today/,
  ],
  ['is no stream', () => 5, /gave no operator: TypeError: You provided '5'/],
  [
    'is asynchronous',
    async (questions$: Questions) => questions$,
    /gave no operator: .*a promise.*async function/,
  ],
])('an operator that %s is an error that names the module', async (_, operator, message) => {
  await flow.feed(ids(2));
  const run = flow.run(operator as StageCall, { settings: over });
  await expect(run).rejects.toThrow(ConfigError);
  await expect(run).rejects.toThrow(message);
  expect(await flow.transport.committed('mine', 'questions')).toEqual([0]);
});

test('one record may give many', async () => {
  await flow.feed(['q0']);
  const many: StageCall = (questions$: Questions) =>
    questions$.pipe(mergeMap(({ id }) => range(0, 100).pipe(map((n) => ({ of: id, says: `${n}` })))));
  await flow.run(many, { settings: over });
  expect(await flow.notes()).toHaveLength(100);
});

test('what it is applied to is as the module says, unless the topology says it; they may not differ', async () => {
  await flow.feed(ids(3));
  await flow.run(counted, { says: { over: 'partition' } });
  expect(await flow.notes()).toEqual(countedNotes(3));
  await expect(
    flow.run(counted, { settings: { over: 'record' }, says: { over: 'partition' } }),
  ).rejects.toThrow(
    'stages.mine (mine.ts, export `default`): it works over a partition, and the topology says `over: record`',
  );
  await expect(flow.run(counted, { says: { reads: ['judged', 'scored'] } })).rejects.toThrow(
    'it takes the records of `judged` or `scored`, and `questions` has others',
  );
});
