/** Embeds the articles of a corpus, in order, and goes on where it was ended: what is paid for is kept. */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { headOf } from '../../../agent/cut-text.ts';
import { ConfigError } from '../../../errors.ts';
import type { Embedder } from '../../../models/embeddings.ts';
import type { EmbeddingsConfig } from '../../../models/embeddings-config.ts';
import { type CorpusFile, readCorpusFrom } from '../../corpus.ts';
import { AppendFile } from '../append-file.ts';
import { articleText } from '../article-text.ts';
import { checkUnchanged } from '../beside-corpus.ts';
import { writeSums } from '../block-sums.ts';
import type { BuildProgress } from '../build-progress.ts';
import type { Corpus } from '../corpus-identity.ts';
import { writeAside } from '../write-aside.ts';
import { VECTOR_FILES, type VectorManifest, vectorCheck, vectorSettings } from './vector-files.ts';

export interface BuildVectorsOptions extends CorpusFile {
  /** What the file of articles is known by. */
  readonly corpus: Corpus;
  readonly config: EmbeddingsConfig;
  readonly embedder: Embedder;
  /** Where they are put: a folder that is there, with what an ended process left or with nothing. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BuildProgress) => void;
}

const STATE = 'embedding.json';

/** What is done; what the file has beyond it is cut off. */
const stateSchema = z.object({
  sha256: z.string(),
  settings: z.string(),
  articles: z.int().min(0),
  width: z.int().min(1).nullable(),
});
type State = z.output<typeof stateSchema>;

/**
 * Embeds what is left of the corpus; the manifest is written last. Throws as `Embedder` and `readCorpus` do, and
 * `ConfigError` for an empty corpus.
 */
export async function buildVectors(options: BuildVectorsOptions): Promise<VectorManifest> {
  const { folder, path, columns = null, corpus, signal, config } = options;
  const { articles, width } = await embedArticles(options);
  if (width === null) throw new ConfigError(`the search corpus ${path} has no articles`);
  checkUnchanged(path, corpus);
  const files = { [VECTOR_FILES.vectors]: statSync(join(folder, VECTOR_FILES.vectors)).size };
  await writeSums(join(folder, VECTOR_FILES.sums), files, signal);
  const said = { settings: vectorSettings(config, columns), corpus, articles, width, files };
  const manifest = { ...said, check: vectorCheck(said) };
  rmSync(join(folder, STATE));
  writeAside(join(folder, VECTOR_FILES.manifest), manifest);
  return manifest;
}

/** A request under way. */
interface Asked {
  readonly vectors: Promise<readonly Float32Array[]>;
  readonly share: number | null;
}

async function embedArticles(options: BuildVectorsOptions): Promise<State> {
  const { folder, path, columns = null, corpus, config, embedder, signal, onProgress } = options;
  const settings = vectorSettings(config, columns);
  const fresh = { sha256: corpus.sha256, settings, articles: 0, width: null };
  let state = leftState(folder, fresh) ?? fresh;
  const file = new AppendFile(join(folder, VECTOR_FILES.vectors), state.articles * (state.width ?? 0) * 4);
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const asked: Asked[] = [];
  let texts: string[] = [];

  const ask = async (share: number | null): Promise<void> => {
    const passages = texts;
    texts = [];
    // The first answer says how many numbers a vector has: until then one is asked at a time.
    while (asked.length >= (state.width === null ? 1 : config.concurrency)) await take();
    const vectors = embedder.passages(passages, { width: state.width, signal: either });
    // Where an earlier one fails nobody waits for it.
    vectors.catch(() => {});
    asked.push({ vectors, share });
    if (state.width === null) await take();
  };
  const take = async (): Promise<void> => {
    const { vectors, share } = asked.shift() as Asked;
    const rows = await vectors;
    for (const row of rows) {
      const scale = config.similarity === 'cosine' ? 1 / (lengthOf(row) || 1) : 1;
      for (const value of row) file.writer.f32(value * scale);
    }
    file.sync();
    state = { ...state, articles: state.articles + rows.length, width: rows[0]?.length ?? state.width };
    writeAside(join(folder, STATE), state);
    onProgress({ phase: 'embedding', articles: state.articles, share });
  };

  try {
    let shareRead: number | null = null;
    const from = { bytes: corpus.bytes, skip: state.articles };
    for await (const { article, share } of readCorpusFrom({ path, columns }, from)) {
      signal.throwIfAborted();
      if (article === null) continue;
      shareRead = share;
      texts.push(headOf(articleText(article), config.maxPassageChars));
      if (texts.length === config.passagesAtOnce) await ask(share);
    }
    if (texts.length > 0) await ask(shareRead);
    while (asked.length > 0) await take();
    return state;
  } finally {
    failed.abort();
    await Promise.allSettled(asked.map(({ vectors }) => vectors));
    file.close();
  }
}

/** The Euclidean length. */
function lengthOf(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

function leftState(folder: string, fresh: State): State | null {
  const path = join(folder, STATE);
  if (!existsSync(path)) return null;
  try {
    const left = stateSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    const { size } = statSync(join(folder, VECTOR_FILES.vectors));
    const isWhole = size >= left.articles * (left.width ?? 0) * 4;
    return left.sha256 === fresh.sha256 && left.settings === fresh.settings && isWhole ? left : null;
  } catch {
    return null;
  }
}
