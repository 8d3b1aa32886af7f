/** A worker with nothing to do: it asks the broker as seldom as it says, and hears of news at once. */
import { Socket } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { InputPartition } from '../../../src/topics/transport.ts';
import { sharedBroker, withKafka } from './broker.ts';
import { type KafkaFixture, kafkaFixture, runName } from './kafka-fixture.ts';

withKafka('a worker with nothing to do', () => {
  let kafka: KafkaFixture;
  beforeAll(async () => {
    kafka = kafkaFixture(await sharedBroker());
  });
  afterAll(() => kafka.cleanup());

  test('asks once in fetchWaitMs however often it is asked, and commits and hears of records meanwhile', async () => {
    const run = runName('idle');
    // No heartbeat, and no answer without a record, within this test.
    const quiet = { fetchWaitMs: 60_000, heartbeatMs: 40_000, topicCheckMs: 3_600_000, requestMs: 600_000 };
    const transport = await kafka.open(run, quiet);
    await transport.ensureTopics(['in', 'out'].map((name) => ({ name, partitions: 1 })));
    const end = new AbortController();
    const inputs = transport.subscribe({ group: 'g', topic: 'in', signal: end.signal });
    const { value: input } = (await inputs[Symbol.asyncIterator]().next()) as { value: InputPartition };
    // What is there, marks included, and then a fetch that the broker keeps.
    while ((await input.pull(10, 50)).length > 0);
    const writes = jest.spyOn(Socket.prototype, 'write');
    const pulls = 100;
    for (let n = 0; n < pulls; n++) expect(await input.pull(10, 10)).toEqual([]);
    // Not one for each pull: a fetch, heartbeats, and what a machine that stood still does again.
    expect(writes.mock.calls.length).toBeLessThan(pulls / 4);
    writes.mockRestore();
    // On the connection of the fetch it would wait for that: a request may take longer than a test.
    await input.commit(0, [{ topic: 'out', key: 'k', value: Buffer.from('v') }]);
    const pulled = input.pull(10, 600_000);
    await (await kafka.open(run)).append([{ topic: 'in', key: 'k', value: Buffer.from('news') }]);
    expect((await pulled).map(({ value }) => String(Buffer.from(value)))).toEqual(['news']);
    end.abort();
  });
});
