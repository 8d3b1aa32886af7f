import { transportContract } from '../transport-contract.ts';
import { sharedBroker, withKafka } from './broker.ts';
import { kafkaFixture } from './kafka-fixture.ts';

withKafka('on a real broker', () => {
  transportContract('the Kafka transport', async () => {
    const address = await sharedBroker();
    // Restarted under the same name while the earlier one still hangs: static membership takes over at once.
    return kafkaFixture(address, { worker: 'worker-1' });
  });
});
