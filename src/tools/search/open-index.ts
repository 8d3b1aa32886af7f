/** Finds the index of a corpus, or builds it. */
import { isDeepStrictEqual } from 'node:util';
import type { CorpusFile } from '../corpus.ts';
import { type Found, findOrMake, type Kept } from './beside-corpus.ts';
import { buildIndex } from './build-index.ts';
import type { BuildProgress } from './build-progress.ts';
import { DiskIndex, type DiskIndexOptions } from './disk-index.ts';
import { INDEX_VERSION, type Manifest, readManifest } from './index-files.ts';

export interface OpenIndexOptions extends DiskIndexOptions, CorpusFile {
  /** How often the words of a title count; null: any index will do, as its articles alone are wanted. */
  readonly titleWeight: number | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BuildProgress) => void;
  /** Hears who else builds it, once. */
  readonly onWait: (owner: string) => void;
  readonly segmentPostings?: number;
}

/**
 * Opens the index of the corpus, which is built first where there is none: what an ended process left is gone on
 * with, and while another process builds it this one waits. Throws as `findOrMake` and `buildIndex` do.
 */
export async function openIndex(options: OpenIndexOptions): Promise<DiskIndex> {
  const found: Found<Manifest> = await findOrMake(keptIndex(options));
  return new DiskIndex(found.folder, found.manifest, options);
}

/** How an index of words is made and known. */
export function keptIndex(options: OpenIndexOptions): Kept<Manifest> {
  const { path, columns = null, titleWeight, signal, onWait } = options;
  return {
    ...{ path, signal, onWait, prefix: '', isCheap: true },
    settings: `${INDEX_VERSION} ${titleWeight}${columns === null ? '' : ` ${JSON.stringify(columns)}`}`,
    building: titleWeight === null ? 'building-articles' : `building-title-${titleWeight}`,
    read: (folder) => {
      const manifest = readManifest(folder);
      const isOfThis = titleWeight === null || manifest?.titleWeight === titleWeight;
      return isOfThis && isDeepStrictEqual(manifest?.columns, columns) ? manifest : null;
    },
    make: (folder, corpus, touch) =>
      buildIndex({
        ...{ path, columns, corpus, titleWeight, signal, folder },
        onProgress: (progress) => {
          touch();
          options.onProgress(progress);
        },
        ...(options.segmentPostings === undefined ? {} : { segmentPostings: options.segmentPostings }),
      }),
  };
}
