/** The codec of a topology: its size limit, its JSON topics, its schema registry. */
import { readFileSync } from 'node:fs';
import { sleep } from '../clock.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { openCodec } from '../topics/registry/open-codec.ts';
import { withEarlierSchemas } from './evolved-topics.ts';
import { topicSchemas } from './own-topics.ts';
import { jsonTopics } from './topic-configs.ts';
import type { Topology } from './topology.ts';

/**
 * Opens it; with a registry and to write, the run's schemas are registered. `begun` is what the run was begun
 * with, for who has read it. Errors as of `openCodec`.
 */
export function codecOf(
  topology: Topology,
  access: 'read' | 'write',
  begun?: Topology | null,
): Promise<Codec> {
  const { transport, run, topics } = topology;
  return openCodec(
    {
      run,
      maxRecordBytes: transport.maxRecordBytes,
      topics: topicSchemas(withEarlierSchemas(topology, begun).topology),
      json: jsonTopics(topics),
      registry: transport.kind === 'kafka' ? transport.registry : null,
      access,
    },
    {
      env: process.env,
      readFile: readFileSync,
      fetch: globalThis.fetch,
      sleep,
      now: () => performance.now(),
    },
  );
}
