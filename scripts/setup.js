/**
 * Makes a checkout ready to run on a fresh machine, and does nothing where it already is: the npm packages,
 * and a WebGPU adapter (a software one where there is no GPU and that can be had); for tests a browser too.
 *
 *   node scripts/setup.js [--dev]      --dev: what tests, lint and type check need as well
 *
 * Plain JavaScript for Node 20 without any package, because it runs before there are any. It speaks on
 * stderr, so that stdout belongs to the command that follows. Of several at once one works, and the others
 * wait.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureAdapter } from './setup/adapter.js';
import { alone } from './setup/alone.js';
import { ensureBrowser } from './setup/browser.js';
import { ensurePackages } from './setup/packages.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} line */
const say = (line) => process.stderr.write(`set-up: ${line}\n`);

const unknown = process.argv.slice(2).filter((argument) => argument !== '--dev');
if (unknown.length > 0) {
  say(`expected no option but --dev, found ${unknown.join(' ')}`);
  process.exit(2);
}
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  say(
    `Node 20.11 or later is needed; this is ${process.version} (${process.execPath}). Get one from https://nodejs.org.`,
  );
  process.exit(1);
}

mkdirSync(join(root, '.swirl'), { recursive: true });
const code = await alone({ root, say }, async () => {
  const dev = process.argv.includes('--dev');
  const packages = ensurePackages({ root, dev, say });
  if (packages === 0) await ensureAdapter({ root, say });
  if (packages === 0 && dev) ensureBrowser({ root, say });
  return packages;
});
process.exit(code);
