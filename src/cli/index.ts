/** `swirl index`: builds what the search tool looks things up in ahead of a run, and looks whether it is whole. */
import type { Command } from 'commander';
import type { CorpusFile } from '../tools/corpus.ts';
import type { Kept, OfCorpus } from '../tools/search/beside-corpus.ts';
import type { SearchConfig } from '../tools/search.ts';
import { count, counted } from './count.ts';
import { EXIT, withExitCodes } from './exit.ts';
import { interrupts } from './interrupt.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface IndexFlags extends TopologyFlags {
  readonly titleWeight: number;
  readonly again?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('index')
    .summary('build the index of a search corpus')
    .description(
      'build the index of a search corpus (`index: disk` of a tool of kind search), or all that the search tools of a ' +
        'topology need, their embeddings too, ahead of the run that would build it; what is there already is read and checked',
    )
    .argument('[corpus...]', 'files of articles: JSON lines, JSON, tables of text or Parquet (docs/tools.md)')
    .option('--title-weight <n>', "how often the words of a title count, as the tool's titleWeight", count, 1)
    .option('--again', 'build again what is damaged')
    .option('--json', 'print what was done as one JSON object a line');
  withExitCodes(withTopology(command), {
    interrupted: 'interrupted; the same command goes on from there',
  }).action(async (files: string[], flags: IndexFlags) => {
    process.exitCode = await index(files, flags);
  });
}

/** A manifest, of either kind. */
interface Indexed extends OfCorpus {
  readonly articles: number;
  readonly files: Readonly<Record<string, number>>;
  /** Of vectors: the numbers of one. */
  readonly width?: number;
}

interface Job {
  readonly path: string;
  /** What embeds; null for an index of words. */
  readonly model: string | null;
  readonly kept: Kept<Indexed>;
}

async function index(files: readonly string[], flags: IndexFlags): Promise<number> {
  const { ensureKept } = await import('../tools/search/ensure-kept.ts');
  const say = (message: string) => process.stderr.write(`${message}\n`);
  const { stop, release } = interrupts(say, 'stopping; what is indexed is kept');
  try {
    const own = files.map((path) => ofWords({ path }, flags.titleWeight, { say, stop }));
    const isTopology = files.length === 0 || flags.topology !== undefined;
    const jobs = [...(await Promise.all(own)), ...(isTopology ? await ofTopology(flags, { say, stop }) : [])];
    if (jobs.length === 0)
      say('no search tool of the topology has `index: disk` or embeddings: nothing to build');
    for (const { path, model, kept } of jobs) {
      const from = performance.now();
      const { manifest, was } = await ensureKept(kept, flags.again === true);
      const seconds = (performance.now() - from) / 1000;
      const { articles, width } = manifest;
      const bytes = Object.values(manifest.files).reduce((sum, more) => sum + more, 0);
      const built = was !== 'there';
      const size = `${(bytes / 2 ** 20).toFixed(1)} MiB in ${path}.index`;
      const what =
        model === null
          ? `${counted(articles, 'article')}, ${size}`
          : `${counted(articles, 'vector')} of ${counted(width ?? 0, 'number')} (${model}), ${size}`;
      const how = `${model === null ? 'indexed' : 'embedded'} in ${seconds.toFixed(1)} s`;
      const done = built
        ? `${was === 'damaged' ? 'it was damaged, and is ' : ''}${how}`
        : 'it is there already, and whole';
      const vectors = model === null ? {} : { model, width };
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify({ corpus: path, articles, bytes, built, seconds, ...vectors })}\n`
          : `${path}: ${what}; ${done}\n`,
      );
    }
    return EXIT.done;
  } catch (error) {
    if (!stop.aborted) throw error;
    say('swirl: interrupted; the same command goes on from there');
    return EXIT.interrupted;
  } finally {
    release();
  }
}

interface JobDeps {
  readonly say: (message: string) => void;
  readonly stop: AbortSignal;
}

/** `titleWeight` as of `openIndex`. */
async function ofWords(file: CorpusFile, titleWeight: number | null, deps: JobDeps): Promise<Job> {
  const { keptIndex } = await import('../tools/search/open-index.ts');
  const options = { ...file, titleWeight, cacheBytes: 0, ...(await notesOf(file.path, deps)) };
  return { path: file.path, model: null, kept: keptIndex(options) };
}

async function ofTopology(flags: IndexFlags, deps: JobDeps): Promise<Job[]> {
  const { tools } = await topologyOf(flags);
  const jobs: Job[] = [];
  for (const tool of Object.values(tools)) {
    if (tool.kind !== 'search') continue;
    const { corpus: path, columns, index: kind, titleWeight, ranking } = tool;
    if (kind === 'disk')
      jobs.push(await ofWords({ path, columns }, ranking === 'dense' ? null : titleWeight, deps));
    if (ranking !== 'bm25') jobs.push(await ofVectors(tool, deps));
  }
  return jobs;
}

async function ofVectors({ corpus: path, columns, embeddings }: SearchConfig, deps: JobDeps): Promise<Job> {
  const { openEmbedder } = await import('../models/embeddings.ts');
  const { keptVectors } = await import('../tools/search/dense/open-vectors.ts');
  const { sleep } = await import('../clock.ts');
  // A topology is read with them, where its ranking needs them.
  if (embeddings === null) throw new Error(`no embeddings of ${path}`);
  const embedder = await openEmbedder(embeddings, { env: process.env, sleep });
  const options = { path, columns, config: embeddings, embedder, ...(await notesOf(path, deps)) };
  return { path, model: embeddings.model, kept: keptVectors(options) };
}

async function notesOf(path: string, { say, stop }: JobDeps) {
  const { indexNotes } = await import('../tools/search/index-notes.ts');
  return { signal: stop, ...indexNotes(path, say, () => performance.now()) };
}
