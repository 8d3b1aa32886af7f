/** Makes what is kept beside a corpus, or looks at every byte of what is there. */
import { DataError } from '../../errors.ts';
import { type Found, findKept, findOrMake, type Kept, type OfCorpus, removeFolder } from './beside-corpus.ts';
import { checkFiles } from './block-sums.ts';

/** A manifest of files that have checksums. */
interface OfFiles extends OfCorpus {
  readonly files: Readonly<Record<string, number>>;
}

export interface Ensured<M> extends Found<M> {
  /** What there was: nothing, what was written, or something damaged, which is made again. */
  readonly was: 'missing' | 'there' | 'damaged';
}

/** Throws as `findOrMake`, and `DataError` where it is damaged and not to be made `again`. */
export async function ensureKept<M extends OfFiles>(kept: Kept<M>, again: boolean): Promise<Ensured<M>> {
  const found = await findKept(kept);
  let was: Ensured<M>['was'] = 'missing';
  if (found !== null) {
    try {
      await checkFiles(found.folder, found.manifest.files, kept.signal);
      return { ...found, was: 'there' };
    } catch (error) {
      if (!again || !(error instanceof DataError)) throw error;
      removeFolder(found.folder);
      was = 'damaged';
    }
  }
  return { ...(await findOrMake({ ...kept, isCheap: kept.isCheap || again })), was };
}
