/**
 * Writes docs/api.md from the comments of what src/index.ts exports: `npm run docs:api`; with `--check` it
 * only says whether the file is what it would write. TypeDoc and its compiler are installed beside this file,
 * at the first call.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const written = fileURLToPath(new URL('../../docs/api.md', import.meta.url));
const typedoc = join(here, 'node_modules', 'typedoc', 'bin', 'typedoc');

if (!existsSync(typedoc)) {
  console.error('Installing TypeDoc in scripts/api-docs ...');
  execFileSync('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: here,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
}

const out = mkdtempSync(join(tmpdir(), 'swirl-api-docs-'));
try {
  const options = ['--options', join(here, 'typedoc.json'), '--out', out, '--logLevel', 'Warn'];
  const { status } = spawnSync(process.execPath, [typedoc, ...options], {
    cwd: here,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // It said why: most often a type that src/index.ts should export too.
  if (status === 0) compare(tidy(readFileSync(join(out, 'api.md'), 'utf8')));
  else process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}

/**
 * Writes the file, or looks whether it is the same.
 * @param {string} text
 */
function compare(text) {
  if (!process.argv.includes('--check')) writeFileSync(written, text);
  else if (!existsSync(written) || readFileSync(written, 'utf8') !== text) {
    console.error('docs/api.md is not what the comments in src/ say: run `npm run docs:api`');
    process.exitCode = 1;
  }
}

/**
 * With a line that says where it comes from, and without anchors that nothing links to.
 * @param {string} text
 */
function tidy(text) {
  const head =
    '# The library, name by name\n\n' +
    'Generated from the comments in `src/` by `npm run docs:api`; do not edit. [library.md](library.md) is the guide.\n';
  const body = text.replace(/^# .*\n/, '').replace(/<a id="type-parameter-[^"]*"><\/a> /g, '');
  return `${head}${body.trimEnd()}\n`;
}
