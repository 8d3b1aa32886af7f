/** Opens a run's topics where its topology says they live. Each transport is loaded only when it is used. */
import { readFileSync } from 'node:fs';
import type { Transport } from './topics/transport.ts';
import type { Topology } from './topology/topology.ts';

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
    case 'kafka': {
      const [{ openKafka }, security] = await Promise.all([
        import('./topics/kafka/kafka-transport.ts'),
        kafkaSecurity(config.security),
      ]);
      return openKafka({ run, config, security, notify });
    }
  }
}

/** What a client of the cluster needs besides its configuration: certificates and secrets, read here. */
export async function kafkaSecurity(config: Extract<Topology['transport'], { kind: 'kafka' }>['security']) {
  const [{ securityOf }, { runProgram }] = await Promise.all([
    import('./topics/kafka/security.ts'),
    import('./topics/kafka/run-program.ts'),
  ]);
  return securityOf(config, { env: process.env, readFile: readFileSync, runProgram, now: Date.now });
}
