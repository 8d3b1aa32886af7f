/** `swirl feed`: puts questions, or any records, into a run's topic. */
import type { Command } from 'commander';
import type { DataError } from '../errors.ts';
import type { ReadOptions } from '../input/rows.ts';
import type { OpenRun } from '../open-run.ts';
import type { Choice } from '../questions/chosen.ts';
import type { KnownRecords } from '../topics/known-records.ts';
import type { Question } from '../topics/records.generated.ts';
import type { Topology } from '../topology/topology.ts';
import { count, counted, positive } from './count.ts';
import { EXIT, withExitCodes } from './exit.ts';
import type { CorpusWriter } from './feed-corpus.ts';
import { interrupts } from './interrupt.ts';
import { onlyOption } from './only-option.ts';
import { type ReaderFlags, readerOf, withReader } from './reader-option.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface FeedFlags extends TopologyFlags, ReaderFlags {
  readonly topic?: string;
  readonly task?: string;
  readonly limit?: number;
  readonly skip: number;
  readonly strict?: boolean;
  readonly corpus?: string;
  readonly only?: ReadonlyMap<string, readonly string[]>;
  readonly sample?: number;
  readonly seed?: number;
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
    .option(
      '--only <key=value>',
      'questions whose `meta` says this, as level=hard; again with the same key: or that',
      onlyOption,
    )
    .option('--sample <n>', 'feed n questions of each file, drawn by --seed', positive)
    .option('--seed <n>', "decides the sample; the topology's by default", count)
    .option('--corpus <file>', "also write the questions' paragraphs as the search tool's corpus")
    .option('--json', 'print what was done as one JSON object');
  withExitCodes(withTopology(withReader(command)), {
    failures: 'done, but malformed records were left out',
    interrupted: 'interrupted; the same command goes on from there',
  }).action(async (files: string[], flags: FeedFlags) => {
    process.exitCode = await feed(await topologyOf(flags, { run: true }), files, flags);
  });
}

async function feed(topology: Topology, files: readonly string[], flags: FeedFlags): Promise<number> {
  const { openRun } = await import('../open-run.ts');
  const { LeftOut } = await import('./left-out.ts');
  const say = (message: string) => process.stderr.write(`${message}\n`);
  const leftOut = new LeftOut(say);
  const { stop, abort, release } = interrupts(
    say,
    'feeding what is in hand, and no more; once more to stop at once',
  );
  // What is in hand is a transaction: all of it is there, or nothing.
  abort.addEventListener('abort', () => process.exit(EXIT.interrupted));
  const run = await openRun(topology, say);
  try {
    const fed: Record<string, number> = {};
    const notes: Notes = { withoutGold: 0, elsewhere: 0, onlyNone: [] };
    let held = 0;
    const { corpusWriter } = await import('./feed-corpus.ts');
    const corpus = flags.corpus === undefined ? null : corpusWriter(flags.corpus);
    const feeding: Feeding = {
      run,
      stop,
      skip: flags.strict ? undefined : leftOut.skip,
      known: knownOf(run, stop),
      onSame: () => {
        held++;
      },
      corpus,
      notes,
    };
    for (const file of files) {
      if (stop.aborted) break;
      const { topic, number } = await feedFile(feeding, file, flags);
      fed[topic] = (fed[topic] ?? 0) + number;
    }
    const articles = await corpus?.close();
    const total = Object.entries(fed)
      .map(([topic, number]) => (number === 1 ? `1 ${topic.replace(/s$/, '')}` : `${number} ${topic}`))
      .join(', ');
    const already = held > 0 ? `; ${held} that it holds already left out` : '';
    const left = leftOut.count > 0 ? `; ${counted(leftOut.count, 'malformed record')} left out` : '';
    const some = leftOut.isCut ? ' (the first reasons are above)' : '';
    const isNothing = held === 0 && Object.values(fed).every((number) => number === 0);
    if (!isNothing) leftOut.tellRest();
    const written = articles === undefined ? '' : `; ${counted(articles, 'article')} in ${flags.corpus}`;
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ run: topology.run, fed, held, malformed: leftOut.count, ...(articles === undefined ? {} : { articles }) })}\n`
        : `fed ${total || 'nothing'} into the run ${topology.run}${already}${left}${some}${written}\n`,
    );
    if (stop.aborted) {
      say('swirl: interrupted; the same command goes on from there: what the run holds is left out');
      return EXIT.interrupted;
    }
    if (isNothing) say(`swirl: ${nothingIn(files, flags, { malformed: leftOut.count, notes })}`);
    else for (const note of notesOf(notes, fed.questions ?? 0)) say(`swirl: ${note}`);
    return leftOut.count > 0 ? EXIT.failures : EXIT.done;
  } finally {
    release();
    await run.close();
  }
}

interface Feeding {
  readonly run: OpenRun;
  readonly stop: AbortSignal;
  /** Hears of records that are left out; without it the first one ends the feeding. */
  readonly skip: ((error: DataError) => void) | undefined;
  readonly known: (topic: string) => Promise<KnownRecords>;
  readonly onSame: () => void;
  readonly corpus: CorpusWriter | null;
  readonly notes: Notes;
}

/** What is told at the end about what was fed. */
interface Notes {
  /** Questions without a gold answer. */
  withoutGold: number;
  /** Questions, named by their reader, that say what others of the run say. */
  elsewhere: number;
  /** Why --only let nothing of a file pass. */
  readonly onlyNone: string[];
}

function notesOf({ withoutGold, elsewhere, onlyNone }: Notes, questions: number): string[] {
  const notes = [...onlyNone];
  if (withoutGold > 0) {
    const who =
      withoutGold === questions
        ? 'none of them has a gold answer'
        : `${counted(withoutGold, 'question')} without a gold answer`;
    notes.push(`${who}: the outcome filter and \`swirl evaluate\` need one`);
  }
  if (elsewhere > 0) {
    notes.push(
      `${counted(elsewhere, 'question')} that the run has under other ids too: was the file fed before, by another name or in another order?`,
    );
  }
  return notes;
}

/** After how many milliseconds of reading what a run holds this is said. */
const LONG_MS = 2_000;

/** What the run holds, by topic: read once, when it is first asked for. */
function knownOf(run: OpenRun, signal: AbortSignal): Feeding['known'] {
  const read = new Map<string, Promise<KnownRecords>>();
  const open = async (topic: string) => {
    const { knownRecords } = await import('../topics/known-records.ts');
    const waiting = setTimeout(
      () => process.stderr.write(`looking up which ${topic} the run ${run.topology.run} holds\n`),
      LONG_MS,
    );
    return knownRecords(run, topic, signal).finally(() => clearTimeout(waiting));
  };
  return (topic) => {
    const known = read.get(topic) ?? open(topic);
    read.set(topic, known);
    return known;
  };
}

/** Why nothing was fed. */
function nothingIn(
  files: readonly string[],
  flags: FeedFlags,
  { malformed, notes }: { readonly malformed: number; readonly notes: Notes },
): string {
  const where = files.join(', ');
  if (malformed > 0) {
    const all = malformed > 1 ? `none of the ${malformed} records` : 'no record';
    return `${all} of ${where} could be used: is it the right file, and the right --dataset or --topic?`;
  }
  const [why] = notes.onlyNone;
  if (why !== undefined) return `${where}: ${why}`;
  const beyond = flags.skip > 0 || flags.limit !== undefined ? ' beyond --skip and within --limit' : '';
  return `${where}: there are no records${beyond}`;
}

/** Feeds what the run does not hold. When it breaks off, the user is told how far it came. */
async function feedFile(
  { run, stop, skip, known, onSame, corpus, notes }: Feeding,
  file: string,
  flags: FeedFlags,
): Promise<{ readonly topic: string; readonly number: number }> {
  const { slice } = await import('../questions/slice.ts');
  const { goldAnswers } = await import('../agent/gold-answers.ts');
  const { freshRecords } = await import('../questions/fresh-records.ts');
  const { untilAborted } = await import('../questions/until-aborted.ts');
  const generated = new WeakSet<object>();
  const onGenerated = (record: object) => void generated.add(record);
  const { alsoTheRest } = await import('./feed-corpus.ts');
  const hears = {
    repeats: true,
    ...(skip ? { skip } : {}),
    ...(corpus ? { onArticles: corpus.add } : {}),
    onGenerated,
  };
  const { topic, records, close } = await source(run.topology, file, flags, {
    ...hears,
    onNone: (why) => void notes.onlyNone.push(why),
  });
  let durable = 0;
  try {
    const part = (all: AsyncIterable<object>) =>
      slice(all, flags.skip, flags.limit ?? Number.POSITIVE_INFINITY);
    const some = corpus ? alsoTheRest(records, part) : part(records);
    const isGenerated = (record: object) => generated.has(record);
    const onNew = (record: object, { isElsewhere }: { readonly isElsewhere: boolean }) => {
      if (isElsewhere) notes.elsewhere++;
      if (topic === 'questions' && goldAnswers(record as Question).length === 0) notes.withoutGold++;
    };
    const fresh = freshRecords(some, { known: await known(topic), isGenerated, onSame, onNew, skip });
    const onAppend = (count: number) => {
      durable = count;
    };
    const number = await run.feed(topic, untilAborted(fresh, stop), { onAppend, skip });
    return { topic, number };
  } catch (error) {
    if (durable > 0)
      process.stderr.write(
        `swirl: ${durable} ${topic} of ${file} are in the run; the same command goes on after them\n`,
      );
    throw error;
  } finally {
    // A reader that waits for input is not waited for.
    if (!stop.aborted) await close();
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
  {
    onNone,
    ...hears
  }: Pick<ReadOptions, 'skip' | 'repeats' | 'onGenerated' | 'onArticles'> & Pick<Choice, 'onNone'>,
): Promise<Source> {
  const { fileInput } = await import('../input/input.ts');
  const input = fileInput(file);
  const options = { ...hears, ...(flags.task === undefined ? {} : { task: flags.task }) };
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
  const { chosen } = await import('../questions/chosen.ts');
  const reader = await readerOf(flags, topology);
  const close = async () => reader.close?.();
  if (reader.topic === 'trajectories')
    return { topic: reader.topic, records: reader.read(input, options), close };
  return {
    topic: reader.topic,
    records: chosen(fittingQuestions(topology, reader.read(input, options), hears.skip), {
      ...(flags.only === undefined ? {} : { only: flags.only }),
      ...(flags.sample === undefined ? {} : { sample: flags.sample }),
      seed: flags.seed ?? topology.seed,
      ...(onNone ? { onNone } : {}),
    }),
    close,
  };
}
