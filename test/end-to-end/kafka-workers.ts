/**
 * Workers of one flow on one broker, as processes: started, waited for, and compared with what an undisturbed
 * run leaves.
 */
import { expect } from '@jest/globals';
import type { Transport } from '../../src/topics/transport.ts';
import { patiently, until } from '../patience.ts';
import { type KafkaFixture, kafkaFixture, runName } from '../topics/kafka/kafka-fixture.ts';
import { sumLines } from './able-policy.ts';
import {
  byId,
  embeddedTopology,
  kafkaTopology,
  learned,
  type Policy,
  recordsOfTopic,
  startPolicy,
} from './kafka-flow.ts';
import { recordsOf } from './run-records.ts';
import { type SwirlProcess, setting, type Workplace, workplace } from './swirl-process.ts';

/** A run on the broker, and the processes that a test has started for it. */
export interface WorkersRun {
  readonly name: string;
  readonly policy: Policy;
  readonly kafka: KafkaFixture;
  readonly transport: Transport;
  feed(): Promise<unknown>;
  /** Feeds the file again, grown to this share of the questions. */
  feedUpTo(share: number): Promise<void>;
  start(args: readonly string[]): SwirlProcess;
  /** A worker that ends once the run is drained, and asks the policy under its own name. */
  worker(name: string, ...options: string[]): SwirlProcess;
  /**
   * The records are those of the undisturbed run, and the weights what `scored` makes of the initial ones.
   */
  expectWhole(): Promise<void>;
  /** Ends what still runs, and says what it had to say. */
  close(): Promise<void>;
}

export class Workers {
  readonly #address: string;
  readonly #kafkaAddress: string;
  readonly place: Workplace = workplace();
  readonly questions: readonly string[];
  undisturbed: Record<string, unknown[]> = {};

  /** `address` is the one that workers are told, where it is not the broker's own. */
  constructor(broker: string, { questions, address = broker }: { questions: number; address?: string }) {
    this.#address = address;
    this.#kafkaAddress = broker;
    this.questions = sumLines(questions);
  }

  /** Makes the policy to train, and the undisturbed run: on the embedded log, in one process. */
  async prepare(): Promise<void> {
    const { place } = this;
    place.write('questions.jsonl', this.questions.join(''));
    place.write('kafka.yaml', kafkaTopology(this.#address));
    place.write('embedded.yaml', { ...embeddedTopology(), run: 'embedded' });
    const shape = ['--vocabulary', '300', '--hidden', '16', '--layers', '1', '--positions', '256'];
    await this.swirl('new-policy', 'policy', '--texts', 'questions.jsonl', ...shape);
    await this.swirl('feed', 'questions.jsonl', '-t', 'embedded.yaml');
    const calm = await startPolicy();
    calm.allow(Number.POSITIVE_INFINITY);
    const url = setting(`policy.baseUrl=${calm.url('calm')}`);
    await this.swirl('run', 'embedded.yaml', '--until-drained', ...url).finally(() => calm.close());
    this.undisturbed = await byId((topic) => recordsOf(place.path('runs'), 'embedded', topic));
    for (const [topic, records] of Object.entries(this.undisturbed))
      expect([topic, records.length > 0]).toEqual([topic, topic !== 'failures']);
  }

  /** A command that must go well. */
  async swirl(...args: string[]): Promise<void> {
    const { code, stderr } = await this.place.swirl(args);
    if (code !== 0) throw new Error(`swirl ${args.join(' ')}: ${code}\n${stderr.slice(-2000)}`);
  }

  /** A run with a name of its own. */
  async begin(): Promise<WorkersRun> {
    const name = runName('workers');
    const policy = await startPolicy();
    const kafka = kafkaFixture(this.#kafkaAddress);
    const transport = await kafka.open(name);
    const running = new Set<SwirlProcess>();
    const start = (args: readonly string[]) => {
      const started = this.place.start(args);
      running.add(started);
      void started.ended.finally(() => running.delete(started));
      return started;
    };
    const own = `run=${name}`;
    return {
      ...{ name, policy, kafka, transport, start },
      feed: () => this.swirl('feed', 'questions.jsonl', '-t', 'kafka.yaml', ...setting(own)),
      feedUpTo: (share) => {
        const { questions, place } = this;
        place.write('questions.jsonl', questions.slice(0, Math.ceil(share * questions.length)).join(''));
        return this.swirl('feed', 'questions.jsonl', '-t', 'kafka.yaml', ...setting(own));
      },
      worker: (worker, ...options) =>
        start([
          ...['run', 'kafka.yaml', '--until-drained', ...options],
          ...setting(own, `policy.baseUrl=${policy.url(worker)}`),
        ]),
      expectWhole: async () => {
        expect(await byId((topic) => recordsOfTopic(transport, topic))).toEqual(this.undisturbed);
        const updates = await recordsOfTopic(transport, 'updates');
        expect(updates.map(({ step }) => step)).toEqual(updates.map((_, i) => i + 1));
        const trained = updates.reduce((sum, { subTrajectories }) => sum + subTrajectories, 0);
        expect(trained).toBe(this.undisturbed.scored?.length);
        const again = `${name}-again`;
        await this.swirl('replay', '--run', name, '--from', 'scored', '--as', again);
        expect(learned(updates)).toEqual(learned(await recordsOfTopic(await kafka.open(again), 'updates')));
      },
      close: async () => {
        for (const { child, said } of running) {
          console.error(`still running: ${child.spawnargs.join(' ')}\n${said().slice(-3000)}`);
          child.kill('SIGCONT');
          child.kill('SIGKILL');
        }
        await Promise.all([...running].map(({ ended }) => ended));
        await policy.close();
        await kafka.cleanup();
      },
    };
  }
}

/** Waits until something has come about, and no longer than these processes live. */
export async function whileAlive(
  processes: readonly SwirlProcess[],
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  let failure: unknown;
  for (const { ended } of processes) {
    void ended.then(({ code, signal, stdout, stderr }) => {
      failure ??= new Error(`a worker ended too early (${code ?? signal}): ${stdout}${stderr.slice(-3000)}`);
    });
  }
  const details = () => processes.map(({ said }) => said().slice(-1000)).join('\n');
  const reached = async () => {
    if (await condition()) return true;
    if (failure !== undefined) throw failure;
    return false;
  };
  await until(what, reached, { everyMs: 50, details });
}

/** The process ends by itself, and well. */
export async function drained(process: SwirlProcess): Promise<void> {
  const { code, signal, stderr } = await patiently('a worker to drain', process.ended, process.said);
  const bad = code === 0 ? '' : stderr.slice(-3000);
  expect({ code, signal, stderr: bad }).toEqual({ code: 0, signal: null, stderr: '' });
}
