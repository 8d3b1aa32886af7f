/**
 * Derives `src/topics/embedded/nh.generated.ts` from `nh.wat` beside it: WebAssembly, which WABT assembles.
 *
 *   npm run generate
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const source = new URL('../src/topics/embedded/nh.wat', import.meta.url);
const outputFile = new URL('../src/topics/embedded/nh.generated.ts', import.meta.url);

/** The text of the generated module, from the source as it is now. */
export async function generateChecksum(): Promise<string> {
  const { parseWat } = await wabt();
  const module = parseWat('nh.wat', readFileSync(source, 'utf8'), { simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  return `// Generated from nh.wat by \`npm run generate\`. Do not edit.\nexport const NH_WASM =\n  '${Buffer.from(buffer).toString('base64')}';\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(outputFile, await generateChecksum());
