import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DataError } from '../../src/errors.ts';
import { fileInput, textInput } from '../../src/input/input.ts';
import { jsonArray } from '../../src/input/json-array.ts';
import { lines } from '../../src/input/lines.ts';
import type { Row } from '../../src/input/rows.ts';

async function all(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('lines', () => {
  test('are numbered from 1 with their byte offsets; blank ones are left out, not uncounted', async () => {
    const rows = await all(lines(textInput('one\n\nthrée\n  \nfive', 'a.jsonl')));
    expect(rows.map(({ number, offset, text }) => [number, offset, text])).toEqual([
      [1, 0, 'one'],
      [3, 5, 'thrée'],
      [5, 15, 'five'],
    ]);
    expect(rows[1]?.place).toBe('a.jsonl:3');
  });

  test('understand a byte order mark and CRLF', async () => {
    const rows = await all(lines(textInput('\ufeff{"a":1}\r\n{"b":2}\r\n', 'a.jsonl')));
    expect(rows.map((row) => JSON.parse(row.text ?? ''))).toEqual([{ a: 1 }, { b: 2 }]);
  });

  test('understand CR alone, however the bytes come in, and CRLF before it', async () => {
    for (const chunk of [1, 2, 6, 100]) {
      const of = async (text: string) =>
        (await all(lines(textInput(text, 'a', chunk)))).map(({ number, text: line }) => [
          number,
          line?.trim(),
        ]);
      expect(await of('{"a":1}\r\r{"b":2}\r')).toEqual([
        [1, '{"a":1}'],
        [3, '{"b":2}'],
      ]);
      expect(await of('{"a":1}\r\n{"b":2}\r\r\n{"c":3}')).toEqual([
        [1, '{"a":1}'],
        [2, '{"b":2}'],
        [3, '{"c":3}'],
      ]);
    }
  });

  test('a line that is not UTF-8 is an error of that line only', async () => {
    const rows = await all(lines(textInput(bytes(0x61, 0x0a, 0xff, 0x0a, 0x62), 'a.jsonl')));
    expect(rows.map(({ text }) => text)).toEqual(['a', null, 'b']);
    expect(rows[1]?.error).toBeInstanceOf(DataError);
    expect(rows[1]?.error?.message).toBe('a.jsonl:2: expected UTF-8 text, found other bytes');
  });

  test('a line that is too long is an error of that line only, with its length', async () => {
    const rows = await all(lines(textInput(`ab\n${'x'.repeat(50)}\ncd`, 'a.jsonl', 7), 10));
    expect(rows.map(({ text }) => text)).toEqual(['ab', null, 'cd']);
    expect(rows[1]?.error?.message).toBe('a.jsonl:2: expected a line of at most 10 bytes, found one of 50');
  });

  test('do not depend on how the bytes come in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', '"'), maxLength: 8 })),
        fc.integer({ min: 1, max: 9 }),
        async (texts, chunk) => {
          const rows = await all(lines(textInput(texts.join('\n'), 'x', chunk)));
          const expected = texts
            .map((text, index) => [index + 1, text])
            .filter(([, text]) => `${text}`.trim() !== '');
          expect(rows.map(({ number, text }) => [number, text])).toEqual(expected);
        },
      ),
    );
  });

  test('a missing file and a folder are errors that say so', async () => {
    await expect(all(lines(fileInput('/no/such/file.jsonl')))).rejects.toThrow(
      '/no/such/file.jsonl: there is no such file',
    );
    await expect(all(lines(fileInput('/')))).rejects.toThrow('this is a folder: expected a file');
  });
});

describe('the elements of a JSON array', () => {
  test('are those of JSON.parse, however the bytes come in and however they are laid out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(undefined, 2),
        async (values, chunk, indent) => {
          const rows = await all(jsonArray(textInput(JSON.stringify(values, null, indent), 'x.json', chunk)));
          expect(rows.map(({ text }) => JSON.parse(text ?? ''))).toEqual(JSON.parse(JSON.stringify(values)));
          expect(rows.map(({ number }) => number)).toEqual(values.map((_, index) => index));
        },
      ),
    );
  });

  test('bear the byte at which they begin', async () => {
    const text = '[ {"a": "]"},\n  {"b": "é\\""} ]';
    const rows = await all(jsonArray(textInput(text, 'x.json', 3)));
    expect(rows.map(({ offset }) => offset)).toEqual([2, 16]);
    expect(rows[1]?.place).toBe('x.json[1] (byte 16)');
    expect(JSON.parse(rows[1]?.text ?? '')).toEqual({ b: 'é"' });
  });

  test('a byte order mark is understood', async () => {
    expect(await all(jsonArray(textInput('\ufeff[1]', 'x.json')))).toHaveLength(1);
  });

  test.each([
    ['', 'expected one JSON array, beginning with `[`, found the end of the file'],
    [
      '{"a": 1}',
      'expected one JSON array, beginning with `[`, found `{` (one object per line is the data set `json-lines`)',
    ],
    ['[1] 2', 'x.json (byte 4): expected nothing after the array, found `2`'],
    ['[1,,2]', 'x.json (byte 3): expected an element, found `,`'],
    ['[1,]', 'x.json (byte 3): expected an element, found `]`'],
    ['[}', 'expected `,` or `]`, found `}`'],
    [
      '[{"a": 1}, {"b": "cut o',
      'found the end of the file inside element 1, which begins at byte 11 (is it cut off?)',
    ],
    ['[1', 'is it cut off?'],
  ])('%j is not an array: the message says where', async (text, message) => {
    await expect(all(jsonArray(textInput(text, 'x.json')))).rejects.toThrow(message);
  });

  test('one that is too long or not UTF-8 is an error of that element only', async () => {
    const long = await all(
      jsonArray(textInput(`[1, "${'x'.repeat(40)}", 3]`, 'x.json', 5), { maxBytes: 10 }),
    );
    expect(long.map(({ text }) => text?.trim())).toEqual(['1', undefined, '3']);
    expect(long[1]?.error?.message).toBe('x.json[1] (byte 4): expected at most 10 bytes, found 42');
    const odd = await all(jsonArray(textInput(bytes(0x5b, 0x22, 0xff, 0x22, 0x2c, 0x31, 0x5d), 'x.json')));
    expect(odd.map(({ text }) => text)).toEqual([null, '1']);
  });
});
