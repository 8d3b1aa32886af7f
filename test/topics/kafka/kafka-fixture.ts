/** Transports on a real broker, for tests. */
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { type KafkaConfig, kafkaConfig } from '../../../src/topics/kafka/kafka-config.ts';
import { openKafka } from '../../../src/topics/kafka/kafka-transport.ts';

/**
 * Quick to hear of changes, and patient with a busy machine: sessions, requests and hand-overs end in the
 * tests that are about them.
 */
export function testConfig(address: string, settings: Partial<KafkaConfig> = {}): KafkaConfig {
  return kafkaConfig.parse({
    brokers: [address],
    ...{ sessionMs: 120_000, heartbeatMs: 100, rebalanceMs: 60_000, handOverMs: 120_000 },
    ...{ fetchWaitMs: 100, requestMs: 60_000, connectMs: 60_000, outageMs: 1_800_000 },
    ...settings,
  });
}

type Opened = Awaited<ReturnType<typeof openKafka>>;

export interface KafkaFixture {
  open(run: string, settings?: Partial<KafkaConfig>): Promise<Opened>;
  readonly notes: string[];
  cleanup(): Promise<void>;
}

/** Opens transports, and closes them all at the end. */
export function kafkaFixture(address: string, preset: Partial<KafkaConfig> = {}): KafkaFixture {
  const opened: Opened[] = [];
  const notes: string[] = [];
  return {
    notes,
    open: async (run, settings = {}) => {
      const config = testConfig(address, { ...preset, ...settings });
      const transport = await openKafka({ run, config, notify: (message) => notes.push(message) });
      opened.push(transport);
      return transport;
    },
    cleanup: async () => {
      await Promise.all(opened.map((transport) => transport.close()));
    },
  };
}

/** A client that looks at groups and topics, and changes them; disconnect it. */
export async function adminOf(address: string): Promise<Admin> {
  const admin = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  return admin;
}

/** A name that no other test on the same broker has. */
export function runName(what: string): string {
  return `${what}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
}
