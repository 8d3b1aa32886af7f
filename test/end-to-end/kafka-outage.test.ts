/**
 * The cluster answers nobody for longer than sessions and requests last. `SWIRL_WORKER_OUTAGE_MS=60000` makes
 * that a minute.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pause } from '../patience.ts';
import { ownBroker, withKafka } from '../topics/kafka/broker.ts';
import { drained, Workers, type WorkersRun, whileAlive } from './kafka-workers.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** Longer than any time-out of the workers' but the outage's own. */
const OUTAGE_MS = Number(process.env.SWIRL_WORKER_OUTAGE_MS ?? 15_000);

withKafka('workers that lose the cluster', () => {
  let proxy: TcpProxy;
  let broker: Awaited<ReturnType<typeof ownBroker>>;
  let workers: Workers;
  let run: WorkersRun;

  beforeAll(async () => {
    proxy = await startTcpProxy();
    // Clients are sent to the proxy; the broker, which is its own client, is not.
    broker = await ownBroker({ 'advertised.listeners': `PLAINTEXT://${proxy.address}` });
    proxy.target(broker.address);
    workers = new Workers(proxy.address, { questions: 8 });
    await workers.prepare();
    run = await workers.begin();
  });

  afterAll(async () => {
    await run?.close();
    await workers?.place.remove();
    await proxy?.close();
    await broker?.cleanup();
  });

  test('two of them go on when it is back, and every record is there once', async () => {
    await run.feed();
    const { policy } = run;
    const both = [run.worker('one'), run.worker('two')];
    policy.allow(6);
    await whileAlive(
      both,
      'answers for both',
      () => policy.answered >= 6 && policy.asked('two') > 0 && policy.asked('one') > 0,
    );
    // Some of these answers are on their way to a commit.
    policy.allow(6);
    await whileAlive(both, 'more answers', () => policy.answered >= 8);
    proxy.cut();
    // Nothing but the cluster keeps them from their end.
    policy.allow(Number.POSITIVE_INFINITY);
    await pause(OUTAGE_MS);
    expect(both.map(({ child }) => child.exitCode)).toEqual([null, null]);
    proxy.mend();
    for (const worker of both) await drained(worker);
    await run.expectWhole();
  });
});
