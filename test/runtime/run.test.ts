/** The runtime on the embedded log: a small flow of real stages with scripted work. */

import { beforeEach, describe, expect, test } from '@jest/globals';
import { concatMap, from, mergeMap, Observable } from 'rxjs';
import { DataError, ModelError } from '../../src/errors.ts';
import { perRecord } from '../../src/runtime/per-record.ts';
import { Run, type RunOptions } from '../../src/runtime/run.ts';
import { runtimeConfig } from '../../src/runtime/runtime-config.ts';
import type { Delivery, Emission, Finished, Stage } from '../../src/runtime/stage.ts';
import { encode } from '../../src/topics/avro/codec.ts';
import { arrayOf, readRecords } from '../../src/topics/read-records.ts';
import type { Question, Topic, Turn } from '../../src/topics/records.generated.ts';
import type { Transport } from '../../src/topics/transport.ts';
import { pause, until } from '../patience.ts';
import { question } from '../records.ts';
import { codec, sleep, smallLog } from './small-log.ts';

const retry = { attempts: 2, backoffMs: 1, maxBackoffMs: 1 };
const config = runtimeConfig.parse({ commit: { records: 4, ms: 5 }, drainCheckMs: 2, remoteCheckMs: 5 });

let transport: Transport;
beforeEach(async () => {
  transport = await smallLog();
});

async function feed(count: number, first = 0): Promise<void> {
  const outputs = Array.from({ length: count }, (_, i) => {
    const id = `q${first + i}`;
    return { topic: 'questions', key: id, value: encode('questions', question({ id })) };
  });
  await transport.append(outputs);
}

/** How many questions are done with. */
async function progress(): Promise<number> {
  return (await transport.committed('start', 'questions'))[0] ?? 0;
}

async function ids(topic: Topic): Promise<string[]> {
  return (await arrayOf(readRecords({ transport, codec }, topic))).map(({ id }) => id);
}

/** A stage from questions to their first turns, with the given work in between. */
function copying(work: (question: Question, signal: AbortSignal) => Promise<void>, window = 8): Stage {
  const operator = perRecord<Question>(
    async (value, signal) => {
      await work(value, signal);
      return [turn(value, 0)];
    },
    { stage: 'start', retry, sleep },
  );
  return stage('start', 'questions', ['turns'], operator, window);
}

function stage(
  name: string,
  reads: Topic,
  writes: Topic[],
  operator: unknown,
  window = 8,
  holds = false,
): Stage {
  return { name, reads, writes, window, holds, operator: (() => operator) as unknown as Stage['operator'] };
}

function turn(value: Question, index: number): Emission {
  const trajectory = `${value.id}/0`;
  return {
    topic: 'turns',
    key: trajectory,
    value: { id: `${trajectory}/${index}`, trajectory, question: value, steps: [] },
  };
}

function start(
  stages: Stage[],
  over: Partial<RunOptions> = {},
  notify: (message: string) => void = () => {},
) {
  const [stop, abort] = [new AbortController(), new AbortController()];
  const options = {
    stages,
    flow: stages,
    scheduled: [],
    untilDrained: true,
    stop: stop.signal,
    abort: abort.signal,
    ...over,
  };
  const run = new Run(options, { transport, codec, config, now: () => performance.now(), notify });
  return { run, stop, abort, end: run.run() };
}

describe('a run', () => {
  test('keeps at most a window in flight, finishes out of order, and writes in order', async () => {
    await feed(40);
    let inFlight = 0;
    let most = 0;
    const finished: string[] = [];
    const work = async ({ id }: Question) => {
      most = Math.max(most, ++inFlight);
      // The first of each window is the slowest: it waits for the last.
      const index = Number(id.slice(1));
      if (index % 8 === 0) await until('the rest of the window', () => finished.includes(`q${index + 7}`));
      else await pause(1);
      finished.push(id);
      inFlight--;
    };
    expect(await start([copying(work)]).end).toBe('drained');
    expect(most).toBe(8);
    expect(finished.indexOf('q0')).toBeGreaterThan(finished.indexOf('q1'));
    expect(await ids('turns')).toEqual(Array.from({ length: 40 }, (_, i) => `q${i}/0/0`));
    expect(await transport.committed('start', 'questions')).toEqual([40]);
  });

  test('makes failures of what fails and of bytes that are no record, and goes on', async () => {
    await feed(2);
    await transport.append([{ topic: 'questions', key: 'x', value: new Uint8Array([1, 2, 3]) }]);
    await feed(1, 2);
    const work = async ({ id }: Question) => {
      if (id === 'q0') throw new DataError('no such thing');
      if (id === 'q1') throw new ModelError('down', { retryable: true });
    };
    await start([copying(work)]).end;
    expect(await ids('turns')).toEqual(['q2/0/0']);
    const failures = await arrayOf(readRecords({ transport, codec }, 'failures'));
    expect(
      failures.map(({ id, record, error, attempts, bytes }) => [
        id,
        record,
        error,
        attempts,
        bytes && [...bytes],
      ]),
    ).toEqual([
      ['start:questions:0:0', 'q0', 'DataError', 1, null],
      ['start:questions:0:1', 'q1', 'ModelError', 2, null],
      ['start:questions:0:2', null, 'DataError', 1, [1, 2, 3]],
    ]);
  });

  test('an output that its schema does not allow is a failure of its input', async () => {
    await feed(1);
    const operator = mergeMap(({ value, offset }: Delivery<Question>) => {
      const output = turn(value, 0) as Extract<Emission, { topic: 'turns' }>;
      return from([
        { offset, outputs: [{ ...output, value: { ...output.value, steps: null as unknown as [] } }] },
      ]);
    });
    await start([stage('start', 'questions', ['turns'], operator)]).end;
    const [failure] = await arrayOf(readRecords({ transport, codec }, 'failures'));
    expect(failure).toMatchObject({ error: 'DataError', record: 'q0/0/0' });
    expect(failure?.message).toContain('steps');
  });

  test('drains a cycle: every trajectory goes round until it is done', async () => {
    await feed(10);
    const round = perRecord<Turn>(
      async ({ id, question }) => {
        await pause(1);
        const index = Number(id.split('/')[2]);
        return index < 4 ? [turn(question, index + 1)] : [];
      },
      { stage: 'rollout', retry, sleep },
    );
    const stages = [copying(() => pause(1)), stage('rollout', 'turns', ['turns'], round, 3)];
    await start(stages).end;
    expect((await ids('turns')).sort()).toEqual(
      Array.from({ length: 10 }, (_, q) => [0, 1, 2, 3, 4].map((i) => `q${q}/0/${i}`))
        .flat()
        .sort(),
    );
  });

  test('where stages are scheduled, the order of a topic with several producers does not depend on timing', async () => {
    const orders: string[][] = [];
    for (const seed of [1, 2]) {
      const run = `turns-${seed}`;
      transport = await smallLog(run);
      await feed(12);
      const round = perRecord<Turn>(
        async ({ id, question }) => {
          await pause((id.length * seed * 7) % 5);
          const index = Number(id.split('/')[2]);
          return index < Number(question.id.slice(1)) % 3 ? [turn(question, index + 1)] : [];
        },
        { stage: 'rollout', retry, sleep },
      );
      const stages = [
        copying(() => pause((seed * 3) % 4), 4),
        stage('rollout', 'turns', ['turns'], round, 5),
      ];
      await start(stages, { scheduled: ['rollout', 'start'] }).end;
      orders.push(await ids('turns'));
    }
    expect(orders[0]).toHaveLength(24);
    expect(orders[1]).toEqual(orders[0]);
  });

  test('a stage that holds records is told when its input is drained, and before that commits no further', async () => {
    await feed(5);
    const committedBefore: number[] = [];
    // Finishes records in pairs; the odd one at the end when the source completes.
    const pairs = (source: Observable<Delivery<Question>>) =>
      new Observable<Finished>((subscriber) => {
        let held: Delivery<Question> | null = null;
        return source.subscribe({
          next: (delivery) => {
            if (!held) held = delivery;
            else {
              subscriber.next({ offset: held.offset, outputs: [turn(held.value, 0)] });
              subscriber.next({ offset: delivery.offset, outputs: [turn(delivery.value, 0)] });
              held = null;
            }
          },
          complete: async () => {
            await pause(20);
            committedBefore.push(...(await transport.committed('start', 'questions')));
            if (held) subscriber.next({ offset: held.offset, outputs: [turn(held.value, 9)] });
            subscriber.next({ offset: null, outputs: [turn(question({ id: 'end' }), 0)] });
            subscriber.complete();
          },
        });
      });
    await start([stage('start', 'questions', ['turns'], pairs, 8, true)]).end;
    expect(committedBefore).toEqual([4]);
    expect(await ids('turns')).toEqual(['q0/0/0', 'q1/0/0', 'q2/0/0', 'q3/0/0', 'q4/0/9', 'end/0/0']);
  });

  test('stop finishes and commits what is in flight; the next run goes on there', async () => {
    await feed(30);
    const first = start([copying(() => pause(5))], { untilDrained: false });
    await until('a commit', async () => (await progress()) > 0);
    first.stop.abort();
    expect(await first.end).toBe('stopped');
    const before = await ids('turns');
    const [committed] = await transport.committed('start', 'questions');
    expect(before).toHaveLength(committed as number);
    expect(committed).toBeGreaterThan(0);
    await start([copying(async () => {})]).end;
    expect(await ids('turns')).toEqual(Array.from({ length: 30 }, (_, i) => `q${i}/0/0`));
  });

  test('stop and abort end stages that wait for records', async () => {
    for (const how of ['stop', 'abort'] as const) {
      await feed(3);
      const waiting = start([copying(async () => {})], { untilDrained: false });
      const idle = async () =>
        (await waiting.run.progress()).every(({ done, backlog }) => done > 0 && backlog === 0);
      await until('a run without work', idle);
      waiting[how].abort(new Error('enough'));
      expect(await waiting.end).toBe(how === 'stop' ? 'stopped' : 'aborted');
    }
  });

  test('drains with the other workers: one that runs dry early waits for what others still write', async () => {
    await feed(12);
    const done: string[] = [];
    const finishing = perRecord<Turn>(
      async ({ id }) => {
        done.push(id);
        return [];
      },
      { stage: 'rollout', retry, sleep },
    );
    const slow = copying(async () => pause(15), 1);
    const flow = [slow, stage('rollout', 'turns', [], finishing)];
    // The second worker has nothing to do at first, and nothing but the topics to tell it that more will
    // come.
    const second = start([flow[1]], { flow });
    await pause(30);
    const first = start([slow], { flow });
    expect(await first.end).toBe('drained');
    expect(await second.end).toBe('drained');
    expect(done).toHaveLength(12);
    expect(await transport.committed('rollout', 'turns')).toEqual([12]);
  });

  test('says which stages elsewhere it waits for', async () => {
    await feed(2);
    const flow = [
      copying(async () => {}),
      stage(
        'rollout',
        'turns',
        [],
        perRecord<Turn>(async () => [], { stage: 'rollout', retry, sleep }),
      ),
    ];
    const notes: string[] = [];
    const waiting = start([flow[1]], { flow }, (note) => notes.push(note));
    await until('a note', () => notes.length > 0);
    expect(notes).toEqual(['waiting for start, at work elsewhere or not started']);
    waiting.stop.abort(new Error('enough'));
    expect(await waiting.end).toBe('stopped');
  });

  test('abort gives up what is in flight at once and loses nothing', async () => {
    await feed(20);
    const signals: AbortSignal[] = [];
    const work = async ({ id }: Question, signal: AbortSignal) => {
      signals.push(signal);
      if (id !== 'q2') return;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const first = start([copying(work)], { untilDrained: false });
    await until('what comes before the third', async () => (await progress()) === 2);
    first.abort.abort(new Error('now'));
    expect(await first.end).toBe('aborted');
    expect(signals.every((signal) => signal.aborted)).toBe(true);
    expect(await ids('turns')).toEqual(['q0/0/0', 'q1/0/0']);
    expect(await ids('failures')).toEqual([]);
    await start([copying(async () => {})]).end;
    expect(await ids('turns')).toEqual(Array.from({ length: 20 }, (_, i) => `q${i}/0/0`));
  });

  test('a defect in a stage stops the whole run with that error; what was committed stays', async () => {
    await feed(10);
    const work = async ({ id }: Question) => {
      await pause(1);
      if (id === 'q6') throw new TypeError('a defect');
    };
    const idle = perRecord<Turn>(async () => [], { stage: 'rollout', retry, sleep });
    await expect(start([copying(work, 2), stage('rollout', 'turns', [], idle)]).end).rejects.toThrow(
      'a defect',
    );
    expect(await ids('failures')).toEqual([]);
    await start([copying(async () => {})]).end;
    expect(await ids('turns')).toEqual(Array.from({ length: 10 }, (_, i) => `q${i}/0/0`));
  });

  test('a stage that writes where the topology does not say is stopped', async () => {
    await feed(1);
    const operator = concatMap(({ value, offset }: Delivery<Question>) =>
      from([{ offset, outputs: [turn(value, 0)] }]),
    );
    await expect(start([stage('start', 'questions', [], operator)]).end).rejects.toThrow('wrote to turns');
  });
});
