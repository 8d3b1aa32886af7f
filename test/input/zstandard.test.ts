/** Frames that zstd 1.5.4 wrote, with a checksum (its command's default) and without. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import { textInput } from '../../src/input/input.ts';

async function read(bytes: Uint8Array, chunk = 1 << 16): Promise<string> {
  const found: Uint8Array[] = [];
  for await (const piece of textInput(bytes, 'a.zst', chunk).open()) found.push(Buffer.from(piece));
  return Buffer.concat(found).toString();
}

/** `{"a": 1}` and a line feed. */
const SHORT = Buffer.from('KLUv/SQJSQAAeyJhIjogMX0KM4ffww==', 'base64');
const WITHOUT_SUM = Buffer.from('KLUv/SAJSQAAeyJhIjogMX0K', 'base64');
/** Forty lines, compressed. */
const LONG = Buffer.from(
  'KLUv/WT/BXUDAHKFERGgbxTeHsYG6iruyK8sJr9VPIIkdEwh412MhI4pZLyLT+iYQsa78ISOKWQ8uM1kW9wcZTkZwhe5OdqsmtZGm4Oz6iYfbBsoqBGgu/9v8DUDEewQ/P8OYX7UquSlVK2PpVrFBwEgoG7wAUkNustQJg==',
  'base64',
);
/** 300,000 zeros, in runs. */
const ZEROS = Buffer.from('KLUv/QRYVAAAEAAAAQD7/znAAgIAEAADnwQALSjeJg==', 'base64');
const EMPTY = Buffer.from('KLUv/SQAAQAAmenYUQ==', 'base64');
const SKIPPED = Buffer.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);

const short = '{"a": 1}\n';
const long = Array.from(
  { length: 40 },
  (_, i) => `{"line": ${i + 1}, "text": "the mill on the Wend"}\n`,
).join('');

describe('Zstandard', () => {
  test.each([1, 3, 7, 1 << 16])('frames one after the other, in chunks of %i', async (chunk) => {
    const frames = [SHORT, SKIPPED, EMPTY, WITHOUT_SUM, LONG, SHORT, SKIPPED];
    expect(await read(Buffer.concat(frames), chunk)).toBe(`${short}${short}${long}${short}`);
    expect(await read(Buffer.concat([SKIPPED, LONG]), chunk)).toBe(long);
  });

  test('blocks of one byte repeated', async () => {
    expect(await read(ZEROS, 5)).toBe('\0'.repeat(300_000));
  });

  test.each([
    ['the first frame', Buffer.concat([SHORT, LONG]), SHORT.length - 6],
    ['a later one', Buffer.concat([SHORT, LONG, SHORT]), SHORT.length + LONG.length + 12],
    ['the checksum itself', LONG, LONG.length - 1],
  ])('a byte that changed in %s is told by the checksum', async (_, whole, at) => {
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    await expect(read(changed)).rejects.toThrow(
      'a.zst: expected Zstandard data, found damaged: the checksum is not that of the content',
    );
  });

  test('every beginning but those between frames is cut off', async () => {
    const whole = Buffer.concat([SHORT, LONG]);
    for (let end = 5; end < whole.length; end++) {
      const found = read(whole.subarray(0, end));
      if (end === SHORT.length) expect(await found).toBe(short);
      else await expect(found).rejects.toThrow('the end of the file inside a frame (is it cut off?)');
    }
  });

  test('what comes after a frame and is none', async () => {
    await expect(read(Buffer.concat([SHORT, Buffer.from('more')]))).rejects.toThrow(
      'other bytes after a frame',
    );
  });
});
