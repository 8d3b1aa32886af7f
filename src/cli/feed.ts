/** `swirl feed`: puts questions, or any records, into a run's topic. */
import type { Command } from 'commander';
import type { DataError } from '../errors.ts';
import type { OpenRun } from '../open-run.ts';
import type { Topology } from '../topology/topology.ts';
import { count, counted } from './count.ts';
import { EXIT, withExitCodes } from './exit.ts';
import { type ReaderFlags, readerOf, withReader } from './reader-option.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface FeedFlags extends TopologyFlags, ReaderFlags {
  readonly topic?: string;
  readonly task?: string;
  readonly limit?: number;
  readonly skip: number;
  readonly strict?: boolean;
  readonly corpus?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('feed')
    .summary('put questions, or any records, into a run')
    .description("put questions (or, with --topic, any records) into a run's topic")
    .argument('<file...>', 'data files; - is standard input')
    .option('--topic <name>', 'feed records of this topic, as `swirl tap --json` prints them')
    .option('--task <name>', "the questions' task, in place of the data set's")
    .option('--skip <n>', 'leave out the first n records', count, 0)
    .option('--limit <n>', 'feed at most n records', count)
    .option('--strict', 'stop at the first malformed record instead of reporting it and going on')
    .option('--corpus <file>', "hotpotqa: also write the paragraphs as the search tool's corpus")
    .option('--json', 'print what was done as one JSON object');
  withExitCodes(withTopology(withReader(command)), {
    failures: 'done, but malformed records were left out',
  }).action(async (files: string[], flags: FeedFlags) => {
    process.exitCode = await feed(await topologyOf(flags, { run: true }), files, flags);
  });
}

/** How many malformed records are named. */
const NAMED = 5;

async function feed(topology: Topology, files: readonly string[], flags: FeedFlags): Promise<number> {
  const { openRun } = await import('../open-run.ts');
  const { printable } = await import('../monitor/printable.ts');
  const { slice } = await import('../questions/slice.ts');
  const malformed: DataError[] = [];
  const skip = (error: DataError) => {
    malformed.push(error);
    if (malformed.length <= NAMED)
      process.stderr.write(`swirl: left out: ${printable(error.message, 500)}\n`);
  };
  const run = await openRun(topology, (message) => process.stderr.write(`${message}\n`));
  try {
    const fed: Record<string, number> = {};
    for (const file of files) {
      const { topic, records, close } = await source(topology, file, flags, flags.strict ? undefined : skip);
      const some = slice(records, flags.skip, flags.limit ?? Number.POSITIVE_INFINITY);
      const feeding = feedFile(run, { file, topic, records: some, skipped: flags.skip });
      fed[topic] = (fed[topic] ?? 0) + (await feeding.finally(close));
      if (flags.corpus !== undefined) await writeCorpus(file, flags.corpus);
    }
    const total = Object.entries(fed)
      .map(([topic, number]) => (number === 1 ? `1 ${topic.replace(/s$/, '')}` : `${number} ${topic}`))
      .join(', ');
    const left = malformed.length > 0 ? `; ${counted(malformed.length, 'malformed record')} left out` : '';
    const some = malformed.length > NAMED ? ` (the first ${NAMED} are named above)` : '';
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ run: topology.run, fed, malformed: malformed.length })}\n`
        : `fed ${total} into the run ${topology.run}${left}${some}\n`,
    );
    if (Object.values(fed).every((number) => number === 0))
      process.stderr.write(`swirl: ${nothingIn(files, flags, malformed.length)}\n`);
    return malformed.length > 0 ? EXIT.failures : EXIT.done;
  } finally {
    await run.close();
  }
}

/** Why nothing was fed. */
function nothingIn(files: readonly string[], flags: FeedFlags, malformed: number): string {
  const where = files.join(', ');
  if (malformed > 0) {
    return `no record of ${where} could be used: is it the right file, and the right --dataset or --topic?`;
  }
  const beyond = flags.skip > 0 || flags.limit !== undefined ? ' beyond --skip and within --limit' : '';
  return `${where}: there are no records${beyond}`;
}

interface FileOfRecords extends Omit<Source, 'close'> {
  readonly file: string;
  /** How many were left out before the first of these. */
  readonly skipped: number;
}

/** Returns how many. When it breaks off, the user is told how to go on without feeding a record twice. */
async function feedFile(run: OpenRun, { file, topic, records, skipped }: FileOfRecords): Promise<number> {
  let durable = 0;
  try {
    return await run.feed(topic, records, (count) => {
      durable = count;
    });
  } catch (error) {
    if (durable > 0)
      process.stderr.write(
        `swirl: ${durable} ${topic} of ${file} are in the run; go on after them with --skip ${skipped + durable}\n`,
      );
    throw error;
  }
}

interface Source {
  readonly topic: string;
  readonly records: AsyncIterable<object>;
  close(): Promise<void>;
}

/** The records of one file: a data set's, or those of a topic as JSON lines. */
async function source(
  topology: Topology,
  file: string,
  flags: FeedFlags,
  skip: ((error: DataError) => void) | undefined,
): Promise<Source> {
  const { fileInput } = await import('../input/input.ts');
  const input = fileInput(file);
  const options = { ...(skip ? { skip } : {}), ...(flags.task === undefined ? {} : { task: flags.task }) };
  const named = flags.dataset !== undefined || flags.reader !== undefined;
  if (!named && flags.topic !== undefined && flags.topic !== 'questions') {
    const { readTopicRecords } = await import('../questions/topic-records.ts');
    const { topicSchemas } = await import('../topology/own-topics.ts');
    const { topicNamed } = await import('./topic-name.ts');
    const topics = topicSchemas(topology);
    const { topic } = topicNamed(topics, flags.topic);
    return { topic, records: readTopicRecords(topic, input, { ...options, topics }), close: async () => {} };
  }
  const { fittingQuestions } = await import('../topology/questions-fit.ts');
  const reader = await readerOf(flags, { topology, input });
  const close = async () => reader.close?.();
  if (reader.topic === 'trajectories')
    return { topic: reader.topic, records: reader.read(input, options), close };
  return {
    topic: reader.topic,
    records: fittingQuestions(topology, reader.read(input, options), skip),
    close,
  };
}

async function writeCorpus(file: string, corpus: string): Promise<void> {
  const { createWriteStream } = await import('node:fs');
  const { Readable } = await import('node:stream');
  const { pipeline } = await import('node:stream/promises');
  const { fileInput } = await import('../input/input.ts');
  const { corpusLine, readHotpotqaArticles } = await import('../questions/corpus.ts');
  async function* lines() {
    for await (const article of readHotpotqaArticles(fileInput(file))) yield corpusLine(article);
  }
  await pipeline(Readable.from(lines()), createWriteStream(corpus));
}
