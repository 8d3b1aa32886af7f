/** The search tool: BM25 over the articles of a corpus (minisearch). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import MiniSearch from 'minisearch';
import { z } from 'zod';
import { TAG_PATTERN } from '../agent/action.ts';
import { refusalOf, resultOf } from '../agent/observations.ts';
import { textForm } from '../agent/text-form.ts';
import type { Tool, ToolContext, ToolDescription } from '../agent/tool.ts';
import { ConfigError } from '../errors.ts';
import { toolKind } from '../parts/tool-kind.ts';
import type { Article } from './corpus.ts';
import { readCorpus } from './corpus.ts';

export const searchConfig = z.strictObject({
  tag: z.string().regex(TAG_PATTERN).default('search_query').describe('The tag that calls the tool.'),
  corpus: z.string().min(1).describe('File of articles: JSON lines of {"title", "text"}.'),
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
    .describe('What a word in a title counts, where one in the text counts 1.'),
  maxArticles: z
    .int()
    .min(1)
    .default(1_000_000)
    .describe('A corpus of more articles is not loaded into memory.'),
  timeoutMs: z
    .int()
    .min(1)
    .default(10_000)
    .describe(
      'Longest time for one query, looked at between its words; a query that takes longer is given up.',
    ),
});
export type SearchConfig = z.output<typeof searchConfig>;

export type SearchDeps = Pick<ToolContext, 'now'>;

type SearchLimits = Omit<SearchConfig, 'corpus'>;

/**
 * Makes the search tool over the articles of `config.corpus`. Throws as `readCorpus` does, and for an empty
 * corpus.
 */
export async function openSearch(name: string, config: SearchConfig, deps: SearchDeps): Promise<Search> {
  const search = new Search(name, config, deps);
  for await (const article of readCorpus(config.corpus)) {
    if (search.size === config.maxArticles) {
      const limit = `tools.${name}.maxArticles, ${config.maxArticles}`;
      throw new ConfigError(
        `${config.corpus} has more articles than ${limit}: raise it, or take fewer articles`,
      );
    }
    search.add(article);
  }
  if (search.size === 0) throw new ConfigError(`the search corpus ${config.corpus} has no articles`);
  return search;
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
  about: 'BM25 over the articles of a corpus.',
  settings: searchConfig,
  files: ['corpus'],
  make: (config, { name, now }: ToolContext): Promise<Tool> => openSearch(name, config, { now }),
  describe: async () => SEARCH,
});

/**
 * Best articles first; of equal ones, that which was added first. Refusals (an over-long query, one without
 * words) and time-outs are observations.
 */
export class Search implements Tool {
  readonly name: string;
  readonly tag: string;
  readonly #limits: SearchLimits;
  readonly #deps: SearchDeps;
  readonly #articles: Article[] = [];
  readonly #index: MiniSearch<Article & { readonly id: number }>;

  constructor(name: string, limits: SearchLimits, deps: SearchDeps) {
    this.name = name;
    this.tag = limits.tag;
    this.#limits = limits;
    this.#deps = deps;
    this.#index = new MiniSearch({
      fields: ['title', 'text'],
      tokenize: words,
      processTerm: (term) => term,
      searchOptions: { boost: { title: limits.titleBoost }, tokenize: (term) => [term] },
    });
  }

  /** How many articles there are. */
  get size(): number {
    return this.#articles.length;
  }

  add({ title, text }: Article): void {
    this.#index.add({ id: this.#articles.length, title, text });
    this.#articles.push({ title, text });
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
    const terms = new Set(words(argument));
    if (terms.size === 0) return refusalOf(this.name, 'the query has no words.');
    const ranked = await this.#rank(terms, signal);
    if (ranked === null) {
      return { tool: this.name, status: 'TIMED_OUT', text: `The search took longer than ${timeoutMs} ms.` };
    }
    const shown = ranked.map((id) => showArticle(this.#articles[id])).join('\n');
    return resultOf(this.name, shown, maxChars);
  }

  async describe(): Promise<ToolDescription> {
    return SEARCH;
  }

  async close(): Promise<void> {}

  /**
   * The best articles' numbers; null when the time is up. Gives way to others after each word, so that it can
   * be.
   */
  async #rank(terms: ReadonlySet<string>, signal: AbortSignal): Promise<number[] | null> {
    const end = this.#deps.now() + this.#limits.timeoutMs;
    const scores = new Map<number, number>();
    for (const term of terms) {
      for (const { id, score } of this.#index.search(term)) scores.set(id, (scores.get(id) ?? 0) + score);
      await nextTurn();
      signal.throwIfAborted();
      if (this.#deps.now() > end) return null;
    }
    const ranked = [...scores].sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || a - b);
    return ranked.slice(0, this.#limits.results).map(([id]) => id);
  }
}

/**
 * Words and numbers (and `c++`, `c#`), lower case and without accents; parts of more than 64 characters are
 * cut.
 */
function words(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return (plain.match(/(?<![\p{L}\p{N}])\p{L}(?:\+\+|#)|[\p{L}\p{N}]+/gu) ?? []).map((word) =>
    word.slice(0, 64),
  );
}

/** `title: text`, or the text alone where it begins with the title. */
function showArticle({ title, text }: Article): string {
  return title === '' || text.startsWith(title) ? text : `${title}: ${text}`;
}
