/**
 * A stage of one's own as the runtime runs it: the operator of a module, over single records or over a
 * partition.
 */

import type { Sleep } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { AnyEmission, Stage, StageOperator } from '../runtime/stage.ts';
import { schemaIn, type TopicSchemas } from '../topics/avro/schemas.ts';
import { overOf, unfit } from './fit.ts';
import type { OutputRules } from './outputs.ts';
import { type OverPartitionOptions, overPartition } from './over-partition.ts';
import { overRecord } from './over-record.ts';
import type { OwnPart } from './own-part.ts';

/** Its settings in the topology, beside those of the module. */
export interface OwnStageSettings {
  readonly reads: string;
  readonly writes: readonly string[];
  readonly over: 'record' | 'partition' | null;
  readonly timeoutMs: number;
  readonly maxOutputs: number;
  readonly maxRebuilds: number;
  readonly retry: RetryConfig;
}

export interface OwnStageDeps {
  readonly name: string;
  readonly part: OwnPart;
  /** Every topic of the run. */
  readonly topics: TopicSchemas;
  /** What the input held before an offset. */
  readonly history: OverPartitionOptions['history'];
  readonly notify: (message: string) => void;
  readonly sleep: Sleep;
  /** Has something closed with the run. */
  readonly keep: <T extends { close(): Promise<void> }>(part: T) => T;
}

/**
 * Throws a `ConfigError` where the module and the topology do not go together, or the operator cannot be
 * made.
 */
export async function ownStage(
  settings: OwnStageSettings,
  deps: OwnStageDeps,
): Promise<Pick<Stage, 'startAt' | 'operator'>> {
  const { name, part, topics, history, notify, sleep, keep } = deps;
  const { where, origin } = part;
  const read = schemaIn(topics, settings.reads);
  const problem = unfit(settings, part.says, read.record);
  if (problem !== null) throw new ConfigError(`${where}: ${problem}`);
  const writes = new Map(settings.writes.map((topic) => [topic, schemaIn(topics, topic)]));
  const rules: OutputRules = { stage: name, where, writes, origin, reads: read };
  const { maxOutputs, maxRebuilds } = settings;
  if (overOf(settings, part.says) === 'partition') {
    return overPartition({ ...rules, make: part.make, maxOutputs, maxRebuilds, history, notify });
  }
  const { operator } = keep(await part.make());
  const { timeoutMs, retry } = settings;
  const applied = overRecord({ ...rules, timeoutMs, maxOutputs, retry, operator, sleep });
  return { operator: () => applied as StageOperator<never, AnyEmission> };
}
