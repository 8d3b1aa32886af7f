/**
 * A real broker behind TLS and SASL: every way in that the configuration has, and every door that stays shut.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { freePort, startBroker } from '../../../scripts/kafka/broker.js';
import { ensureKafka } from '../../../scripts/kafka/fetch.js';
import { TransportError } from '../../../src/errors.ts';
import { kafkaConfig } from '../../../src/topics/kafka/kafka-config.ts';
import { openKafka } from '../../../src/topics/kafka/kafka-transport.ts';
import { runProgram } from '../../../src/topics/kafka/run-program.ts';
import { kafkaSecurityConfig, securityOf } from '../../../src/topics/kafka/security.ts';
import { arrayOf } from '../../../src/topics/read-records.ts';
import { withKafka } from './broker.ts';
import { type Certificates, hasOpenssl, makeCertificates } from './certificates.ts';

const MODULE = 'org.apache.kafka.common.security';
const password = 'tulips-and-windmills';

/** Formats the broker's data with a user in them: SCRAM's users are part of the cluster's metadata. */
function addScramUser(libs: string, data: string, network: Record<string, string>): void {
  mkdirSync(data);
  const properties = join(data, 'format.properties');
  const settings = {
    ...network,
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(data, 'topics'),
  };
  writeFileSync(
    properties,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const users = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((name) => [
    '--add-scram',
    `${name}=[name=ada,password=${password}]`,
  ]);
  const id = randomBytes(16).toString('base64url');
  const args = [
    '-cp',
    `${libs}/*`,
    'kafka.tools.StorageTool',
    'format',
    '-t',
    id,
    '-c',
    properties,
    ...users,
  ];
  const done = spawnSync('java', args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`the user was not made: ${done.stdout}${done.stderr}`);
}

const declare: typeof withKafka = hasOpenssl
  ? withKafka
  : (name, body) => describe.skip(`${name} (skipped: there is no openssl)`, body);

declare('a broker behind TLS and SASL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-secure-'));
  let made: Certificates;
  let broker: Awaited<ReturnType<typeof startBroker>>;
  let sasl: string;
  let mutual: string;

  beforeAll(async () => {
    made = makeCertificates(folder);
    const ports = {
      plain: await freePort(),
      controller: await freePort(),
      sasl: await freePort(),
      tls: await freePort(),
    };
    const listeners = {
      PLAINTEXT: ports.plain,
      CONTROLLER: ports.controller,
      SASL_SSL: ports.sasl,
      SSL: ports.tls,
    };
    const libs = ensureKafka(() => {});
    const data = join(folder, 'data');
    const network = {
      listeners: Object.entries(listeners)
        .map(([name, port]) => `${name}://127.0.0.1:${port}`)
        .join(','),
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL',
      'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    };
    addScramUser(libs, data, network);
    broker = await startBroker({
      libs,
      data,
      port: ports.plain,
      settings: {
        ...network,
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': made.brokerStore,
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': made.ca,
        'listener.name.ssl.ssl.client.auth': 'required',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
        'listener.name.sasl_ssl.plain.sasl.jaas.config': `${MODULE}.plain.PlainLoginModule required user_ada="${password}";`,
        'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${MODULE}.scram.ScramLoginModule required;`,
        'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${MODULE}.scram.ScramLoginModule required;`,
        // Takes tokens that nobody signed, which Kafka has for tests.
        'listener.name.sasl_ssl.oauthbearer.sasl.jaas.config': `${MODULE}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
      },
    });
    sasl = `127.0.0.1:${ports.sasl}`;
    mutual = `127.0.0.1:${ports.tls}`;
  });

  afterAll(async () => {
    await broker?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const env: Record<string, string> = { KAFKA_USER: 'ada', KAFKA_PASSWORD: password, WRONG: 'daffodils' };
  const deps = { env, readFile: readFileSync, runProgram, now: Date.now };
  const token = () => {
    const now = Math.floor(Date.now() / 1000);
    const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
    return `${part({ alg: 'none' })}.${part({ sub: 'ada', iat: now, exp: now + 600 })}.`;
  };

  /** Lists the topics at an address, through the client's options as the configuration gives them. */
  async function topics(address: string, config: object): Promise<string[]> {
    const options = securityOf(kafkaSecurityConfig.parse(config), deps);
    const admin = new Kafka({
      brokers: [address],
      logLevel: logLevel.NOTHING,
      // TLS included, whose first handshake is slow on a busy machine.
      ...{ connectionTimeout: 60_000, authenticationTimeout: 60_000, requestTimeout: 60_000 },
      retry: { retries: 0 },
      ...options,
    } as ConstructorParameters<typeof Kafka>[0]).admin();
    try {
      await admin.connect();
      return await admin.listTopics();
    } finally {
      await admin.disconnect();
    }
  }

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    '%s lets the right password in, and no other',
    async (mechanism) => {
      const tls = { caFile: made.ca };
      expect(
        await topics(sasl, {
          tls,
          sasl: { mechanism, usernameEnv: 'KAFKA_USER', passwordEnv: 'KAFKA_PASSWORD' },
        }),
      ).toEqual([]);
      const wrong = topics(sasl, {
        tls,
        sasl: { mechanism, usernameEnv: 'KAFKA_USER', passwordEnv: 'WRONG' },
      });
      await expect(wrong).rejects.toThrow(/authentication/i);
      await expect(wrong).rejects.not.toThrow(/daffodils/);
    },
  );

  test('oauthbearer lets a token in, from a program or a file', async () => {
    const tls = { caFile: made.ca };
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, `${token()}\n`);
    const command = [
      process.execPath,
      '-e',
      'process.stdout.write(require("fs").readFileSync(process.argv[1]))',
      tokenFile,
    ];
    expect(await topics(sasl, { tls, sasl: { mechanism: 'oauthbearer', tokenFile } })).toEqual([]);
    expect(await topics(sasl, { tls, sasl: { mechanism: 'oauthbearer', command } })).toEqual([]);
    writeFileSync(tokenFile, 'not.a.token');
    await expect(topics(sasl, { tls, sasl: { mechanism: 'oauthbearer', tokenFile } })).rejects.toThrow();
  });

  test('a client without the authority, or one that expects another name, stays out', async () => {
    const login = { mechanism: 'plain', usernameEnv: 'KAFKA_USER', passwordEnv: 'KAFKA_PASSWORD' };
    await expect(topics(sasl, { tls: {}, sasl: login })).rejects.toThrow(/certificate/i);
    const named = (servername: string) => topics(sasl, { tls: { caFile: made.ca, servername }, sasl: login });
    await expect(named('elsewhere.test')).rejects.toThrow(/altnames|certificate/i);
    expect(await named('broker.test')).toEqual([]);
    expect(await topics(sasl, { tls: { rejectUnauthorized: false }, sasl: login })).toEqual([]);
  });

  test('a broker that asks for a certificate gets the client’s', async () => {
    const tls = { caFile: made.ca, certFile: made.clientCert, keyFile: made.clientKey };
    expect(await topics(mutual, { tls })).toEqual([]);
    await expect(topics(mutual, { tls: { caFile: made.ca } })).rejects.toThrow();
  });

  test('the transport writes in transactions and reads, behind TLS and SCRAM', async () => {
    const config = {
      tls: { caFile: made.ca },
      sasl: { mechanism: 'scram-sha-512', usernameEnv: 'KAFKA_USER', passwordEnv: 'KAFKA_PASSWORD' },
    };
    const open = (settings: object) =>
      openKafka({
        run: 'secure',
        config: kafkaConfig.parse({ brokers: [sasl], connectMs: 60_000, requestMs: 60_000 }),
        security: securityOf(kafkaSecurityConfig.parse(settings), deps),
      });
    const transport = await open(config);
    try {
      await transport.ensureTopics([{ name: 'questions', partitions: 1 }]);
      await transport.append([{ topic: 'questions', key: 'q1', value: Buffer.from('hello') }]);
      const entries = await arrayOf(transport.read('questions'));
      expect(entries.map(({ key, value }) => [key, String(Buffer.from(value))])).toEqual([['q1', 'hello']]);
    } finally {
      await transport.close();
    }
    const wrong = open({ ...config, sasl: { ...config.sasl, passwordEnv: 'WRONG' } });
    await expect(wrong).rejects.toThrow(TransportError);
    await expect(wrong).rejects.not.toThrow(/daffodils/);
  });
});
