/** What the documents say of the library and of the command holds. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

test('docs/api.md lists what src/index.ts exports: after a change, npm run docs:api', () => {
  const lists = [...read('src/index.ts').matchAll(/export (?:type )?\{([^}]*)\}/g)].map(
    ([, list]) => list ?? '',
  );
  const exported = lists
    .flatMap((list) => list.split(','))
    .map((name) =>
      name
        .replace(/^\s*(?:type )?/, '')
        .replace(/.* as /, '')
        .trim(),
    )
    .filter((name) => name !== '');
  const listed = [...read('docs/api.md').matchAll(/^### (?:`abstract` )?(\w+)/gm)].map(([, name]) => name);
  expect(exported.length).toBeGreaterThan(50);
  expect([...listed].sort()).toEqual([...exported].sort());
});

test('docs/library.md leads to files that are there, and to every example that is a program of it', () => {
  const links = [...read('docs/library.md').matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? '');
  expect(links.filter((link) => !existsSync(`${root}docs/${link}`))).toEqual([]);
  const examples = readdirSync(`${root}docs/examples`).filter((name) => /\.[jt]s$/.test(name));
  expect(examples.filter((name) => !links.includes(`examples/${name}`))).toEqual([]);
});

test('no document has a command that would fetch the program of npm that is called swirl too', () => {
  const documents = [
    ...readdirSync(root).filter((name) => name.endsWith('.md')),
    ...['docs', 'docker', 'bench'].flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    ),
  ].filter((path) => /\.(md|ya?ml|ts|js|py)$/.test(path));
  expect(documents).toContain('docs/guide.md');
  const commands = documents.flatMap((path) =>
    read(path)
      .split('\n')
      .filter((line) => /^\s*(\$ )?npx swirl\b/.test(line)),
  );
  expect(commands).toEqual([]);
});
