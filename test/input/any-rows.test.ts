import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyRows } from '../../src/input/any-rows.ts';
import { textInput } from '../../src/input/input.ts';

async function rows(text: string | Uint8Array, name: string, chunk?: number) {
  const found: { at: string; value?: unknown; error?: string | undefined }[] = [];
  for await (const { place, text: json, error } of anyRows(textInput(text, name, chunk))) {
    found.push(
      json === null
        ? { at: place, error: error?.message }
        : { at: place, value: JSON.parse(json) as unknown },
    );
  }
  return found;
}
const values = async (text: string | Uint8Array, name: string, chunk?: number) =>
  (await rows(text, name, chunk)).map(({ value, error }) => value ?? error);

const AB = [
  { q: 'a?', a: '1' },
  { q: 'b?', a: '2' },
];

describe('tables', () => {
  test.each([
    ['semicolons', 'x.csv', 'q;a\na?;1\nb?;2\n'],
    ['tabs in a .csv', 'x.csv', 'q\ta\na?\t1\nb?\t2\n'],
    ['bars', 'x.csv', 'q|a\na?|1\nb?|2\n'],
    ['the separator named', 'x.csv', 'sep=;\r\nq;a\r\na?;1\r\nb?;2\r\n'],
    ['a name that says nothing', 'table', 'q,a\na?,1\nb?,2\n'],
    ['old line ends', 'x.csv', 'q,a\ra?,1\rb?,2\r'],
    ['a blank line before the names, and a blank row', 'x.csv', '\nq,a\n\na?,1\n,\nb?,2\n'],
    ['columns that were deleted', 'x.csv', 'q,a,,\na?,1,,\nb?,2,,\n'],
    ['quotation marks after a byte order mark', 'x.csv', '\ufeff"q";"a"\n"a?";"1"\n"b?";"2"'],
    ['quotation marks after blanks', 'x.csv', 'q, a\n"a?", "1"\n"b?" , "2" \n'],
  ])('%s', async (_, name, text) => {
    const [first, second] = await values(text, name);
    const trimmed = (row: unknown) =>
      Object.fromEntries(Object.entries(row as object).map(([key, value]) => [key, String(value).trim()]));
    expect([first, second].map(trimmed)).toEqual(AB);
    expect(await values(text, name)).toHaveLength(2);
  });

  test('a column without a name is called by its place', async () => {
    expect(await values(',q\n0,a?\n', 'x.csv')).toEqual([{ 'column 1': '0', q: 'a?' }]);
  });

  test('UTF-16 with its mark, of either order', async () => {
    const text = '\ufeffq\ta\na?\t1\nb?\t2\n';
    const little = Buffer.from(text, 'utf16le');
    expect(await values(little, 'x.txt', 3)).toEqual(AB);
    expect(await values(Buffer.from(little).swap16(), 'x.csv', 3)).toEqual(AB);
  });

  test('a quotation mark inside a field is part of it, and swallows no rows', async () => {
    expect(await values('q,a\nA 5" nail?,1\nb?,2\n', 'x.csv')).toEqual([{ q: 'A 5" nail?', a: '1' }, AB[1]]);
    const tabs = 'q\ta\n"quoted" word?\t1\nSay "x"\t2\n"whole"\t3\n';
    expect(await values(tabs, 'x.tsv')).toEqual([
      { q: '"quoted" word?', a: '1' },
      { q: 'Say "x"', a: '2' },
      { q: 'whole', a: '3' },
    ]);
    expect(await values('q,a\n"a" b?,1\nb?,2\n', 'x.csv')).toEqual([
      'x.csv:2: expected 2 fields, as the first line has, found text after a quotation mark that closes a field',
      AB[1],
    ]);
  });

  test('what was written is read, however the bytes come in', async () => {
    const field = fc.string({
      unit: fc.constantFrom('a', ',', ';', '"', '\n', '\r', ' ', 'é'),
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(',', ';', '\t'),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.integer({ min: 1, max: 7 }),
        async (table, separator, end, chunk) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const written = [['q', 'a'], ...table].map((row) => row.map(quoted).join(separator)).join(end);
          const expected = table.filter((row) => row.some((text) => text.trim() !== ''));
          const found = (await values(written, 'x.csv', chunk)) as { q: string; a: string }[];
          expect(found.map(({ q, a }) => [q, a])).toEqual(expected);
        },
      ),
    );
  });
});

describe('JSON', () => {
  test('an object with the records under their ids', async () => {
    const records = { k1: { q: 'a?', x: { y: 1 } }, 'k"2': {}, k3: { id: 'own', q: 'b?' } };
    const expected = [{ id: 'k1', q: 'a?', x: { y: 1 } }, { id: 'k"2' }, { id: 'own', q: 'b?' }];
    for (const indent of [undefined, 2]) {
      expect(await values(JSON.stringify(records, null, indent), 'x.json', 5)).toEqual(expected);
    }
    expect(await values('{"k1": {"q": 1}, "k2": {}, "k3": {}', 'x.json').catch(String)).toMatch(
      /x\.json .*expected `}`, found the end of the file/,
    );
    expect((await values('{"k1": {"q": 1}, "k2": {}, "k3": 5}', 'x.json'))[0]).toEqual({
      ...{ k1: { q: 1 }, k2: {}, k3: 5 },
    });
  });

  test('an array inside an object that says other things first', async () => {
    const text = JSON.stringify({ about: { by: ['me'] }, n: [1], data: AB, more: [3] });
    expect(await values(text, 'x.json')).toEqual(AB);
  });

  test('lines whose records have such arrays stay lines', async () => {
    const line = { id: 1, data: [1], question: 'a?' };
    const text = `${JSON.stringify(line)}\n${JSON.stringify(line)}\n`;
    expect(await values(text, 'x.json')).toEqual([line, line]);
    const nested = { extra: { a: 1 }, other: { question: 'a?' } };
    const lines = `${JSON.stringify(nested)}\n${JSON.stringify(nested)}\n`;
    expect(await values(lines, 'x.json')).toEqual([nested, nested]);
  });

  test('values over several lines, one after the other, by the line that each begins on', async () => {
    const text = AB.map((row) => JSON.stringify(row, null, 2)).join('\n');
    expect(await rows(text, 'x.json', 3)).toEqual([
      { at: 'x.json:1', value: AB[0] },
      { at: 'x.json:5', value: AB[1] },
    ]);
    await expect(values(`${text}\n{"q":\n`, 'x.json')).rejects.toThrow(
      'x.json:9: expected the end of a JSON value, found the end of the file (is it cut off?)',
    );
  });
});

describe('what is no data file', () => {
  test.each([
    ['q.xlsx', 'PK\x03\x04\x14\0', 'a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV'],
    ['q.csv', 'PK\x03\x04\x14\0', 'a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV'],
    ['q.bz2', 'BZh91AY&SY', 'bzip2 data: unpack it with bunzip2'],
    ['q.arrow', 'ARROW1\0\0', 'an Arrow file: save it as Parquet'],
    ['q.parquet', 'version https://git-lfs.github.com/spec/v1\n', 'a pointer of Git LFS'],
    ['q.html', '\n<!DOCTYPE html>\n<html>', 'a web page or XML'],
    ['q.jsonl', '{\0"\0q\0"\0:\0', 'binary data, or text that is not UTF-8'],
    ['q.yaml', '- question: a, b?\n  answer: 1\n', 'text that begins with "- question: a, b?"'],
    ['q.jsonl', 'null\n', 'text that begins with "null"'],
  ])('%s is refused in one sentence: %j', async (name, text, found) => {
    const refused = values(Buffer.from(text, 'latin1'), name);
    await expect(refused).rejects.toThrow(
      /^q\.\w+(:1)?: expected JSON lines, JSON, CSV, tabs or Parquet, found /,
    );
    await expect(refused).rejects.toThrow(found);
  });

  test('compressed twice', async () => {
    await expect(values(gzipSync(gzipSync('{}')), 'q.jsonl.gz')).rejects.toThrow('gzip inside gzip');
  });

  test('a line that is none among lines that are', async () => {
    const texts: (string | null)[] = [];
    for await (const { text } of anyRows(textInput('# mine\n{"q": 1}\n', 'q.jsonl'))) texts.push(text);
    expect(texts).toEqual(['# mine', '{"q": 1}']);
  });
});
