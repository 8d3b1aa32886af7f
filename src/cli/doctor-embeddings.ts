/** Whether the endpoints of embeddings that search tools name answer, and give what their vectors were made with. */
import { sleep } from '../clock.ts';
import { SwirlError } from '../errors.ts';
import { openEmbedder } from '../models/embeddings.ts';
import type { EmbeddingsConfig } from '../models/embeddings-config.ts';
import { findKept } from '../tools/search/beside-corpus.ts';
import { checkFiles } from '../tools/search/block-sums.ts';
import { likeness } from '../tools/search/dense/likeness.ts';
import { keptVectors } from '../tools/search/dense/open-vectors.ts';
import type { SearchConfig } from '../tools/search.ts';
import type { Topology } from '../topology/topology.ts';
import type { Check } from './doctor-check.ts';
import type { ToolsDeps } from './doctor-tools.ts';

/** Beneath it the first article's vector is of another model, whatever rounding the server does. */
const ALIKE = 0.99;

/** One check for each such tool. */
export async function* checkEmbeddings(
  { tools }: Pick<Topology, 'tools'>,
  { env, begin, signal }: Pick<ToolsDeps, 'env' | 'begin' | 'signal'>,
): AsyncGenerator<Check> {
  for (const [name, tool] of Object.entries(tools)) {
    if (tool.kind !== 'search' || tool.ranking === 'bm25' || tool.embeddings === null) continue;
    const label = `tools.${name}.embeddings`;
    begin?.(label);
    try {
      yield { name: label, ...(await check(tool, tool.embeddings, { env, signal })) };
    } catch (error) {
      if (!(error instanceof SwirlError)) throw error;
      yield { name: label, ok: false, found: error.message };
    }
  }
}

async function check(
  { corpus: path, columns }: Pick<SearchConfig, 'corpus' | 'columns'>,
  config: EmbeddingsConfig,
  { env, signal }: Pick<ToolsDeps, 'env' | 'signal'>,
): Promise<Omit<Check, 'name'>> {
  const embedder = await openEmbedder({ ...config, retry: { ...config.retry, attempts: 1 } }, { env, sleep });
  const query = await embedder.query('Who wrote Faust?', { width: null, signal });
  const answers = `${config.baseUrl} gives ${query.length} numbers as ${config.model}`;
  const quiet = { onWait: () => {}, onProgress: () => {} };
  const found = await findKept(keptVectors({ path, columns, config, embedder, signal, ...quiet }));
  if (found === null) {
    return {
      ok: true,
      found: `${answers}; the articles of ${path} are not embedded yet: \`swirl index\` does it, or the run at its start`,
    };
  }
  const { folder, manifest } = found;
  await checkFiles(folder, manifest.files, signal);
  const fits = await likeness({ path, columns, config, embedder, signal }, { ...found, query });
  const vectors = `${manifest.articles} vectors of ${path}`;
  if (fits >= ALIKE) return { ok: true, found: `${answers}, as the ${vectors} have, which are whole` };
  const how = Number.isNaN(fits)
    ? `which have ${manifest.width}`
    : `and the first article's vector is another now (cosine ${fits.toFixed(3)})`;
  return {
    ok: false,
    found: `${answers}, which does not fit the ${vectors}, ${how}`,
    fix: `serve the model that they were made with, or remove ${folder} and have them made again`,
  };
}
