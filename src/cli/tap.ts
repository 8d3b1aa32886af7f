/** `swirl tap`: looks at the records of a topic, without consuming them. */
import type { Command } from 'commander';
import type { ReadFrom } from '../topics/transport.ts';
import { count } from './count.ts';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface TapFlags extends TopologyFlags {
  readonly where?: string;
  readonly from: string;
  readonly partition?: number;
  readonly limit?: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('tap')
    .summary('look at the records of a topic')
    .description(
      'look at the records of a topic, as they pass or from any offset or time; nothing is consumed',
    )
    .argument('<topic>', 'such as judged')
    .option('--where <condition>', 'only records that meet it, such as \'verdict.label == "BAD"\'')
    .option('--from <place>', 'start, end, an offset, or a time such as 2026-11-22T10:00:00Z', 'start')
    .option('--partition <n>', 'only this partition', count)
    .option('--limit <n>', 'stop after n records', count)
    .option('-f, --follow', 'keep waiting for new records')
    .option('--json', 'one JSON object per line: {topic, partition, offset, time, key, record}');
  withExitCodes(withTopology(command)).action(async (topic: string, flags: TapFlags) => {
    const { parseFrom, tapTopic } = await import('./tap-topic.ts');
    const { interrupts } = await import('./interrupt.ts');
    const from: ReadFrom = parseFrom(flags.from);
    const { stop, release } = interrupts(() => {});
    try {
      await tapTopic(await topologyOf(flags, { begun: true }), topic, {
        where: flags.where ?? null,
        from,
        limit: flags.limit ?? Number.POSITIVE_INFINITY,
        follow: flags.follow === true,
        json: flags.json === true,
        signal: stop,
        ...(flags.partition === undefined ? {} : { partition: flags.partition }),
      });
    } finally {
      release();
    }
  });
}
