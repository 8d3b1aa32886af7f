/**
 * Faults on a real broker. Each ends with the records of an undisturbed run: none lost, none twice, counted
 * by id among what is committed. `SWIRL_KAFKA_KILLS=50` kills more often, `SWIRL_KAFKA_OUTAGE_MS=60000` makes
 * the outage last a minute.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { decode, encode } from '../../../src/topics/avro/codec.ts';
import type { Transport } from '../../../src/topics/transport.ts';
import { pause, until } from '../../patience.ts';
import { question } from '../../records.ts';
import { ownBroker, withKafka } from './broker.ts';
import { type KafkaFixture, kafkaFixture, runName, testConfig } from './kafka-fixture.ts';

const script = fileURLToPath(new URL('./kafka-child.ts', import.meta.url));
const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const KILLS = Number(process.env.SWIRL_KAFKA_KILLS ?? 5);
/** Longer than a session lasts and a request may take, so that every kind of request runs into it. */
const OUTAGE_MS = Number(process.env.SWIRL_KAFKA_OUTAGE_MS ?? 8_000);
const PARTITIONS = 3;

/** Of the workers: a session must outlast what one on a busy machine does between two heartbeats. */
const limits = { sessionMs: 6_000, requestMs: 5_000 };

withKafka('on a broker of its own', () => {
  let broker: Awaited<ReturnType<typeof ownBroker>>;
  let kafka: KafkaFixture;
  let children: Worker[];
  let run: string;
  let transport: Transport;
  let fed: number;
  /** What was committed just before the last feed. */
  let before: number;

  interface Worker {
    readonly child: ChildProcess;
    readonly exited: Promise<unknown[]>;
    said(): string;
  }

  beforeAll(async () => {
    broker = await ownBroker();
  });

  afterAll(() => broker.cleanup());

  beforeEach(async () => {
    kafka = kafkaFixture(broker.address);
    children = [];
    fed = 0;
    run = runName('faults');
    transport = await kafka.open(run);
    await transport.ensureTopics(
      ['questions', 'turns', 'trajectories', 'failures'].map((name) => ({
        name,
        partitions: name === 'failures' ? 1 : PARTITIONS,
      })),
    );
  });

  afterEach(async () => {
    for (const { child } of children) child.kill('SIGKILL');
    await kafka.cleanup();
  });

  async function feed(count: number): Promise<void> {
    before = await progress();
    const ids = Array.from({ length: count }, () => `q${fed++}`);
    await transport.append(
      ids.map((id) => ({ topic: 'questions', key: id, value: encode('questions', question({ id })) })),
    );
  }

  async function work(worker: string | null = null, settings: object = {}): Promise<Worker> {
    const config = testConfig(broker.address, { ...limits, worker, ...settings });
    const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(config), run], {
      cwd: checkout,
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (said += data));
    const started = { child, exited: once(child, 'exit'), said: () => said };
    children.push(started);
    await until('the worker to start', () => {
      if (child.exitCode !== null) throw new Error(`the worker did not start: ${said}`);
      return said.includes('ready');
    });
    return started;
  }

  async function progress(): Promise<number> {
    const committed = [
      await transport.committed('start', 'questions'),
      await transport.committed('rollout', 'turns'),
    ];
    return committed.flat().reduce((a, b) => a + b, 0);
  }

  async function whileAlive(what: string, reached: () => Promise<boolean>): Promise<void> {
    const details = () => children.map(({ said }) => said().slice(-1000)).join('\n');
    const look = () => {
      for (const { child, said } of children) {
        if (child.exitCode !== null && child.exitCode !== 0) throw new Error(`a worker ended: ${said()}`);
      }
      return reached();
    };
    await until(what, look, { everyMs: 50, details });
  }

  /**
   * Waits until this much more is committed than before the last feed: what was fed is enough for it, however
   * late we look.
   */
  async function advanced(by: number): Promise<void> {
    await whileAlive(`${by} more commits`, async () => (await progress()) >= before + by);
  }

  async function ids(topic: 'turns' | 'trajectories' | 'failures'): Promise<string[]> {
    const found: string[] = [];
    for await (const { value } of transport.read(topic)) found.push(decode(topic, value).id);
    return found.sort();
  }

  /** Waits until everything that was fed came out, a moment longer, and looks at it. */
  async function complete(): Promise<void> {
    const expected = Array.from({ length: fed }, (_, i) => [`q${i}/0`, `q${i}/1`])
      .flat()
      .sort();
    await whileAlive('everything', async () => (await ids('trajectories')).length >= expected.length);
    await pause(500);
    expect(await ids('failures')).toEqual([]);
    expect(await ids('turns')).toEqual(expected.map((id) => `${id}/0`).sort());
    expect(await ids('trajectories')).toEqual(expected);
  }

  test('a worker is killed again and again, at any moment', async () => {
    let seed = 20_261_122;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    for (let kill = 0; kill < KILLS; kill++) {
      // Under one name, and under none: then the group waits until its session has run out.
      const { child, exited } = await work(kill % 3 === 2 ? null : 'worker-1');
      await feed(400);
      await advanced(1 + Math.floor(random() * 40));
      await pause(random() * 120);
      child.kill('SIGKILL');
      expect(await exited).toEqual([null, 'SIGKILL']);
    }
    await work('worker-1');
    await complete();
  });

  test('the broker is killed in the middle and started again', async () => {
    const workers = [await work(), await work()];
    for (let time = 0; time < 2; time++) {
      await feed(400);
      await advanced(50);
      await broker.kill();
      await pause(500);
      await broker.restart();
    }
    await complete();
    for (const { child, exited } of workers) {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    }
  });

  test('the coordinator answers nobody for a while', async () => {
    await work();
    await feed(500);
    await advanced(50);
    process.kill(broker.pid(), 'SIGSTOP');
    await pause(OUTAGE_MS);
    process.kill(broker.pid(), 'SIGCONT');
    await complete();
  });

  test('there is one worker, then three, then two', async () => {
    const first = await work();
    await feed(600);
    await advanced(50);
    const [second] = [await work(), await work()];
    await feed(600);
    await advanced(300);
    first.child.kill('SIGTERM');
    expect(await first.exited).toEqual([0, null]);
    await feed(300);
    await complete();
    second?.child.kill('SIGTERM');
    expect(await second?.exited).toEqual([0, null]);
  });

  test('a worker is paused beyond its session, and fenced when it wakes up', async () => {
    const zombie = await work();
    await feed(600);
    await advanced(100);
    zombie.child.kill('SIGSTOP');
    const heir = await work();
    // Only the heir can do this much more.
    await feed(600);
    await advanced(200);
    zombie.child.kill('SIGCONT');
    await feed(300);
    await complete();
    // Both go on: the one that was fenced has come back as a new member.
    for (const { child, exited } of [zombie, heir]) {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    }
  });
});
