/** A client that lacks a right, on a real broker with ACLs: it stops at once and names the right. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs';
import { freePort, startBroker } from '../../../scripts/kafka/broker.js';
import { ensureKafka } from '../../../scripts/kafka/fetch.js';
import { type KafkaConfig, kafkaConfig } from '../../../src/topics/kafka/kafka-config.ts';
import { openKafka } from '../../../src/topics/kafka/kafka-transport.ts';
import { withKafka } from './broker.ts';

const { TOPIC, GROUP, TRANSACTIONAL_ID } = AclResourceTypes;
const { DESCRIBE, READ, WRITE, DESCRIBE_CONFIGS, CREATE } = AclOperationTypes;

/** What docs/kafka.md lists. */
const rights = [
  ...[DESCRIBE, READ, WRITE, DESCRIBE_CONFIGS, CREATE].map((operation) => [TOPIC, operation] as const),
  ...[DESCRIBE, READ].map((operation) => [GROUP, operation] as const),
  ...[DESCRIBE, WRITE].map((operation) => [TRANSACTIONAL_ID, operation] as const),
];

withKafka('a client with rights, and without one of them', () => {
  const data = mkdtempSync(join(tmpdir(), 'swirl-rights-'));
  let broker: Awaited<ReturnType<typeof startBroker>>;
  let admin: Admin;
  let config: KafkaConfig;

  beforeAll(async () => {
    const [plain, controller, sasl] = [await freePort(), await freePort(), await freePort()];
    const settings = {
      listeners: `PLAINTEXT://127.0.0.1:${plain},CONTROLLER://127.0.0.1:${controller},SASL_PLAINTEXT://127.0.0.1:${sasl}`,
      'listener.security.protocol.map':
        'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_ada="tulips";',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    };
    broker = await startBroker({ libs: ensureKafka(() => {}), data, port: plain, settings });
    admin = new Kafka({ brokers: [`127.0.0.1:${plain}`], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    config = kafkaConfig.parse({ brokers: [`127.0.0.1:${sasl}`], connectMs: 60_000, requestMs: 60_000 });
  });
  afterAll(async () => {
    await admin?.disconnect();
    await broker?.kill();
    rmSync(data, { recursive: true, force: true });
  });

  const entry = ([resourceType, operation]: (typeof rights)[number]) => ({
    ...{ resourceType, operation, resourceName: 'swirl.', host: '*', principal: 'User:ada' },
    resourcePatternType: ResourcePatternTypes.PREFIXED,
    permissionType: AclPermissionTypes.ALLOW,
  });

  /** Makes topics, feeds, takes a partition, commits. */
  async function work(run: string): Promise<void> {
    const sasl = { mechanism: 'plain', username: 'ada', password: 'tulips' } as const;
    const transport = await openKafka({ run, config, security: { sasl } });
    try {
      await transport.ensureTopics(['in', 'out'].map((name) => ({ name, partitions: 1 })));
      await transport.append([{ topic: 'in', key: 'k', value: Buffer.from('v') }]);
      const end = new AbortController();
      for await (const input of transport.subscribe({ group: 'g', topic: 'in', signal: end.signal })) {
        while ((await input.pull(10, 1_000)).length === 0);
        await input.commit(input.position, [{ topic: 'out', key: 'k', value: Buffer.from('v') }]);
        end.abort();
      }
    } finally {
      await transport.close();
    }
  }

  test('those that the docs list are enough', async () => {
    await admin.createAcls({ acl: rights.map(entry) });
    await work('whole');
  });

  test.each([
    [TOPIC, READ, /lacks a right: it needs .*Read.* on topics/],
    [TOPIC, WRITE, /lacks a right: it needs .*Write.* on topics/],
    [GROUP, READ, /lacks a right: it needs Describe and Read on groups/],
    [TRANSACTIONAL_ID, WRITE, /lacks a right: it needs Describe and Write on transactional ids/],
  ] as const)('without one (%d, %d) it stops, and says which', async (resource, operation, message) => {
    // A right implies that to describe: both go.
    const gone = rights.filter(([type, one]) => type === resource && (one === operation || one === DESCRIBE));
    await admin.deleteAcls({ filters: gone.map(entry) });
    // Before its patience with a cluster that is away would end.
    await expect(work(`without-${resource}-${operation}`)).rejects.toThrow(message);
    await admin.createAcls({ acl: gone.map(entry) });
  });
});
