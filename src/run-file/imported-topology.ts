/** The topology of a run that is imported: as it was, but where its folder and its topics lie. */
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { topicSpecs } from '../topology/flow.ts';
import { loadTopology } from '../topology/load.ts';
import { applyOverrides, parseOverride } from '../topology/overrides.ts';
import { moveResolved } from '../topology/resolved.ts';
import { RESOLVED_FILE } from '../topology/run-files.ts';
import type { Topology } from '../topology/topology.ts';
import type { Manifest } from './archive-form.ts';

export interface ImportedOptions {
  /** Where the run will live. */
  readonly folder: string;
  /** Settings of the transport, as `path=value`. */
  readonly set: readonly string[];
  readonly manifest: Manifest;
}

/**
 * The topology that lies in the run's folder `at`, which says there where it is now. A `ConfigError` where the
 * transport cannot hold the run as it is.
 */
export function importedTopology(at: string, { folder, set, manifest }: ImportedOptions): Topology {
  const file = join(at, RESOLVED_FILE);
  const { topology: before } = loadTopology(file);
  const { run } = manifest;
  if (before.run !== run)
    throw new ConfigError(`expected the topology of the run ${run}, found that of ${before.run}`);
  const transport = transportOf(before.transport, set);
  const moved = Object.entries({ folder, transport }).map(
    ([key, value]) => `${key}=${JSON.stringify(value)}`,
  );
  const { topology } = loadTopology(file, { set: moved });
  checkRegistry(before.transport, topology.transport);
  if (topology.transport.kind === 'embedded') checkPartitions(topology, manifest);
  if (topology.folder !== before.folder || set.length > 0) moveResolved(file, topology);
  return topology;
}

/** As it was, or with the settings; of another kind there is nothing but these. */
function transportOf(before: Topology['transport'], set: readonly string[]): unknown {
  const overrides = set.map(parseOverride);
  const other = overrides.find(({ path }) => path[0] !== 'transport');
  if (other !== undefined) {
    throw new ConfigError(
      `${other.text}: an imported run keeps its settings; only those of \`transport\` may be others, such as --set transport.kind=embedded`,
    );
  }
  const kind = (applyOverrides({}, overrides) as { transport?: { kind?: unknown } }).transport?.kind;
  const isOther = kind !== undefined && kind !== before.kind;
  return (applyOverrides({ transport: isOther ? {} : before }, overrides) as { transport: unknown })
    .transport;
}

/** The values of a run with a schema registry bear the ids of that one. */
function checkRegistry(before: Topology['transport'], after: Topology['transport']): void {
  const urlOf = (transport: Topology['transport']) =>
    transport.kind === 'kafka' ? (transport.registry?.url ?? null) : null;
  const [was, is] = [urlOf(before), urlOf(after)];
  if (was === is) return;
  throw new ConfigError(
    `the records of this run bear schema ids of ${was === null ? 'no registry' : `the registry ${was}`}: expected a transport with ${was === null ? 'none' : 'that one'}, found ${is ?? 'none'}`,
  );
}

/** The embedded log cannot have more partitions than declared, and another number would part what belongs together. */
function checkPartitions(topology: Topology, { topics }: Manifest): void {
  for (const { name, partitions } of topicSpecs(topology)) {
    const found = topics.find((topic) => topic.name === name)?.partitions.length ?? partitions;
    if (found === partitions) continue;
    throw new ConfigError(
      `topic ${name} has ${found} partitions, and ${partitions} in the topology: partitions were added on Kafka, and the embedded log cannot have them. Import it into Kafka`,
    );
  }
}
