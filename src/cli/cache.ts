/** `swirl cache`: the answers that are kept for all runs of a folder. */
import type { Command } from 'commander';
import { bytesText } from '../engine/webgpu/memory/memory-advice.ts';
import { counted } from './count.ts';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface CacheFlags extends TopologyFlags {
  readonly json?: boolean;
  readonly clear?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('cache')
    .summary('the answers that are kept, so that nothing is paid twice')
    .description(
      'how many answers of endpoints are kept for the runs of a folder (key `cache`), and what they take on the disk; ' +
        'or drop all of them',
    )
    .argument('[topology]', 'the topology (default: "topology.yaml")')
    .option('--clear', 'drop all of them: what is asked from now on is paid for again')
    .option('--json', 'one JSON object');
  withExitCodes(withTopology(command)).action(async (argument: string | undefined, flags: CacheFlags) => {
    const topology = await topologyOf(flags, { argument, how: 'swirl cache FILE' });
    const [{ cacheFolder }, { cacheFigures, clearCache }] = await Promise.all([
      import('../spending/open-spending.ts'),
      import('../spending/answer-cache.ts'),
    ]);
    const folder = cacheFolder(topology);
    const clears = flags.clear === true;
    const found = (clears ? clearCache : cacheFigures)(folder) ?? { answers: 0, bytes: 0 };
    const { maxBytes, enabled } = topology.cache;
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ folder, enabled, maxBytes, ...(clears ? { dropped: found } : found) })}\n`
        : `${folder}: ${clears ? 'dropped ' : ''}${counted(found.answers, 'answer')}, ${bytesText(found.bytes)} of ${bytesText(maxBytes)}${enabled ? '' : '; the cache is off'}\n`,
    );
  });
}
