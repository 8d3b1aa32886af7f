/** Makes the next look at a run of an earlier version a fast one, after this one was printed. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { SwirlError } from '../errors.ts';
import type { RunChain } from '../lineage/run-chain.ts';
import { indexTopics } from '../open-transport.ts';

/**
 * Closes the chain, and has the logs of its runs keep what they lack, where they may be written; what stands in the
 * way is told, and is no failure of the command.
 */
export async function closeAndIndex(chain: RunChain, signal: AbortSignal): Promise<void> {
  await chain.close();
  for (const { topology } of chain.runs) {
    const { folder, run } = topology;
    if (topology.transport.kind !== 'embedded' || !mayWrite(join(folder, run, 'log'))) continue;
    const begin = (records: number) =>
      void process.stderr.write(
        `(looking once at ${records} records of the run ${run}, so that the next look is fast; Ctrl-C ends it)\n`,
      );
    try {
      await indexTopics(topology, { begin, signal });
    } catch (error) {
      if (!(error instanceof SwirlError)) throw error;
      process.stderr.write(`the keys of the run ${run} were not indexed: ${error.message}\n`);
    }
  }
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
