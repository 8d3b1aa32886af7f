/** Finds the vectors of a corpus, or has them made. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConfigError } from '../../../errors.ts';
import type { Embedder } from '../../../models/embeddings.ts';
import type { EmbeddingsConfig } from '../../../models/embeddings-config.ts';
import { besideCorpus, findOrMake, type Kept } from '../beside-corpus.ts';
import type { OpenIndexOptions } from '../open-index.ts';
import { buildVectors } from './build-vectors.ts';
import { Filter } from './filter.ts';
import { filtered } from './filtered.ts';
import { nearest } from './nearest.ts';
import { QueryVectors } from './query-vectors.ts';
import { readVectorManifest, type VectorManifest, vectorSettings } from './vector-files.ts';
import { Vectors } from './vectors.ts';

export interface OpenVectorsOptions
  extends Pick<OpenIndexOptions, 'path' | 'columns' | 'cacheBytes' | 'signal' | 'onProgress' | 'onWait'> {
  readonly config: EmbeddingsConfig;
  readonly embedder: Embedder;
  /** Of more vectors than so many there is a filter. */
  readonly filterAbove: number;
}

/** How the vectors of a corpus are made and known. */
export function keptVectors(
  options: Omit<OpenVectorsOptions, 'cacheBytes' | 'filterAbove'>,
): Kept<VectorManifest> {
  const { path, columns = null, config, embedder, signal, onWait } = options;
  const settings = vectorSettings(config, columns);
  const hash = hashOf(settings);
  return {
    ...{ path, signal, onWait, settings, prefix: 'vectors-', isCheap: false },
    building: `building-vectors-${hash}`,
    read: (folder) => {
      const manifest = readVectorManifest(folder);
      return manifest?.settings === settings ? manifest : null;
    },
    make: (folder, corpus, touch) =>
      buildVectors({
        ...{ path, columns, corpus, config, embedder, folder, signal },
        onProgress: (progress) => {
          touch();
          options.onProgress(progress);
        },
      }),
  };
}

/** Throws as `findOrMake` and `buildVectors` do. */
export async function openVectors(options: OpenVectorsOptions): Promise<DenseIndex> {
  const found = await findOrMake(keptVectors(options));
  const hasFilter = found.manifest.articles > options.filterAbove;
  // Those that are filtered are read one by one.
  const vectors = new Vectors(found.folder, found.manifest, hasFilter ? 0 : options.cacheBytes);
  try {
    const filter = hasFilter ? await filterOf(vectors, options) : null;
    return new DenseIndex(options, { vectors, filter });
  } catch (error) {
    vectors.close();
    throw error;
  }
}

function filterOf(vectors: Vectors, { cacheBytes, signal, onProgress }: OpenVectorsOptions): Promise<Filter> {
  return Filter.of(vectors, {
    ...{ cacheBytes, signal },
    onRead: async (articles) => {
      onProgress({ phase: 'filtering', articles, share: articles / vectors.size });
      await nextTurn();
    },
  });
}

/** Articles by the nearness of their vectors to a query's. */
export class DenseIndex {
  readonly vectors: Vectors;
  readonly #filter: Filter | null;
  readonly #queries: QueryVectors;

  constructor(
    { path, config, embedder }: OpenVectorsOptions,
    { vectors, filter }: { readonly vectors: Vectors; readonly filter: Filter | null },
  ) {
    this.vectors = vectors;
    this.#filter = filter;
    const { width } = vectors;
    const { model, dimensions, queryPrefix, extra, keepQueries } = config;
    const hash = hashOf(JSON.stringify({ model, dimensions, queryPrefix, extra, width }));
    this.#queries = new QueryVectors({
      folder: join(besideCorpus(path), `queries-${hash}`),
      width,
      most: keepQueries,
      embed: async (query, signal) => {
        const vector = await embedder.query(query, { width: null, signal });
        if (vector.length === width) return vector;
        throw new ConfigError(
          `${config.baseUrl} gives vectors of ${vector.length} numbers as ${model}, where those of ${path} have ${width}: ` +
            'it is another model than the one that the corpus was embedded with',
        );
      },
    });
  }

  /** The vector of a query, kept or asked for. Throws as `Embedder` does. */
  query(text: string, signal: AbortSignal): Promise<Float32Array> {
    return this.#queries.of(text, signal);
  }

  /** As `ArticleIndex.rank`. */
  rank(query: Float32Array, count: number, goOn: () => Promise<boolean>): Promise<number[] | null> {
    const [vectors, filter] = [this.vectors, this.#filter];
    if (filter === null) return nearest(vectors, query, { count, goOn });
    return filtered({ vectors, filter }, query, { count, goOn });
  }

  close(): void {
    this.vectors.close();
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
