/** Builds an index on disk from a corpus: in segments, each of which is kept, so that it goes on where it was ended. */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { ConfigError } from '../../errors.ts';
import type { Article } from '../../input/article.ts';
import { articleColumns, type CorpusFile, readCorpusFrom } from '../corpus.ts';
import { AppendFile } from './append-file.ts';
import { checkUnchanged } from './beside-corpus.ts';
import { writeSums } from './block-sums.ts';
import type { BuildProgress } from './build-progress.ts';
import { checkOf, FILES, INDEX_VERSION, lengthsOf, type Manifest } from './index-files.ts';
import { mergeSegments } from './merge.ts';
import { MAX_ARTICLES } from './postings.ts';
import { SegmentBuilder } from './segment.ts';
import { wordsOf } from './words.ts';
import { writeAside } from './write-aside.ts';

export interface BuildOptions extends CorpusFile {
  /** What the file of articles is known by. */
  readonly corpus: Manifest['corpus'];
  /** How often the words of a title count; null: the articles alone are kept, without their words. */
  readonly titleWeight: number | null;
  /** Where it is built: a folder that is there, with what an ended process left or with nothing. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BuildProgress) => void;
  /** Postings of a segment: 25 bytes of memory each. */
  readonly segmentPostings?: number;
}

const SEGMENT_POSTINGS = 4_000_000;
/** After how many articles others get a turn. */
const TURN = 200;
const STATE = 'building.json';

/** What is done; what the files have beyond it is cut off. */
const stateSchema = z.object({
  version: z.literal(INDEX_VERSION),
  sha256: z.string(),
  titleWeight: z.number().nullable(),
  columns: articleColumns.nullable().default(null),
  articles: z.number(),
  articleBytes: z.number(),
  words: z.number(),
  postings: z.number(),
  segments: z.number(),
});
type State = z.output<typeof stateSchema>;

/**
 * Builds the index in the folder; its manifest is written last. Throws as `readCorpus` does, and `ConfigError`
 * for an empty corpus.
 */
export async function buildIndex(options: BuildOptions): Promise<Manifest> {
  const state = await readArticles(options);
  const { folder, path, corpus, titleWeight, columns = null } = options;
  if (state.articles === 0) throw new ConfigError(`the search corpus ${path} has no articles`);
  checkUnchanged(path, corpus);
  const segments = Array.from({ length: state.segments }, (_, i) => segmentPath(folder, i));
  const distinctWords = await mergeSegments({
    folder,
    segments,
    collection: state,
    lengths: lengthsOf(readFileSync(join(folder, FILES.lengths)), state.articles),
    signal: options.signal,
    onMerged: (postings) => {
      const { articles } = state;
      if (titleWeight !== null)
        options.onProgress({ phase: 'merging', articles, share: postings / state.postings });
    },
  });
  const files = Object.fromEntries(
    Object.values(FILES)
      .filter((name) => name !== FILES.manifest && name !== FILES.sums)
      .map((name) => [name, statSync(join(folder, name)).size]),
  );
  await writeSums(join(folder, FILES.sums), files, options.signal);
  const said = {
    version: INDEX_VERSION,
    titleWeight,
    columns,
    corpus,
    articles: state.articles,
    words: state.words,
    distinctWords,
    files,
  } as const;
  const manifest: Manifest = { ...said, check: checkOf(said) };
  for (const segment of segments) rmSync(segment);
  rmSync(join(folder, STATE));
  writeAside(join(folder, FILES.manifest), manifest);
  return manifest;
}

/** Reads what is left of the corpus, up to the last segment. */
async function readArticles(options: BuildOptions): Promise<State> {
  const { folder, path, corpus, titleWeight, columns = null, signal } = options;
  const begin = { articles: 0, articleBytes: 0, words: 0, postings: 0, segments: 0 };
  const fresh = { version: INDEX_VERSION, sha256: corpus.sha256, titleWeight, columns, ...begin } as const;
  let state: State = leftState(folder, fresh) ?? fresh;
  const places = new AppendFile(join(folder, FILES.places), state.articles * 8);
  const lengths = new AppendFile(join(folder, FILES.lengths), state.articles * 4);
  const articles = new AppendFile(join(folder, FILES.articles), state.articleBytes);
  const segment = new SegmentBuilder();
  let { articles: count, words, postings } = state;

  const addWords = ({ title, text }: Article, weight: number): number => {
    const ofTitle = weight > 0 ? wordsOf(title) : [];
    const ofText = wordsOf(text);
    segment.add(count, ofTitle, weight);
    segment.add(count, ofText, 1);
    return ofTitle.length * weight + ofText.length;
  };
  const keep = (): void => {
    const segments = state.segments + (segment.size > 0 ? 1 : 0);
    if (segment.size > 0) segment.write(segmentPath(folder, state.segments));
    for (const file of [places, lengths, articles]) file.sync();
    state = { ...fresh, articles: count, articleBytes: articles.length, words, postings, segments };
    writeAside(join(folder, STATE), state);
  };

  try {
    let number = 0;
    const from = { bytes: corpus.bytes, skip: state.articles };
    for await (const { article, share } of readCorpusFrom({ path, columns }, from)) {
      if (number % TURN === 0) {
        options.onProgress({ phase: 'reading', articles: number, share });
        await nextTurn();
        signal.throwIfAborted();
      }
      number++;
      if (article === null) continue;
      if (count === MAX_ARTICLES) throw new ConfigError(`${path} has more than ${MAX_ARTICLES} articles`);
      const before = segment.size;
      const length = titleWeight === null ? 0 : addWords(article, titleWeight);
      places.writer.f64(articles.length);
      lengths.writer.integer(length, 4);
      articles.writer.text(article.title);
      articles.writer.utf8(article.text);
      for (const file of [places, lengths, articles]) file.settle();
      count++;
      words += length;
      postings += segment.size - before;
      if (segment.size >= (options.segmentPostings ?? SEGMENT_POSTINGS)) keep();
    }
    keep();
    places.writer.f64(articles.length);
    return state;
  } finally {
    for (const file of [places, lengths, articles]) file.close();
  }
}

function leftState(folder: string, fresh: State): State | null {
  const path = join(folder, STATE);
  if (!existsSync(path)) return null;
  try {
    const left = stateSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    const isOfThis = (['sha256', 'titleWeight', 'columns'] as const).every((key) =>
      isDeepStrictEqual(left[key], fresh[key]),
    );
    return isOfThis ? left : null;
  } catch {
    return null;
  }
}

function segmentPath(folder: string, number: number): string {
  return join(folder, `segment-${number}.bin`);
}
