/** Whether an endpoint still gives the vectors that a corpus was embedded with. */
import { headOf } from '../../../agent/cut-text.ts';
import { readCorpus } from '../../corpus.ts';
import { articleText } from '../article-text.ts';
import type { Found } from '../beside-corpus.ts';
import type { OpenVectorsOptions } from './open-vectors.ts';
import type { VectorManifest } from './vector-files.ts';
import { Vectors } from './vectors.ts';

/**
 * The cosine of the first article's vector, as it is kept and as it is given now; NaN where a query's has another
 * number of numbers. Throws as `Embedder` does.
 */
export async function likeness(
  {
    path,
    columns = null,
    config,
    embedder,
    signal,
  }: Pick<OpenVectorsOptions, 'path' | 'columns' | 'config' | 'embedder' | 'signal'>,
  { folder, manifest, query }: Found<VectorManifest> & { readonly query: Float32Array },
): Promise<number> {
  const { width } = manifest;
  if (query.length !== width) return Number.NaN;
  for await (const article of readCorpus({ path, columns })) {
    const text = headOf(articleText(article), config.maxPassageChars);
    const [now = new Float32Array()] = await embedder.passages([text], { width, signal });
    const vectors = new Vectors(folder, manifest, 0);
    try {
      return cosine(vectors.rows(0, 1), now);
    } finally {
      vectors.close();
    }
  }
  return Number.NaN;
}

/** 1 where both are without length. */
function cosine(a: Float32Array, b: Float32Array): number {
  let [product, ofA, ofB] = [0, 0, 0];
  for (const [i, value] of a.entries()) {
    const other = b[i] ?? 0;
    product += value * other;
    ofA += value * value;
    ofB += other * other;
  }
  return ofA === 0 && ofB === 0 ? 1 : product / (Math.sqrt(ofA * ofB) || 1);
}
