/** Every kind of numbers in GGUF files as gguf-py reads it, to the bit (test/fixtures/make-gguf-blocks.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { BLOCK_KINDS } from '../../../src/checkpoint/gguf/blocks.ts';
import { pack, packedFormat } from '../../../src/checkpoint/gguf/pack.ts';
import { packedFormats, unpack } from '../../../src/engine/packed.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/gguf/blocks.json', import.meta.url), 'utf8'),
) as Record<string, { blocks: string; values: string }>;

const kinds = new Map([...BLOCK_KINDS.values()].map((kind) => [kind.name, kind]));

const blocksOf = (name: string) => Buffer.from(fixture[name]?.blocks ?? '', 'base64');

test('the fixture has every kind', () => {
  expect([...kinds.keys()].sort()).toEqual(Object.keys(fixture).sort());
});

test.each(Object.keys(fixture))('%s', (name) => {
  const kind = kinds.get(name);
  const blocks = blocksOf(name);
  const values = new Float32Array((blocks.length / (kind?.bytes ?? 1)) * (kind?.values ?? 1));
  kind?.read(blocks, values);
  expect(Buffer.from(values.buffer).toString('base64')).toBe(fixture[name]?.values);
});

test.each(packedFormats)('%s is the same packed, and as small', (format) => {
  const name = format.toUpperCase();
  expect(packedFormat(name)).toBe(format);
  // Every scale in f16 but infinite ones and NaN, and every byte.
  const bytes = kinds.get(name)?.bytes ?? 0;
  const finite = Array.from({ length: 2 ** 16 }, (_, half) => half).filter(
    (half) => (half & 0x7c00) < 0x7c00,
  );
  const all = Buffer.alloc(
    finite.length * bytes,
    Uint8Array.from({ length: 251 }, (_, i) => i * 7),
  );
  for (const [block, half] of finite.entries()) {
    all.writeUInt16LE(half, block * bytes);
    if (format === 'q4_1')
      all.writeUInt16LE(finite[(block * 7919) % finite.length] as number, block * bytes + 2);
  }
  for (const blocks of [blocksOf(name), all]) {
    const words = pack(blocks, format);
    expect(words.byteLength - blocks.length).toBeLessThanOrEqual(2 * (blocks.length / bytes));
    const values = new Float32Array((blocks.length / bytes) * 32);
    kinds.get(name)?.read(blocks, values);
    expect(Buffer.from(unpack(words, format).buffer).equals(Buffer.from(values.buffer))).toBe(true);
  }
});
