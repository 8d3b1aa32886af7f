/** An operator applied to each record alone: what belongs to it, and what is wrong with it, as records. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  concatMap,
  delay,
  EMPTY,
  filter,
  map,
  mergeMap,
  NEVER,
  type Observable,
  of,
  range,
  reduce,
  repeat,
  throwError,
} from 'rxjs';
import { refuse, to } from '../../src/own-stages/outputs.ts';
import { ids, type Questions, type SmallFlow, smallFlow, trapped } from './small-flow.ts';

let flow: SmallFlow;

beforeEach(async () => {
  flow = await smallFlow();
});

describe('what it gives', () => {
  test('is written in the order of its input, however long each takes', async () => {
    await flow.feed(ids(20));
    const slow = (questions$: Questions) =>
      questions$.pipe(mergeMap(({ id }) => of({ of: id }).pipe(delay((Number(id.slice(1)) * 7) % 11))));
    await flow.run(slow);
    expect(await flow.notes()).toEqual(ids(20));
  });

  test('may be nothing or several; its source is one record and its end', async () => {
    await flow.feed(ids(4));
    const several = (questions$: Questions) =>
      questions$.pipe(
        filter(({ id }) => id !== 'q1'),
        reduce((all, { id }) => [...all, id], [] as string[]),
        concatMap((all) => range(0, 2).pipe(map((n) => ({ of: all.join('+') || 'none', says: `${n}` })))),
      );
    await flow.run(several);
    expect(await flow.notes()).toEqual(['q0 0', 'q0 1', 'none 0', 'none 1', 'q2 0', 'q2 1', 'q3 0', 'q3 1']);
  });

  test('goes to the topic that it names, where there are several', async () => {
    await flow.feed(ids(3));
    const both = (questions$: Questions) =>
      questions$.pipe(mergeMap((question) => of(to('others', question), to('notes', { of: question.id }))));
    await flow.run(both, { settings: { writes: ['notes', 'others'] } });
    expect(await flow.notes()).toEqual(ids(3));
    expect(await flow.others()).toEqual(ids(3));
  });

  test('bears the module that made it, where it was made of other records', async () => {
    await flow.feed(['q0']);
    await flow.run((questions$: Questions) => questions$.pipe(map(({ id }) => ({ of: id }))));
    const [note] = await flow.transport
      .read('notes')
      [Symbol.asyncIterator]()
      .next()
      .then(({ value }) => [value]);
    const { codec } = await import('./small-flow.ts');
    expect(codec.decode('notes', note.value)).toMatchObject({ by: { module: 'mine.ts', hash: 'ab' } });
  });
});

const ofId = (of: string) => ({ of });

describe('what is wrong is a failure, of that record alone', () => {
  test.each<[string, (questions$: Questions) => Observable<unknown>, object, RegExp]>([
    [
      'it throws',
      map(({ id }) => {
        if (id === 'q1') throw new TypeError('no such thing');
        return ofId(id);
      }),
      { error: 'ModelError', attempts: 1 },
      /stages.mine \(mine.ts, export `default`\) failed for q1: TypeError: no such thing/,
    ],
    [
      'it fails for a while',
      concatMap(({ id }) => (id === 'q1' ? throwError(() => new Error('busy')) : of(ofId(id)))),
      { error: 'ModelError', attempts: 2 },
      /failed for q1: Error: busy/,
    ],
    [
      'it never completes',
      concatMap(({ id }) => (id === 'q1' ? NEVER : of(ofId(id)))),
      { error: 'ModelError' },
      /did not answer for q1 in 50 ms \(timeoutMs\)/,
    ],
    [
      'it gives without an end',
      concatMap(({ id }) => (id === 'q1' ? of(ofId(id)).pipe(repeat()) : of(ofId(id)))),
      { error: 'DataError' },
      /for q1 it gave more than 100 outputs \(maxOutputs\)/,
    ],
    [
      'it gives no record',
      map(({ id }) => (id === 'q1' ? 7 : ofId(id))),
      { error: 'DataError' },
      /for q1 it gave a number: expected a record/,
    ],
    [
      'it gives a record that does not fit',
      map(({ id }) => (id === 'q1' ? { of: id, says: 7 } : ofId(id))),
      { error: 'DataError' },
      /for q1 it gave no record of its topic: topic notes, field says: expected text, found 7/,
    ],
    [
      'it names a topic that it does not write',
      map(({ id }) => (id === 'q1' ? to('others', ofId(id)) : ofId(id))),
      { error: 'DataError' },
      /for q1 it gave a record for the topic "others", and the stage writes `notes`/,
    ],
    [
      'what it gives throws when it is read',
      map(({ id }) => (id === 'q1' ? trapped() : ofId(id))),
      { error: 'DataError' },
      /gave something for q1 that cannot be read: Error: do not look/,
    ],
    [
      'it refuses',
      map(({ id }) => (id === 'q1' ? refuse('not mine') : ofId(id))),
      { error: 'DataError' },
      /^not mine$/,
    ],
    [
      'it gives a record that is too large',
      map(({ id }) => (id === 'q1' ? { of: id, says: 'x'.repeat(70_000) } : ofId(id))),
      { error: 'DataError' },
      /at most 65536 bytes/,
    ],
    [
      'it is no operator',
      () => 5 as never,
      { error: 'ModelError', record: 'q0' },
      /failed for q0: TypeError/,
    ],
    [
      'it is asynchronous',
      (async (questions$: Questions) => questions$) as never,
      { error: 'ModelError', record: 'q0' },
      /failed for q0: TypeError: .*a promise.*async function/,
    ],
  ])('%s', async (what, operator, failure, message) => {
    await flow.feed(ids(3));
    await flow.run(operator as never, {
      settings: { timeoutMs: what === 'it never completes' ? 50 : 60_000 },
    });
    const failures = await flow.failures();
    if (what === 'it is no operator' || what === 'it is asynchronous') expect(failures).toHaveLength(3);
    else {
      expect(await flow.notes()).toEqual(['q0', 'q2']);
      expect(failures).toHaveLength(1);
    }
    expect(failures[0]).toMatchObject({ stage: 'mine', topic: 'questions', record: 'q1', ...failure });
    expect(failures[0]?.message).toMatch(message);
  });

  test('a record without a topic where the stage writes two, or none', async () => {
    await flow.feed(['q0']);
    const plain = (questions$: Questions) => questions$.pipe(map(({ id }) => ofId(id)));
    await flow.run(plain, { settings: { writes: ['notes', 'others'] } });
    await flow.feed(['q1']);
    await flow.run(plain, { settings: { writes: [] } });
    expect((await flow.failures()).map(({ message }) => message)).toEqual([
      expect.stringContaining("writes `notes` and `others`: expected to('…', record)"),
      expect.stringContaining('a record, and the stage writes no topic'),
    ]);
  });
});

test('a passing error is tried again, with the same record', async () => {
  await flow.feed(ids(3));
  let tries = 0;
  const second = (questions$: Questions) =>
    questions$.pipe(
      map(({ id }) => {
        if (id === 'q1' && tries++ === 0) throw new Error('busy');
        return { of: id };
      }),
    );
  await flow.run(second);
  expect(await flow.notes()).toEqual(ids(3));
  expect(await flow.failures()).toEqual([]);
});

test('stopped at once, what is in hand is given up and done again', async () => {
  await flow.feed(ids(6));
  const abort = new AbortController();
  let subscribed = 0;
  const stuck = (questions$: Questions) =>
    questions$.pipe(
      concatMap(({ id }) => {
        subscribed++;
        if (subscribed === 6) queueMicrotask(() => abort.abort(new Error('now')));
        return id === 'q0' ? NEVER : of({ of: id });
      }),
    );
  expect(await flow.run(stuck, { abort: abort.signal })).toBe('aborted');
  expect(await flow.notes()).toEqual([]);
  await flow.run((questions$: Questions) => questions$.pipe(map(({ id }) => ({ of: id }))));
  expect(await flow.notes()).toEqual(ids(6));
});

test('a stage may write nothing at all', async () => {
  await flow.feed(ids(3));
  expect(await flow.run(() => EMPTY, { settings: { writes: [] } })).toBe('drained');
  expect(await flow.transport.committed('mine', 'questions')).toEqual([3]);
});
