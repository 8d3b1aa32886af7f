/** LZ4 blocks as liblz4 1.10 (by python-lz4) and pyarrow 26 wrote them. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyRows } from '../../src/input/any-rows.ts';
import { textInput } from '../../src/input/input.ts';
import { unHadoopLz4, unLz4 } from '../../src/input/lz4.ts';

const MILL = 'the mill on the Wend, '.repeat(6);
const BLOCKS: readonly (readonly [string, string])[] = [
  ['wHRoZSBtaWxsIG9uIAwAUVdlbmQsCgAPFgBSUGVuZCwg', MILL],
  ['H2EBAP8ZwGJjZGVmZ2hpamtsbQ==', `${'a'.repeat(300)}bcdefghijklm`],
];
/** Two rows, whose pages are compressed with LZ4_RAW. */
const PARQUET = Buffer.from(
  'UEFSMRUAFTAVNCwVBBUAFQYVBhwAAADwCQIAAAAEAQYAAABBbGRlcm4EAAAAV2VuZBUAFaQCFVgsFQQVABUGFQYcAAAA8AcCAAAABAGEAAAAdGhlIG1pbGwgb24gDABRV2VuZCwKAA8WAFZQIAAAAAAVBBk8NQAYBnNjaGVtYRUEABUMJQIYBXRpdGxlJQBMHAAAABUMJQIYBHRleHQlAEwcAAAAFgQZHBksJgAcFQwZJQYAGRgFdGl0bGUVDhYEFlYWWiYISRwVABUAFQIAPBYUGQYZJgAEAAAAJgAcFQwZJQYAGRgEdGV4dBUOFgQWzAIWgAEmYkkcFQAVABUCADwWiAIZBhkmAAQAAAAWogMWBCYIFtoBACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZLBwAABwAAADSAAAAUEFSMQ==',
  'base64',
);

const bytes = (written: string) => new Uint8Array(Buffer.from(written, 'base64'));
const text = (content: Uint8Array) => Buffer.from(content).toString();

describe('LZ4', () => {
  test.each(BLOCKS)('%s', (written, content) => {
    const block = bytes(written);
    expect(text(unLz4(block, content.length))).toBe(content);
    const framed = Buffer.alloc(8);
    framed.writeUInt32BE(content.length);
    framed.writeUInt32BE(block.length, 4);
    const twice = Buffer.concat([framed, block, framed, block]);
    expect(text(unHadoopLz4(twice, content.length * 2))).toBe(content + content);
    expect(text(unHadoopLz4(block, content.length))).toBe(content);
    expect(() => unLz4(block, content.length - 1)).toThrow('damaged LZ4 data');
    expect(() => unLz4(block, content.length + 1)).toThrow('damaged LZ4 data');
  });

  test('no bytes make it write or read beyond its ends, or wait', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(200), (block, length) => {
        let content: Uint8Array | null = null;
        try {
          content = unHadoopLz4(block, length);
        } catch (error) {
          expect((error as Error).message).toMatch(/damaged LZ4|out of range|outside buffer/);
        }
        expect(content?.length ?? length).toBe(length);
      }),
    );
  });

  test('Parquet', async () => {
    const found: unknown[] = [];
    for await (const row of anyRows(textInput(PARQUET, 'a.parquet'))) found.push(JSON.parse(row.text ?? ''));
    expect(found).toEqual([
      { title: 'Aldern', text: MILL },
      { title: 'Wend', text: '' },
    ]);
  });
});
