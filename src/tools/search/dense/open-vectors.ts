/** Finds the vectors of a corpus, or has them made. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError } from '../../../errors.ts';
import type { Embedder } from '../../../models/embeddings.ts';
import type { EmbeddingsConfig } from '../../../models/embeddings-config.ts';
import { besideCorpus, type Found, findOrMake, type Kept } from '../beside-corpus.ts';
import type { OpenIndexOptions } from '../open-index.ts';
import { buildVectors } from './build-vectors.ts';
import { nearest } from './nearest.ts';
import { QueryVectors } from './query-vectors.ts';
import { readVectorManifest, type VectorManifest, vectorSettings } from './vector-files.ts';
import { Vectors } from './vectors.ts';

export interface OpenVectorsOptions
  extends Pick<OpenIndexOptions, 'path' | 'cacheBytes' | 'signal' | 'onProgress' | 'onWait'> {
  readonly config: EmbeddingsConfig;
  readonly embedder: Embedder;
}

/** How the vectors of a corpus are made and known. */
export function keptVectors(options: Omit<OpenVectorsOptions, 'cacheBytes'>): Kept<VectorManifest> {
  const { path, config, embedder, signal, onWait } = options;
  const settings = vectorSettings(config);
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
        ...{ path, corpus, config, embedder, folder, signal },
        onProgress: (progress) => {
          touch();
          options.onProgress(progress);
        },
      }),
  };
}

/** Throws as `findOrMake` and `buildVectors` do. */
export async function openVectors(options: OpenVectorsOptions): Promise<DenseIndex> {
  return new DenseIndex(options, await findOrMake(keptVectors(options)));
}

/** Articles by the nearness of their vectors to a query's. */
export class DenseIndex {
  readonly vectors: Vectors;
  readonly #queries: QueryVectors;

  constructor(
    { path, cacheBytes, config, embedder }: OpenVectorsOptions,
    { folder, manifest }: Found<VectorManifest>,
  ) {
    this.vectors = new Vectors(folder, manifest, cacheBytes);
    const { width } = this.vectors;
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
    return nearest(this.vectors, query, { count, goOn });
  }

  close(): void {
    this.vectors.close();
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
