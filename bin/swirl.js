#!/usr/bin/env node
/**
 * The `swirl` command: in a checkout it runs the TypeScript sources as they are, in the published package,
 * which has none, what `npm run build` made of them. Either `cli/main` does its work when it is imported.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const sources = new URL('../src/cli/main.ts', import.meta.url);
if (existsSync(sources)) {
  const { register } = await import('tsx/esm/api').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    process.stderr.write('swirl: the npm packages are not installed yet. Run `npm run demo`, or `npm ci`.\n');
    process.exit(1);
  });
  // Modules of one's own import `swirl-rl`, which the checkout's configuration says is its sources.
  register({ tsconfig: fileURLToPath(new URL('../tsconfig.json', import.meta.url)) });
  await import(sources.href);
} else {
  await import(new URL('../dist/cli/main.js', import.meta.url).href);
}
