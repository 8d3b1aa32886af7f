/** docs/api.md has every name that the package exports, and no other. `npm run docs:api -- --check` compares all of it. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

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
