/** Made corpora in files, and servers that embed them: gone with the tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from '@jest/globals';
import type { Article } from '../../../src/input/article.ts';
import { type EmbeddingsServer, startEmbeddingsServer } from '../../models/embeddings-server.ts';

/** Articles of few words, of which many are alike. */
export const made = (number: number): Article[] =>
  Array.from({ length: number }, (_, i) => ({
    title: `t${i % 97}`,
    text: `w${i % 13} w${i % 41} w${i % 7}`,
  }));

/** To be called once in a file of tests. */
export function corpora() {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-dense-'));
  const servers: EmbeddingsServer[] = [];
  let files = 0;
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  return {
    folder,
    async started(...options: Parameters<typeof startEmbeddingsServer>): Promise<EmbeddingsServer> {
      const server = await startEmbeddingsServer(...options);
      servers.push(server);
      return server;
    },
    corpusFile(articles: readonly Article[]): string {
      const path = join(folder, `corpus-${files++}.jsonl`);
      writeFileSync(path, articles.map((article) => `${JSON.stringify(article)}\n`).join(''));
      return path;
    },
  };
}
