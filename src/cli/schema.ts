/** `swirl schema`: what the topics hold, for producers and consumers that are not Swirl. */
import type { Command } from 'commander';
import { withExitCodes } from './exit.ts';

export function register(program: Command): void {
  const command = program
    .command('schema')
    .summary('print the Avro schema of a topic, or list the topics')
    .description("print a topic's Avro schema, whole, as other programs take it; or list the topics")
    .argument('[topic]', 'the topic, such as questions')
    .option('--id', 'print the id that stands before its records, where there is no schema registry')
    .option('--json', 'print the list as JSON');
  withExitCodes(command).action(async (name: string | undefined, options: SchemaArguments) => {
    const [{ isTopic, schemaIdOf, schemaOf, topicNames }, { ConfigError }, { TOPICS }] = await Promise.all([
      import('../topics/avro/codec.ts'),
      import('../errors.ts'),
      import('../topology/topics.ts'),
    ]);
    if (name === undefined) {
      const topics = TOPICS.map((topic) => ({
        topic,
        id: schemaIdOf(topic),
        holds: holds(schemaOf(topic)),
      }));
      const { table } = await import('./table.ts');
      const rows = topics.map(({ topic, id, holds }) => [topic, `${id}`, holds]);
      const text = options.json === true ? JSON.stringify(topics) : table(['topic', 'id', 'holds'], rows);
      process.stdout.write(`${text}\n`);
      return;
    }
    if (!isTopic(name)) {
      throw new ConfigError(`${name}: no such topic; there are ${topicNames.join(', ')}`);
    }
    const text = options.id === true ? `${schemaIdOf(name)}` : JSON.stringify(schemaOf(name), null, 2);
    process.stdout.write(`${text}\n`);
  });
}

interface SchemaArguments {
  readonly id?: boolean;
  readonly json?: boolean;
}

/** What the schema says of its topic, in its first sentence. */
function holds(schema: unknown): string {
  const { doc = '' } = schema as { readonly doc?: string };
  return doc.replace(/^Topic `[^`]*`: /, '').replace(/\.(\s.*|$)/s, '');
}
