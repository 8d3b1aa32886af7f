/** The search tool: the articles of a corpus that fit best, by their words (BM25), by their vectors, or by both. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { TAG_PATTERN } from '../agent/action.ts';
import { refusalOf, resultOf } from '../agent/observations.ts';
import { textForm } from '../agent/text-form.ts';
import type { Tool, ToolContext, ToolDescription } from '../agent/tool.ts';
import { sleep } from '../clock.ts';
import { ConfigError, DataError } from '../errors.ts';
import type { Article } from '../input/article.ts';
import { openEmbedder } from '../models/embeddings.ts';
import { type EmbeddingsConfig, embeddingsConfig } from '../models/embeddings-config.ts';
import { toolKind } from '../parts/tool-kind.ts';
import { articleColumns, readCorpus } from './corpus.ts';
import type { ArticleIndex, Articles } from './search/article-index.ts';
import { articleText } from './search/article-text.ts';
import type { DenseIndex } from './search/dense/open-vectors.ts';
import { indexNotes } from './search/index-notes.ts';
import { MemoryArticles } from './search/memory-articles.ts';
import { MemoryIndex } from './search/memory-index.ts';
import { type OpenIndexOptions, openIndex } from './search/open-index.ts';
import { byBoth, byVectors, byWords, type Ranking } from './search/ranking.ts';

const settings = z.strictObject({
  tag: z.string().regex(TAG_PATTERN).default('search_query').describe('The tag that calls the tool.'),
  corpus: z.string().min(1).describe('File of articles: JSON lines, JSON, a table of text or Parquet.'),
  columns: articleColumns
    .nullable()
    .default(null)
    .describe('Which columns of the corpus hold what; null: `title` and `text` or `contents`, and the like.'),
  index: z
    .enum(['memory', 'disk'])
    .default('memory')
    .describe(
      'Where articles are looked up. `memory`: read when the run begins, for some thousands; BM25+ over titles and ' +
        'texts apart. `disk`: an index beside the corpus, built once, for millions; BM25.',
    ),
  ranking: z
    .enum(['bm25', 'dense', 'fused'])
    .default('bm25')
    .describe(
      'What fits best. `bm25`: by words. `dense`: by the nearness of `embeddings`. `fused`: by the ranks in both.',
    ),
  embeddings: embeddingsConfig
    .nullable()
    .default(null)
    .describe('`ranking: dense` and `fused`: vectors of articles and queries, kept beside the corpus.'),
  vectorMb: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1024)
    .describe('`ranking: dense` and `fused`: how much of the vectors is kept in memory, in MiB.'),
  filterAbove: z
    .int()
    .min(0)
    .default(20_000)
    .describe(
      '`ranking: dense` and `fused`: vectors of more articles than so many are kept in 8 bits, and only those compared in ' +
        'full that can be among the nearest: it finds the same, faster and in a quarter of the memory.',
    ),
  fusion: z
    .strictObject({
      k: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(60)
        .describe('Added to each rank: an article counts 1/(k + rank).'),
      depth: z
        .int()
        .min(1)
        .max(100_000)
        .default(100)
        .describe('How many of each ranking are looked at, `results` at least.'),
    })
    .prefault({})
    .describe('`ranking: fused`: reciprocal rank fusion (Cormack and others 2009).'),
  results: z.int().min(1).max(100).default(1).describe('How many articles are shown, best first.'),
  maxChars: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(4000)
    .describe('Most characters shown of all articles together.'),
  maxQueryChars: z.int().min(1).max(10_000).default(500).describe('Longer queries are refused.'),
  titleBoost: z
    .number()
    .positive()
    .default(2)
    .describe('`index: memory`: what a word in a title counts, where one in the text counts 1.'),
  titleWeight: z
    .int()
    .min(0)
    .max(100)
    .default(1)
    .describe('`index: disk`: how often the words of a title count.'),
  stopWords: z
    .enum(['english', 'none'])
    .default('english')
    .describe(
      '`index: disk`: which words of a query are not looked for, unless it has no others: `english` ones (the, of, which, who).',
    ),
  cacheMb: z
    .int()
    .min(1)
    .max(100_000)
    .default(256)
    .describe('`index: disk`: how much of the index is kept in memory, in MiB.'),
  maxArticles: z
    .int()
    .min(1)
    .default(1_000_000)
    .describe('`index: memory`: a corpus of more articles is not loaded.'),
  timeoutMs: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Longest time for one query, looked at as it goes on; a query that takes longer is given up.'),
});

/** Whether what the ranking needs is there. */
const hasVectors = ({ ranking, embeddings }: z.output<typeof settings>) =>
  ranking === 'bm25' || embeddings !== null;

export const searchConfig = settings.refine(hasVectors, {
  path: ['embeddings'],
  error: 'expected where embeddings come from ({ baseUrl, model }), as `ranking` is `dense` or `fused`',
});
export type SearchConfig = z.output<typeof searchConfig>;

export type SearchDeps = Pick<ToolContext, 'now'> & Partial<Pick<ToolContext, 'notify' | 'env' | 'paid'>>;

type SearchLimits = Pick<SearchConfig, 'tag' | 'results' | 'maxChars' | 'maxQueryChars' | 'timeoutMs'>;

/**
 * Makes the search tool over the articles of `config.corpus`; an index on disk is built where there is none, and
 * vectors are asked for where there are none; `notify` hears how far that is. Throws as `readCorpus`, `openIndex`
 * and `openVectors` do, and for an empty corpus.
 */
export async function openSearch(name: string, config: SearchConfig, deps: SearchDeps): Promise<Search> {
  const { embeddings, ranking, fusion, titleWeight, titleBoost } = config;
  const rest = { limits: config, deps };
  if (embeddings !== null && ranking === 'dense') {
    // Words are not looked up.
    const articles = isOnDisk(config)
      ? await onDisk({ ...config, titleWeight: null }, deps)
      : await inMemory(name, config, new MemoryArticles());
    const dense = await withVectors({ ...config, embeddings }, articles, deps);
    return new Search(name, { articles, ranking: byVectors(dense), dense }, rest);
  }
  const index = isOnDisk(config)
    ? await onDisk({ ...config, titleWeight }, deps)
    : await inMemory(name, config, new MemoryIndex(titleBoost));
  const words = byWords(index);
  if (embeddings === null || ranking === 'bm25')
    return new Search(name, { articles: index, ranking: words }, rest);
  const dense = await withVectors({ ...config, embeddings }, index, deps);
  return new Search(name, { articles: index, ranking: byBoth(words, byVectors(dense), fusion), dense }, rest);
}

function isOnDisk({ index }: SearchConfig): boolean {
  return index === 'disk';
}

/** The search tool over some articles at hand, in memory. */
export function searchAmong(
  name: string,
  articles: Iterable<Article>,
  {
    limits,
    deps,
  }: { readonly limits: SearchLimits & Pick<SearchConfig, 'titleBoost'>; readonly deps: SearchDeps },
): Search {
  const index = new MemoryIndex(limits.titleBoost);
  for (const article of articles) index.add(article);
  return new Search(name, { articles: index, ranking: byWords(index) }, { limits, deps });
}

async function onDisk(
  {
    corpus: path,
    columns,
    titleWeight,
    cacheMb,
    stopWords,
  }: Omit<SearchConfig, 'titleWeight'> & Pick<OpenIndexOptions, 'titleWeight'>,
  deps: SearchDeps,
): Promise<ArticleIndex> {
  const notes = indexNotes(path, deps.notify ?? (() => {}), deps.now);
  const { signal } = new AbortController();
  const cacheBytes = cacheMb * 2 ** 20;
  return openIndex({ path, columns, titleWeight, stopWords, cacheBytes, signal, ...notes });
}

/** Closes the articles where there are no vectors of them. */
async function withVectors(
  config: SearchConfig & { readonly embeddings: EmbeddingsConfig },
  articles: Articles,
  deps: SearchDeps,
): Promise<DenseIndex> {
  try {
    const dense = await vectorsOf(config, deps);
    if (dense.vectors.size === articles.size) return dense;
    dense.close();
    throw new DataError(`${config.corpus} was changed while it was read: start again`);
  } catch (error) {
    await articles.close();
    throw error;
  }
}

async function vectorsOf(
  {
    corpus: path,
    columns,
    vectorMb,
    filterAbove,
    embeddings: config,
  }: SearchConfig & { readonly embeddings: EmbeddingsConfig },
  { notify, now, env, paid }: SearchDeps,
): Promise<DenseIndex> {
  const { openVectors } = await import('./search/dense/open-vectors.ts');
  const embedder = await openEmbedder(config, { env: env ?? {}, sleep, paid });
  const notes = indexNotes(path, notify ?? (() => {}), now);
  const { signal } = new AbortController();
  return openVectors({
    ...{ path, columns, config, embedder, cacheBytes: vectorMb * 2 ** 20, filterAbove, signal },
    ...notes,
  });
}

async function inMemory<Into extends MemoryArticles>(
  name: string,
  config: SearchConfig,
  index: Into,
): Promise<Into> {
  for await (const article of readCorpus({ path: config.corpus, columns: config.columns })) {
    if (index.size === config.maxArticles) {
      throw new ConfigError(
        `${config.corpus} has more articles than tools.${name}.maxArticles, ${config.maxArticles}: ` +
          `write \`index: disk\` (an index on disk, for millions), or take fewer articles`,
      );
    }
    index.add(article);
  }
  if (index.size === 0) throw new ConfigError(`the search corpus ${config.corpus} has no articles`);
  return index;
}

const SEARCH: ToolDescription = {
  description: 'It finds the articles that fit best: look for one fact at a time.',
  parameters: {
    type: 'object',
    properties: { query: { type: 'string', description: 'what you look for, in a few words' } },
    required: ['query'],
  },
  example: 'author of Faust',
  worked: [
    {
      question: 'In which country was the author of Faust born?',
      calls: [
        { argument: 'author of Faust', result: 'Faust: Faust is a play by Johann Wolfgang von Goethe.' },
        {
          argument: 'Johann Wolfgang von Goethe',
          result: 'Johann Wolfgang von Goethe: Goethe was a poet, born in Frankfurt in Germany.',
        },
      ],
      answer: 'Germany',
    },
    {
      question: 'What does the Limmat flow into?',
      calls: [
        { argument: 'Limmat', result: 'Limmat: The Limmat is a river in Switzerland that joins the Aare.' },
      ],
      answer: 'the Aare',
    },
    {
      question: 'Is the Eiger higher than the Rigi?',
      calls: [
        { argument: 'Eiger height', result: 'Eiger: The Eiger is a mountain of 3,967 meters in the Alps.' },
        { argument: 'Rigi height', result: 'Rigi: The Rigi is a mountain of 1,798 meters near Lucerne.' },
      ],
      answer: 'yes',
    },
  ],
};

export const searchTool = toolKind({
  name: 'search',
  about: 'The articles of a corpus that fit best, by BM25, by embeddings or by both.',
  settings: searchConfig,
  files: ['corpus'],
  make: (config, { name, now, notify, env, paid }: ToolContext): Promise<Tool> =>
    openSearch(name, config, { now, notify, env, ...(paid && { paid }) }),
  describe: async () => SEARCH,
});

interface SearchParts {
  readonly articles: Articles;
  readonly ranking: Ranking;
  /** Closed with the tool. */
  readonly dense?: DenseIndex;
}

/**
 * Best articles first; of equal ones, that which was added first. Refusals (an over-long query, one without
 * words) and time-outs are observations. An endpoint of embeddings that cannot be used is not: that throws its error.
 */
export class Search implements Tool {
  readonly name: string;
  readonly tag: string;
  readonly #limits: SearchLimits;
  readonly #deps: SearchDeps;
  readonly #parts: SearchParts;

  constructor(
    name: string,
    parts: SearchParts,
    { limits, deps }: { readonly limits: SearchLimits; readonly deps: SearchDeps },
  ) {
    this.name = name;
    this.tag = limits.tag;
    this.#limits = limits;
    this.#deps = deps;
    this.#parts = parts;
  }

  /** How many articles there are. */
  get size(): number {
    return this.#parts.articles.size;
  }

  /**
   * Case, articles and punctuation do not matter; a sign that makes another word of it does: `C++` is not
   * `C`.
   */
  callForm(argument: string): string {
    return textForm(argument) || argument.trim();
  }

  async call(argument: string, { signal }: { readonly signal: AbortSignal }): ReturnType<Tool['call']> {
    signal.throwIfAborted();
    const { maxQueryChars, maxChars, timeoutMs } = this.#limits;
    if (argument.length > maxQueryChars) {
      return refusalOf(this.name, `the query is longer than ${maxQueryChars} characters.`);
    }
    const { articles, ranking } = this.#parts;
    const lookUp = await ranking(argument, signal);
    if (lookUp === null) return refusalOf(this.name, 'the query has no words.');
    const end = this.#deps.now() + timeoutMs;
    const goOn = async () => {
      await nextTurn();
      signal.throwIfAborted();
      return this.#deps.now() <= end;
    };
    const ranked = await lookUp(this.#limits.results, goOn);
    if (ranked === null) {
      return { tool: this.name, status: 'TIMED_OUT', text: `The search took longer than ${timeoutMs} ms.` };
    }
    const shown = ranked.map((number) => articleText(articles.article(number))).join('\n');
    return resultOf(this.name, shown, maxChars);
  }

  async describe(): Promise<ToolDescription> {
    return SEARCH;
  }

  close(): Promise<void> {
    this.#parts.dense?.close();
    return this.#parts.articles.close();
  }
}
