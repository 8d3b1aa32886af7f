/** What docker/ says holds together: no engine is needed to see that. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { parse } from 'yaml';
import { register } from '../../src/cli/run.ts';
import { isTopic } from '../../src/topics/avro/codec.ts';
import { loadTopology } from '../../src/topology/load.ts';
import { DEFAULT_STAGES } from '../../src/topology/stage-configs.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'docker');
const read = (file: string) => readFileSync(join(folder, file), 'utf8');

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly cap_drop?: readonly string[];
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly env_file?: readonly (string | { readonly path: string; readonly required: boolean })[];
  readonly depends_on?: Readonly<Record<string, object>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
  readonly devices?: readonly string[];
  readonly deploy?: object;
}

const compose = parse(read('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
const services = Object.entries(compose.services);
const workers = services.filter(([, { build }]) => build !== undefined);
const running = workers.filter(([, { command }]) => command?.[0] === 'run');

/** The settings of an env file. */
const settings = (file: string) =>
  new Map(
    read(file)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

describe('compose.yaml', () => {
  test('has a broker, a registry, a browser of topics, and workers with and without a GPU', () => {
    expect(services.map(([name]) => name)).toEqual(
      expect.arrayContaining(['broker', 'registry', 'console', 'worker', 'train', 'worker-gpu', 'train-gpu']),
    );
    const of = (profile: string) =>
      running.filter(([, { profiles }]) => profiles?.includes(profile)).map(([name]) => name);
    expect(of('worker')).toEqual(['worker', 'train']);
    expect(of('gpu')).toEqual(['worker-gpu', 'train-gpu']);
    for (const name of of('gpu')) expect(JSON.stringify(compose.services[name]?.deploy)).toContain('nvidia');
    for (const name of of('dri')) expect(compose.services[name]?.devices).toEqual(['/dev/dri:/dev/dri']);
  });

  test.each(services)('%s: a pinned image, nobody who is root, loopback only', (_, service) => {
    expect(service.image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$/);
    expect(service.user).toMatch(/^(?!root|0+(:|$))[a-z0-9]+(:[0-9]+)?$/);
    expect(service.privileged).toBeUndefined();
    expect(service.cap_drop).toEqual(['ALL']);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test.each(services)('%s: what it names is there', (_, service) => {
    for (const file of service.env_file ?? []) {
      if (typeof file === 'string') expect(existsSync(join(folder, file))).toBe(true);
      else expect(file.required).toBe(false);
    }
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) expect(existsSync(join(folder, source))).toBe(true);
      else expect(compose.volumes).toHaveProperty(source);
    }
    for (const other of Object.keys(service.depends_on ?? {})) {
      expect(compose.services[other]?.healthcheck).toBeDefined();
    }
  });

  test('the broker is the one that the tests run against, for the reason given there', () => {
    const pom = readFileSync(join(root, 'scripts', 'kafka', 'pom.xml'), 'utf8');
    const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)</.exec(pom)?.[1];
    expect(compose.services.broker?.image).toBe(`apache/kafka:${version}`);
    const clients = readFileSync(join(root, 'scripts', 'kafka', 'clients.js'), 'utf8');
    const registry = /^const REGISTRY = '([^']+)';$/m.exec(clients)?.[1];
    expect(compose.services.registry?.image).toBe(`apicurio/apicurio-registry:${registry}`);
  });

  test('every worker is a `swirl run` that parses, and the stages of a profile are those that a topology has by default, each once', async () => {
    for (const profile of ['worker', 'gpu', 'dri']) {
      const stages: string[] = [];
      for (const [, { command = [], volumes = [], profiles, stop_grace_period }] of running) {
        if (!profiles?.includes(profile)) continue;
        const { file, flags } = await parsed(command);
        expect(volumes).toContain(`./topology.kafka.yaml:${file}:ro`);
        expect(flags.untilDrained).toBeUndefined();
        expect(stop_grace_period).toBeDefined();
        stages.push(...(flags.stages ?? '').split(','));
      }
      expect(stages).toEqual([...DEFAULT_STAGES]);
    }
  });
});

interface Parsed {
  readonly file: string;
  readonly flags: { readonly stages?: string; readonly untilDrained?: boolean };
}

/** What `swirl run` makes of its arguments; rejects where it knows one of them not. */
async function parsed(command: readonly string[]): Promise<Parsed> {
  const program = new Command().exitOverride();
  register(program);
  let found: Parsed | undefined;
  for (const one of program.commands) {
    one.exitOverride().action((file: string, flags: Parsed['flags']) => {
      found = { file, flags };
    });
  }
  await program.parseAsync([...command], { from: 'user' });
  if (found === undefined) throw new Error(`expected a run, found ${command.join(' ')}`);
  return found;
}

describe('topology.kafka.yaml', () => {
  const { topology, warnings } = loadTopology(join(folder, 'topology.kafka.yaml'), {
    context: { env: {}, exists: existsSync },
  });
  const { transport } = topology;
  if (transport.kind !== 'kafka') throw new Error('expected Kafka');

  test('nothing is wrong with it', () => {
    expect(warnings).toEqual([]);
    expect(Object.keys(topology.topics).every(isTopic)).toBe(true);
  });

  test('finds broker and registry where compose.yaml puts them', () => {
    const env = settings('broker.env');
    const advertised = (env.get('KAFKA_ADVERTISED_LISTENERS') ?? '').split(',');
    expect(transport.brokers.map((address) => `INSIDE://${address}`)).toEqual([advertised[0]]);
    const { hostname, port } = new URL(transport.registry?.url ?? '');
    expect(compose.services).toHaveProperty(hostname);
    expect(compose.services[hostname]?.ports).toEqual([`127.0.0.1:8081:${port}`]);
    // Outside: what is published is what the broker tells clients.
    expect(compose.services.broker?.ports?.map((published) => published.split(':')[1])).toEqual([
      advertised[1]?.split(':').at(-1),
    ]);
    const inside = transport.brokers[0]?.split(':')[1];
    for (const [, { healthcheck }] of running) expect(healthcheck?.test.at(-1)).toBe(inside);
    expect(settings('registry.env').get('APICURIO_KAFKASQL_BOOTSTRAP_SERVERS')).toBe(transport.brokers[0]);
    expect(settings('console.env').get('KAFKA_CLUSTERS_0_SCHEMAREGISTRY')).toBe(transport.registry?.url);
  });

  test('checkpoints pass through the volume that all workers share, and none of them waits for each', () => {
    for (const [, { volumes }] of running) expect(volumes).toContain(`runs:${topology.folder}`);
    const { rollout, train } = topology.stages;
    expect(rollout?.follow?.maxLag).toBeGreaterThanOrEqual(
      train?.checkpointEvery ?? Number.POSITIVE_INFINITY,
    );
  });

  test('the broker takes the largest records, and keeps what has no retention of its own', () => {
    const env = settings('broker.env');
    expect(Number(env.get('KAFKA_MESSAGE_MAX_BYTES'))).toBeGreaterThan(transport.maxRecordBytes);
    expect(env.get('KAFKA_LOG_RETENTION_MS')).toBe('-1');
    expect(env.get('KAFKA_AUTO_CREATE_TOPICS_ENABLE')).toBe('false');
    expect(Buffer.from(env.get('CLUSTER_ID') ?? '', 'base64url')).toHaveLength(16);
  });
});
