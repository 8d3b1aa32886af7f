/** Records that are fed while a run drains: `--until-drained` means that every topic is consumed. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Observable } from 'rxjs';
import { perRecord } from '../../src/runtime/per-record.ts';
import { Run } from '../../src/runtime/run.ts';
import { runtimeConfig } from '../../src/runtime/runtime-config.ts';
import type { Delivery, Finished, Stage } from '../../src/runtime/stage.ts';
import { encode } from '../../src/topics/avro/codec.ts';
import type { Question, Topic, Turn } from '../../src/topics/records.generated.ts';
import type { Transport } from '../../src/topics/transport.ts';
import { pause, until } from '../patience.ts';
import { question, call as written } from '../records.ts';
import { codec, sleep, smallLog } from './small-log.ts';

const retry = { attempts: 1, backoffMs: 1, maxBackoffMs: 1 };
const config = runtimeConfig.parse({ commit: { records: 2, ms: 2 }, drainCheckMs: 2, remoteCheckMs: 2 });

let transport: Transport;
beforeEach(async () => {
  transport = await smallLog();
});

async function feed(...ids: string[]): Promise<void> {
  const value = (id: string) => encode('questions', question({ id }));
  await transport.append(ids.map((id) => ({ topic: 'questions', key: id, value: value(id) })));
}

function stage(name: string, [reads, writes]: [Topic, Topic[]], operator: unknown, holds = false): Stage {
  return {
    ...{ name, reads, writes, holds, window: 4 },
    operator: (() => operator) as unknown as Stage['operator'],
  };
}

const turnOf = (value: Question, index: number): Turn => ({
  ...{ id: `${value.id}/0/${index}`, trajectory: `${value.id}/0`, question: value, steps: [] },
});

/** Two turns of each question, one after the other. */
const begin = (work: () => Promise<void> = sleep) =>
  stage(
    'start',
    ['questions', ['turns']],
    perRecord<Question>(
      async (value) => {
        await work();
        return [0, 1].map((index) => ({ topic: 'turns', key: value.id, value: turnOf(value, index) }));
      },
      { stage: 'start', retry, sleep },
    ),
  );

/** One after the other, so that pairs are apart for a while. */
const pass = () =>
  stage(
    'rollout',
    ['turns', ['tool-calls']],
    perRecord<Turn>(
      async (turn) => {
        if (turn.id.endsWith('/1')) await pause(2);
        const call = { id: turn.id, turn, action: written('1+1') };
        return [{ topic: 'tool-calls', key: turn.id, value: call }];
      },
      { stage: 'rollout', retry, sleep },
    ),
  );

interface Gathering {
  /** Pairs that were whole. */
  readonly pairs: string[];
  /** What was alone when it was told that no more comes. */
  readonly alone: string[];
  /** How often it was told that. */
  ends: number;
  onEnd(): Promise<void>;
}

/** Holds turns back until both of a question are there, as `filter` does with steps. */
const gather = (found: Gathering) =>
  stage(
    'tools',
    ['turns', []],
    (source: Observable<Delivery<Turn>>) =>
      new Observable<Finished>((subscriber) => {
        const held = new Map<string, Delivery<Turn>>();
        return source.subscribe({
          next: (delivery) => {
            const { id } = delivery.value.question;
            const first = held.get(id);
            if (first === undefined) held.set(id, delivery);
            else {
              held.delete(id);
              found.pairs.push(id);
              for (const { offset } of [first, delivery]) subscriber.next({ offset, outputs: [] });
            }
          },
          complete: async () => {
            found.ends++;
            for (const [id, { offset }] of held) {
              found.alone.push(id);
              subscriber.next({ offset, outputs: [] });
            }
            await found.onEnd();
            subscriber.complete();
          },
        });
      }),
    true,
  );

function gathering(onEnd: () => Promise<void> = sleep): Gathering {
  return { pairs: [], alone: [], ends: 0, onEnd };
}

function run(stages: Stage[], scheduled: readonly string[] = []) {
  const [stop, abort] = [new AbortController(), new AbortController()];
  const options = { stages, flow: stages, scheduled, untilDrained: true };
  const made = new Run(
    { ...options, stop: stop.signal, abort: abort.signal },
    { transport, codec, config, now: () => performance.now() },
  );
  return { run: made, stop, end: made.run() };
}

const left = async ({ run }: { run: Run }) =>
  (await run.progress()).reduce((sum, { backlog }) => sum + backlog, 0);

describe.each([
  ['one stage at a time', ['start']],
  ['as records arrive', []],
])('a draining run, %s', (_, scheduled) => {
  test('consumes what is fed when its first stage has nothing to do any more', async () => {
    await feed('q0', 'q1');
    const found = gathering(async () => {
      if (found.ends === 1) await feed('q2');
    });
    const running = run([begin(), gather(found)], scheduled);
    expect(await running.end).toBe('drained');
    expect(found).toMatchObject({ pairs: ['q0', 'q1', 'q2'], alone: [], ends: 2 });
    expect(await left(running)).toBe(0);
    expect(await transport.committed('start', 'questions')).toEqual([3]);
    expect(await transport.committed('tools', 'turns')).toEqual([6]);
  });

  test('whenever records are fed, nothing is left, and nothing that belongs together is torn', async () => {
    const found = gathering(() => pause(3));
    const ids = Array.from({ length: 40 }, (_, n) => `q${n}`);
    await feed(...ids.slice(0, 4));
    const running = run([begin(() => pause(1)), gather(found)], scheduled);
    let ended = false;
    const end = running.end.finally(() => {
      ended = true;
    });
    let fed = 4;
    // With pauses of many lengths: some of them are longer than what is left takes.
    while (fed < ids.length && !ended) {
      await pause((fed * 7) % 23);
      if (ended) break;
      await feed(ids[fed++] as string);
    }
    expect(await end).toBe('drained');
    const [consumed = 0] = await transport.committed('start', 'questions');
    // What was fed in the moment of its end is left, and said to be.
    expect(fed - consumed).toBeLessThanOrEqual(1);
    expect(await left(running)).toBe(fed - consumed);
    expect(found.pairs).toEqual(ids.slice(0, consumed));
    expect(found.alone).toEqual([]);
  });
});

test('a stop ends a stage that was told that no more comes, whatever it has still to do; it does it again', async () => {
  await feed('q0', 'q1', 'q2');
  let finishing = false;
  const holding = (source: Observable<Delivery<Question>>) =>
    new Observable<Finished>((subscriber) =>
      source.subscribe({
        next: ({ offset }) => {
          if (offset === 0) subscriber.next({ offset, outputs: [] });
        },
        // As if it made passes over its input for hours.
        complete: () => {
          finishing = true;
        },
      }),
    );
  const running = run([stage('start', ['questions', []], holding, true)]);
  await until('the stage to be told', () => finishing);
  running.stop.abort(new Error('enough'));
  expect(await running.end).toBe('stopped');
  expect(await transport.committed('start', 'questions')).toEqual([1]);
  const again: string[] = [];
  const all = perRecord<Question>(
    async ({ id }) => {
      again.push(id);
      return [];
    },
    { stage: 'start', retry, sleep },
  );
  expect(await run([stage('start', ['questions', []], all)]).end).toBe('drained');
  expect(again).toEqual(['q1', 'q2']);
});

test('a stage in the middle does not see its producers as done while one of them is at work', async () => {
  // `gather` reads what `pass` has taken apart.
  const found = gathering(async () => {
    if (found.ends < 6) await feed(`late${found.ends}`);
  });
  const reading = { ...gather(found), reads: 'tool-calls' };
  const operator = reading.operator;
  const calls = {
    ...reading,
    operator: ((partition: number) => (source: Observable<Delivery<{ turn: Turn }>>) =>
      (operator(partition) as unknown as (s: unknown) => Observable<Finished>)(
        new Observable((subscriber) =>
          source.subscribe({
            next: (delivery) => subscriber.next({ ...delivery, value: delivery.value.turn }),
            complete: () => subscriber.complete(),
          }),
        ),
      )) as unknown as Stage['operator'],
  };
  await feed('q0');
  const running = run([begin(), pass(), calls]);
  expect(await running.end).toBe('drained');
  expect(found.alone).toEqual([]);
  expect(found.pairs).toEqual(['q0', 'late1', 'late2', 'late3', 'late4', 'late5']);
  expect(found.ends).toBe(6);
});
