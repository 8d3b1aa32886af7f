/**
 * Derives `NAME.generated.ts` from each `NAME.wat` beside it: WebAssembly, which WABT assembles.
 *
 *   npm run generate
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

/** Each source, without `.wat`. */
export const WASM_SOURCES = ['topics/embedded/nh', 'tools/search/dense/products'] as const;

/** Where a file of `src` is. */
export const inSources = (path: string): URL => new URL(`../src/${path}`, import.meta.url);

/** The text of the module generated from a source as it is now. */
export async function generateWasm(source: (typeof WASM_SOURCES)[number]): Promise<string> {
  const { parseWat } = await wabt();
  const name = basename(source);
  const module = parseWat(`${name}.wat`, readFileSync(inSources(`${source}.wat`), 'utf8'), { simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  return `// Generated from ${name}.wat by \`npm run generate\`. Do not edit.\nexport const ${name.toUpperCase()}_WASM =\n  '${Buffer.from(buffer).toString('base64')}';\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const source of WASM_SOURCES)
    writeFileSync(inSources(`${source}.generated.ts`), await generateWasm(source));
}
