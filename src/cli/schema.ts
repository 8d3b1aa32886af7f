/** `swirl schema`: what the topics hold, for producers and consumers that are not Swirl. */
import type { Command } from 'commander';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface SchemaArguments extends TopologyFlags {
  readonly id?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('schema')
    .summary('print the Avro schema of a topic, or list the topics')
    .description(
      "print a topic's Avro schema, whole, as other programs take it; or list the topics: Swirl's own, and with -t those of a topology",
    )
    .argument('[topic]', 'the topic, such as questions')
    .option('--id', 'print the id that stands before its records, where there is no schema registry')
    .option('--json', 'print the list as JSON');
  withExitCodes(withTopology(command)).action(async (name: string | undefined, options: SchemaArguments) => {
    const [{ topicSchemas }, { topicNamed }, { topicsOf }] = await Promise.all([
      import('../topology/own-topics.ts'),
      import('./topic-name.ts'),
      import('../topology/flow.ts'),
    ]);
    // Without a topology no file is looked for: Swirl's own topics are the same everywhere.
    const topology = options.topology === undefined ? { ownTopics: {} } : await topologyOf(options);
    const known = topicSchemas(topology);
    if (name === undefined) {
      const topics = topicsOf(topology).map((topic) => {
        const { id, schema } = topicNamed(known, topic);
        return { topic, id, holds: holds(schema) };
      });
      const { table } = await import('./table.ts');
      const rows = topics.map(({ topic, id, holds }) => [topic, `${id}`, holds]);
      const text = options.json === true ? JSON.stringify(topics) : table(['topic', 'id', 'holds'], rows);
      process.stdout.write(`${text}\n`);
      return;
    }
    const hint = options.topology === undefined ? " (a topology's own are found with -t)" : '';
    const { id, schema } = topicNamed(known, name, hint);
    process.stdout.write(`${options.id === true ? id : JSON.stringify(schema, null, 2)}\n`);
  });
}

/** What the schema says of its topic, in its first sentence. */
function holds(schema: unknown): string {
  const { doc = '' } = schema as { readonly doc?: string };
  return doc.replace(/^Topic `[^`]*`: /, '').replace(/\.(\s.*|$)/s, '');
}
