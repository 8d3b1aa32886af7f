/**
 * Whether the cluster that a topology names answers, and has the run's topics as declared. Makes and changes
 * nothing.
 */
import { SwirlError } from '../errors.ts';
import { kafkaSecurity } from '../open-transport.ts';
import { topicSpecs } from '../topology/flow.ts';
import type { Topology } from '../topology/topology.ts';
import type { Check } from './doctor-check.ts';

/** One check of the brokers and one of the topics; none for the embedded log. */
export async function* checkKafka(topology: Topology): AsyncGenerator<Check> {
  const { run, transport: config } = topology;
  if (config.kind !== 'kafka') return;
  try {
    const { openKafka } = await import('../topics/kafka/kafka-transport.ts');
    const started = performance.now();
    const kafka = await openKafka({ run, config, security: await kafkaSecurity(config.security) });
    try {
      const ms = (performance.now() - started).toFixed(0);
      yield { name: 'brokers', ok: true, found: `${config.brokers.join(', ')}: answered after ${ms} ms` };
      yield { name: 'topics', ...(await compare(topology, kafka)) };
    } finally {
      await kafka.close();
    }
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    yield {
      name: 'brokers',
      ok: false,
      found: error.message,
      fix: 'start the brokers (`npm run kafka` starts one), or correct transport.brokers and transport.security',
    };
  }
}

type Kafka = Awaited<ReturnType<typeof import('../topics/kafka/kafka-transport.ts')['openKafka']>>;

async function compare(topology: Topology, kafka: Kafka): Promise<Omit<Check, 'name'>> {
  const there = new Map((await kafka.topics()).map(({ name, partitions }) => [name, partitions]));
  const specs = topicSpecs(topology);
  const existing = specs.filter(({ name }) => there.has(name));
  const fewer = existing.filter(({ name, partitions }) => (there.get(name) ?? 0) < partitions);
  const more = existing.filter(({ name, partitions }) => (there.get(name) ?? 0) > partitions);
  const settings = await kafka.differences(existing);
  const lines = [
    ...[...fewer, ...more].map(
      ({ name, partitions }) => `${name}: ${there.get(name)} partitions, declared are ${partitions}`,
    ),
    ...settings.map(
      ({ topic, setting, declared, found }) => `${topic}: ${setting} is ${found}, declared is ${declared}`,
    ),
  ];
  const found = `run ${topology.run} has ${existing.length} of its ${specs.length} topics, ${lines.length} differences`;
  return {
    ok: lines.length === 0,
    found,
    lines,
    ...(lines.length === 0
      ? {}
      : {
          fix:
            fewer.length > 0
              ? 'the number of partitions cannot be changed in a run: put it back in the topology, or start a new run'
              : 'partitions that were added are read. Else: change the topics with kafka-configs, or the topology: Swirl leaves them as they are',
        }),
  };
}
