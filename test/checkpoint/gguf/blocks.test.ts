/** Every kind of numbers in GGUF files as gguf-py reads it, to the bit (test/fixtures/make-gguf-blocks.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { BLOCK_KINDS } from '../../../src/checkpoint/gguf/blocks.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/gguf/blocks.json', import.meta.url), 'utf8'),
) as Record<string, { blocks: string; values: string }>;

const kinds = new Map([...BLOCK_KINDS.values()].map((kind) => [kind.name, kind]));

test('the fixture has every kind', () => {
  expect([...kinds.keys()].sort()).toEqual(Object.keys(fixture).sort());
});

test.each(Object.keys(fixture))('%s', (name) => {
  const kind = kinds.get(name);
  const blocks = Buffer.from(fixture[name]?.blocks ?? '', 'base64');
  const values = new Float32Array((blocks.length / (kind?.bytes ?? 1)) * (kind?.values ?? 1));
  kind?.read(blocks, values);
  expect(Buffer.from(values.buffer).toString('base64')).toBe(fixture[name]?.values);
});
