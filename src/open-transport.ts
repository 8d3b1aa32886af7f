/** Opens a run's topics where its topology says they live. Each transport is loaded only when it is used. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TopicInfo, TopicRestorer, TopicSpec, Transport } from './topics/transport.ts';
import type { Topology } from './topology/topology.ts';

type KafkaSettings = Extract<Topology['transport'], { kind: 'kafka' }>;

export interface OpenTransportOptions {
  /** `read` makes nothing: for taps. */
  readonly access: 'read' | 'write';
  /** What the user should know: an outage, a topic that differs from the topology. */
  readonly notify: (message: string) => void;
}

/** Errors as of the transports: a `TransportError` where the log or the cluster cannot be used. */
export async function openTransport(
  { run, folder, transport: config }: Pick<Topology, 'run' | 'folder' | 'transport'>,
  { access, notify }: OpenTransportOptions,
): Promise<Transport> {
  switch (config.kind) {
    case 'embedded': {
      const { openEmbeddedLog } = await import('./topics/embedded/embedded-log.ts');
      return openEmbeddedLog({ run, folder, config, access, notify });
    }
    case 'kafka':
      return openKafka(run, config, notify);
  }
}

export interface IndexTopicsOptions {
  /** Hears how many records there are to be looked at, before it begins. */
  readonly begin: (records: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Has a run's topics keep what `lookUp` needs, where an earlier version of Swirl wrote them without. Errors as
 * of the transports.
 */
export async function indexTopics(
  { run, folder, transport: config }: Pick<Topology, 'run' | 'folder' | 'transport'>,
  options: IndexTopicsOptions,
): Promise<void> {
  if (config.kind === 'kafka') return;
  const { indexLog } = await import('./topics/embedded/index-log.ts');
  const { maxLogBytes: mapBytes, durable } = config;
  await indexLog({ run, folder: join(folder, run, 'log'), mapBytes, durable, ...options });
}

async function openKafka(run: string, config: KafkaSettings, notify: OpenTransportOptions['notify']) {
  const [kafka, security] = await Promise.all([
    import('./topics/kafka/kafka-transport.ts'),
    kafkaSecurity(config.security),
  ]);
  return kafka.openKafka({ run, config, security, notify });
}

/** Deletes the topics of a run and its progress, where they do not lie in its folder. Errors as above. */
export async function removeTopics(
  { run, transport: config }: Pick<Topology, 'run' | 'transport'>,
  { notify }: Pick<OpenTransportOptions, 'notify'>,
): Promise<void> {
  if (config.kind === 'embedded') return;
  const transport = await openKafka(run, config, notify);
  try {
    await transport.remove();
  } finally {
    await transport.close();
  }
}

export interface RestoreTopicsOptions extends Pick<OpenTransportOptions, 'notify'> {
  /** Where the embedded log is made. */
  readonly logFolder: string;
  /** The topics as the topology declares them. */
  readonly specs: readonly TopicSpec[];
  /** All that are there, with what they hold at the end. */
  readonly topics: readonly TopicInfo[];
  /** Whether offsets are missing between records. */
  readonly hasGaps: boolean;
}

/** Makes the topics of a run anew, from what another transport held. A `ConfigError` where they are there. */
export async function restoreTopics(
  { run, transport: config }: Pick<Topology, 'run' | 'transport'>,
  { logFolder, ...options }: RestoreTopicsOptions,
): Promise<TopicRestorer> {
  switch (config.kind) {
    case 'embedded': {
      const { restoreLog } = await import('./topics/embedded/restore-log.ts');
      return restoreLog({ run, folder: logFolder, config, ...options });
    }
    case 'kafka':
      return (await openKafka(run, config, options.notify)).restorer(options);
  }
}

/** What a client of the cluster needs besides its configuration: certificates and secrets, read here. */
export async function kafkaSecurity(config: KafkaSettings['security']) {
  const [{ securityOf }, { runProgram }] = await Promise.all([
    import('./topics/kafka/security.ts'),
    import('./topics/kafka/run-program.ts'),
  ]);
  return securityOf(config, { env: process.env, readFile: readFileSync, runProgram, now: Date.now });
}
