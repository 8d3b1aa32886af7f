/** Before all test files: names the place where those that need a Kafka broker find the one they share. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup() {
  // Jest's workers inherit these; test/topics/kafka/broker.ts starts the broker when the first file asks for
  // it.
  process.env.SWIRL_TEST_KAFKA = join(tmpdir(), `swirl-kafka-${process.pid}`);
  process.env.SWIRL_TEST_JEST = `${process.pid}`;
}
