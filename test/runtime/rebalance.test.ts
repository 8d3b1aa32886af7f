/**
 * The runtime where partitions come and go: the embedded log, with a hand that gives them and takes them
 * away.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { concat, defer, ignoreElements, mergeMap, type Observable, throwError } from 'rxjs';
import { TransportError } from '../../src/errors.ts';
import { perRecord } from '../../src/runtime/per-record.ts';
import { Run } from '../../src/runtime/run.ts';
import { runtimeConfig } from '../../src/runtime/runtime-config.ts';
import type { Delivery, Stage } from '../../src/runtime/stage.ts';
import { TakenOver } from '../../src/runtime/taken-over.ts';
import { decode, encode } from '../../src/topics/avro/codec.ts';
import { embeddedConfig } from '../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import type { Question, Topic, Turn } from '../../src/topics/records.generated.ts';
import type { InputPartition, SubscribeOptions, Transport } from '../../src/topics/transport.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { pause, until } from '../patience.ts';
import { question } from '../records.ts';

const config = runtimeConfig.parse({ commit: { records: 4, ms: 5 }, drainCheckMs: 2, remoteCheckMs: 5 });
const retry = { attempts: 1, backoffMs: 1, maxBackoffMs: 1 };
const sleep = async () => {};

/** A partition that can be asked for, and taken away, and is given again once it was let go. */
class Lent implements InputPartition {
  readonly #lost = new AbortController();
  readonly #leaving = new AbortController();
  readonly released: Promise<void>;
  /** What is asked of the inner one ends before the next owner has it. */
  inUse: Promise<void> = Promise.resolve();
  release: () => void = () => {};

  constructor(readonly inner: InputPartition) {
    this.released = new Promise((resolve) => {
      this.release = () => {
        this.lose();
        resolve();
      };
    });
  }
  get topic() {
    return this.inner.topic;
  }
  get partition() {
    return this.inner.partition;
  }
  get position() {
    return this.inner.position;
  }
  get lost() {
    return this.#lost.signal;
  }
  get leaving() {
    return this.#leaving.signal;
  }
  ask(): void {
    this.#leaving.abort();
  }
  lose(): void {
    this.#lost.abort(new TransportError('it is elsewhere', { retryable: true }));
  }
  seek(offset: number) {
    this.inner.seek(offset);
  }
  pull(max: number, waitMs: number) {
    if (this.#lost.signal.aborted) return Promise.resolve([]);
    return this.#using(this.inner.pull(max, waitMs));
  }
  end() {
    return this.inner.end();
  }
  commit(...args: Parameters<InputPartition['commit']>) {
    if (this.#lost.signal.aborted) return Promise.reject(this.#lost.signal.reason);
    return this.#using(this.inner.commit(...args));
  }
  #using<T>(work: Promise<T>): Promise<T> {
    const before = this.inUse;
    this.inUse = work.then(
      () => before,
      () => before,
    );
    return work;
  }
}

let folder: string;
let log: Transport;
/** What the run has been lent so far, in order. */
let lent: Lent[];
/** Keeps back a partition of a stage until it resolves. */
let kept: Map<string, Promise<void>>;
/** Ends a run that a test that failed has left behind. */
let abort: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-rebalance-'));
  log = await openEmbeddedLog({ folder, run: 'test', config: embeddedConfig.parse({ pollMs: 2 }) });
  await log.ensureTopics(TOPICS.map((name) => ({ name, partitions: name === 'questions' ? 2 : 1 })));
  const ids = Array.from({ length: 12 }, (_, i) => `q${i}`);
  await log.append(
    ids.map((id) => ({ topic: 'questions', key: id, value: encode('questions', question({ id })) })),
  );
  lent = [];
  kept = new Map();
  abort = new AbortController();
});

afterEach(async () => {
  abort.abort(new Error('the test is over'));
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Each partition as it comes; one that was let go comes again. */
async function* lending(options: SubscribeOptions): AsyncGenerator<Lent, void> {
  const arrived: Lent[] = [];
  let wake = () => {};
  const lend = (inner: InputPartition) => {
    const input = new Lent(inner);
    lent.push(input);
    arrived.push(input);
    void input.released.then(async () => {
      await input.inUse;
      const [committed = 0] = (await log.committed(options.group, options.topic)).slice(inner.partition);
      inner.seek(committed);
      await kept.get(`${options.group}/${inner.partition}`);
      lend(inner);
    });
    wake();
  };
  void (async () => {
    for await (const inner of log.subscribe(options)) {
      void (kept.get(`${options.group}/${inner.partition}`) ?? Promise.resolve()).then(() => lend(inner));
    }
  })();
  options.signal.addEventListener('abort', () => wake());
  while (!options.signal.aborted) {
    const next = arrived.shift();
    if (next) yield next;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}

function run(stages: Stage[]) {
  const transport = new Proxy(log, {
    get: (target, name) => {
      if (name === 'subscribe') return lending;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const stop = new AbortController().signal;
  const codec = { encode, decode };
  return new Run(
    { stages, flow: stages, scheduled: [], untilDrained: true, stop, abort: abort.signal },
    { transport, codec, config, now: () => performance.now() },
  ).run();
}

function stage(
  name: string,
  [reads, writes]: readonly [Topic, Topic[]],
  operator: Stage['operator'],
  more: Partial<Stage> = {},
): Stage {
  return { name, reads, writes, window: 4, operator, ...more } as Stage;
}

const start = () =>
  stage('start', ['questions', ['turns']], (() =>
    perRecord<Question>(
      async (value) => {
        await pause(2);
        const trajectory = `${value.id}/0`;
        const turn: Turn = { id: `${trajectory}/0`, trajectory, question: value, steps: [] };
        return [{ topic: 'turns', key: trajectory, value: turn }];
      },
      { stage: 'start', retry, sleep },
    )) as Stage['operator']);

const rollout = (work: () => Promise<void>) =>
  stage('rollout', ['turns', []], (() =>
    perRecord<Turn>(
      async () => {
        await work();
        return [];
      },
      { stage: 'rollout', retry, sleep },
    )) as Stage['operator']);

async function turns(): Promise<string[]> {
  const found: string[] = [];
  for await (const { value } of log.read('turns')) found.push(decode('turns', value).id);
  return found.sort();
}

const all = Array.from({ length: 12 }, (_, i) => `q${i}/0/0`).sort();
const everyTurn = async () => (await turns()).length === all.length;

test('a partition that comes when its stage is done everywhere keeps nobody', async () => {
  // Another worker has done what is in it, and leaves.
  let come = () => {};
  kept.set(
    'start/1',
    new Promise((resolve) => {
      come = resolve;
    }),
  );
  const elsewhere = new AbortController();
  const before = (async () => {
    for await (const input of log.subscribe({ group: 'start', topic: 'questions', signal: elsewhere.signal }))
      if (input.partition === 1) await input.commit(await input.end(), []);
  })();
  await until('a commit', async () => ((await log.committed('start', 'questions'))[1] ?? 0) > 0);
  elsewhere.abort();
  await before;
  let first = true;
  const ended = run([
    start(),
    rollout(async () => {
      if (!first) return;
      first = false;
      const startDone = async () => sum(await log.committed('start', 'questions')) === all.length;
      await until('the end of `start`', startDone);
      // The run is past that stage by now. What is done with is let go when somebody asks for it, and may
      // come back.
      await pause(100);
      const [done] = lent.filter(({ topic }) => topic === 'questions');
      done?.ask();
      await done?.released;
      come();
      await pause(50);
    }),
  ]);
  expect(await ended).toBe('drained');
  expect(lent.filter(({ topic }) => topic === 'questions')).toHaveLength(3);
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

test('partitions that are asked for and taken away in the middle are worked on once they are back', async () => {
  const taking = (async () => {
    for (let n = 0; n < 60; n++) {
      await pause(4);
      const input = lent[(n * 7) % Math.max(1, lent.length)];
      if (input === undefined || input.lost.aborted) continue;
      if (n % 3 === 0) input.release();
      else input.ask();
    }
  })();
  expect(await run([start(), rollout(() => pause(3))])).toBe('drained');
  await taking;
  expect(await turns()).toEqual(all);
  expect(await log.committed('rollout', 'turns')).toEqual([12]);
});

test('a stage that sees that another worker has its partition gives it back, and does it again if it must', async () => {
  let attempts = 0;
  const operator = (() => {
    attempts++;
    const { operator: whole } = start();
    if (attempts > 2) return whole(0);
    return mergeMap((_: Delivery<Question>) => throwError(() => new TakenOver('taken', { retryable: true })));
  }) as Stage['operator'];
  expect(await run([{ ...start(), operator }, rollout(async () => {})])).toBe('drained');
  expect(attempts).toBeGreaterThan(2);
  expect(await turns()).toEqual(all);
});

test.each(['never had', 'has lost', 'has lost when it was told that no more comes'] as const)(
  'a stage whose work outlasts its progress waits as a standby for a partition that it %s',
  async (what) => {
    let come = () => {};
    const coming = new Promise<void>((resolve) => {
      come = resolve;
    });
    let ended = false;
    let losing: typeof what | null = what;
    /** Another worker takes it, and has something to do still when all of it is committed. */
    const lose = async () => {
      losing = null;
      kept.set('rollout/0', coming);
      await until('every turn', everyTurn);
      const [lost] = lent.filter(({ topic }) => topic === 'turns');
      lost?.lose();
      await lost?.inner.commit(all.length, []);
    };
    if (what === 'never had') kept.set('rollout/0', coming);
    const { operator } = rollout(async () => {
      if (losing === 'has lost') await lose();
    });
    const standby = stage(
      'rollout',
      ['turns', []],
      ((partition: number) => (source: Observable<Delivery<Turn>>) => {
        const end = defer(async () => {
          if (losing === 'has lost when it was told that no more comes') await lose();
        }).pipe(ignoreElements());
        return concat(operator(partition)(source as never), end);
      }) as Stage['operator'],
      { outlasts: true, holds: true },
    );
    const running = run([start(), standby]).then((end) => {
      ended = true;
      return end;
    });
    await until('every turn', everyTurn);
    await pause(150);
    expect(ended).toBe(false);
    come();
    expect(await running).toBe('drained');
    expect(await log.committed('rollout', 'turns')).toEqual([12]);
  },
);
