/** An operator of one stage, for those that need nothing but settings and parts. */
import type { OperatorFunction } from 'rxjs';
import type { z } from 'zod';
import type { OwnParts } from '../../open-parts.ts';
import type { retryConfig } from '../../runtime/retry.ts';
import type { TopicRecords } from '../../topics/records.generated.ts';
import { STAGE_RECORDS, type StageName } from '../../topology/stage-configs.ts';
import type { Notify } from '../notes.ts';
import type { TopologySettings } from '../topology.ts';
import { openStages, settle } from './open-stages.ts';
import { type OperatorOptions, plain } from './plain.ts';

/** What the operators over a record at a time may be told. */
export interface RecordOptions extends OperatorOptions {
  /** How often a record is tried whose error may be passing, and how long to wait in between. */
  readonly retry?: z.input<typeof retryConfig>;
}

/** Of those that have a part which may be random, and may have something to say. */
export interface PartOptions extends RecordOptions {
  /** With the ids of records it decides every random number; 0 by default. */
  readonly seed?: number;
  /** Hears what the user should know. By default these are Node warnings. */
  readonly notify?: Notify;
}

export type OneStageName = Extract<StageName, 'decompose' | 'judge' | 'filter' | 'resample' | 'reward'>;

type Reads<N extends StageName> = TopicRecords[(typeof STAGE_RECORDS)[N]['reads']];
type Writes<N extends StageName> = (typeof STAGE_RECORDS)[N]['writes'][0];

/** The stage's operator. Throws a `ConfigError` at once where the settings are wrong. */
export function oneStage<N extends OneStageName>(
  name: N,
  settings: TopologySettings,
  { own = {}, notify, ...options }: OperatorOptions & { own?: OwnParts; notify?: Notify | undefined },
): OperatorFunction<Reads<N>, TopicRecords[Writes<N>]> {
  const topology = settle(name, settings);
  const { reads, writes } = STAGE_RECORDS[name];
  return plain<Reads<N>, Writes<N>>(
    {
      name,
      reads,
      writes: writes[0],
      window: topology.stages[name]?.window ?? 1,
      open: async () => {
        const stages = await openStages(topology, { only: [name], own, notify });
        return { operator: stages.operator<Reads<N>>(name), close: stages.close };
      },
    },
    options,
  );
}

/** The settings of a stage among an operator's options. */
export function wiringOf({ window, retry }: RecordOptions) {
  return { ...(window === undefined ? {} : { window }), ...(retry === undefined ? {} : { retry }) };
}
