/**
 * The Dockerfile, as far as that can be seen without an engine. What it makes is tried by hand:
 * docs/kafka-operations.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Instructions with their text, continued lines joined. */
const steps = read('docker/Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const);
const last = steps.slice(steps.findLastIndex(([name]) => name === 'FROM'));
/** What the context may have: the lines of the ignore file that take back its `*`. */
const context = read('docker/Dockerfile.dockerignore')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

test('one pinned base, in a version of Node that the package allows', () => {
  const [, base = ''] = steps[0] ?? [];
  const [, major = '0'] = /^NODE=node:(\d+)\.\d+\.\d+-trixie-slim$/.exec(base) ?? [];
  const [, least = '0'] = /^>=(\d+)\./.exec(JSON.parse(read('package.json')).engines.node) ?? [];
  expect(Number(major)).toBeGreaterThanOrEqual(Number(least));
  for (const [name, text] of steps) if (name === 'FROM') expect(text).toMatch(/^\$\{NODE\}( AS \w+)?$/);
});

test('what is copied from the checkout is there, and let through; nothing else is', () => {
  const copied = steps
    .filter(([name, text]) => name === 'COPY' && !text.startsWith('--from'))
    .flatMap(([, text]) => text.split(' ').slice(0, -1));
  expect([...new Set(copied)].sort()).toEqual([...context].sort());
  for (const path of copied) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
  expect(read('docker/Dockerfile.dockerignore')).toMatch(/^\*$/m);
});

test('what the package publishes is in the image, but for its documents', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  const there = last.flatMap(([name, text]) =>
    name === 'COPY' ? text.replace(/^--from=\S+ /, '').split(' ') : [],
  );
  for (const file of files.filter((name) => name !== 'docs')) expect(there).toContain(file);
});

test('runs as nobody special, behind an init that passes signals on', () => {
  const of = (wanted: string) => last.filter(([name]) => name === wanted).map(([, text]) => text);
  expect(of('USER')).toEqual(['1000:1000']);
  expect(JSON.parse(of('ENTRYPOINT')[0] ?? '[]')).toEqual(['tini', '--', 'swirl']);
  expect(last.find(([name, text]) => name === 'RUN' && text.includes('apt-get'))?.[1]).toMatch(/ tini\b/);
});
