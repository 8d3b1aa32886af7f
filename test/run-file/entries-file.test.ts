/** Files of entries: what was written is read, and bytes of anybody's are read, or refused, and never more. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DataError } from '../../src/errors.ts';
import { filePath } from '../../src/run-file/archive-form.ts';
import { entriesFile, readEntriesFile } from '../../src/run-file/entries-file.ts';
import { arrayOf } from '../../src/topics/read-records.ts';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const headers = fc.array(fc.record({ name: text, value: bytes }), { minLength: 1, maxLength: 3 });
const entry = fc
  .record({
    offset: fc.nat({ max: 2 ** 31 - 1 }).map((number) => number * 2 ** 17),
    time: fc.nat({ max: 2 ** 31 - 1 }).map((number) => number * 2 ** 10),
    key: text,
    value: bytes,
    headers: fc.option(headers, { nil: undefined }),
  })
  .map(({ headers: some, ...rest }) => (some === undefined ? rest : { ...rest, headers: some }));
const entries = fc.array(entry, { maxLength: 40 });

test('entries are read as they were written', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async (some) => {
      const read = await arrayOf(readEntriesFile(await entriesFile(some)));
      expect(read).toEqual(some);
    }),
  );
});

test('changed bytes make other entries, or an error that is told', async () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(entries, changes, fc.nat(), async (some, changed, cut) => {
      const file = await entriesFile(some);
      for (const [at, byte] of changed) file[at % file.length] = byte;
      const shown = file.subarray(0, cut % 3 === 0 ? cut % file.length : file.length);
      const error = await arrayOf(readEntriesFile(shown)).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error !== null) expect(error).toBeInstanceOf(DataError);
    }),
    { numRuns: 300 },
  );
});

test("no member's name leads out of the run's folder", () => {
  const part = fc.constantFrom('..', '.', '', 'a', 'b.txt', '...', 'c:', '\\', 'd\0', '/');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const path = filePath(`files/${parts.join('/')}`);
      const isPlain = parts.length > 0 && parts.every((one) => one === 'a' || one === 'b.txt');
      expect(path).toBe(isPlain ? parts.join('/') : null);
    }),
  );
});
