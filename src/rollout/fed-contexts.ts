/** Whether a run of branches has the contexts that it is to begin at: `swirl branch` may have been ended while it fed them. */
import { ConfigError } from '../errors.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { readRecords } from '../topics/read-records.ts';
import type { Transport } from '../topics/transport.ts';
import type { BranchConfig } from './config.ts';

interface FedContexts {
  readonly run: string;
  readonly transport: Transport;
  readonly codec: Codec;
}

/** Throws a `ConfigError` where there are fewer than the stage is to have. */
export async function checkFedContexts(
  { reads, of, contexts }: Pick<BranchConfig, 'of' | 'contexts'> & { readonly reads: string },
  { run, ...topics }: FedContexts,
): Promise<void> {
  if (contexts === null) return;
  let found = 0;
  for await (const _ of readRecords(topics, reads)) if (++found >= contexts) return;
  throw new ConfigError(
    `the run ${run} is to begin at ${contexts} contexts of the run ${of}, and has ${found}: \`swirl branch\` was ended while it fed them. Give the same command again, with --as ${run}`,
  );
}
