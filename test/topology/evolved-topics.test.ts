/** A topic whose schema changes while its run has records: read by Avro's rules, or refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openRun } from '../../src/open-run.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import { codecOf } from '../../src/topology/codec-of.ts';
import { loadTopology, resolveTopology } from '../../src/topology/load.ts';

let folder: string;
const told: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-evolved-'));
  told.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const id = { name: 'id', type: 'string' };
const schema = (...fields: object[]) => ({ type: 'record', name: 'Note', fields: [id, ...fields] });
const FIRST = { schema: schema({ name: 'gone', type: 'int' }), key: 'id' };
const SECOND = { schema: schema({ name: 'more', type: 'string', default: 'none' }), key: 'id' };

const withNotes = (notes: object) => {
  const stages = { decompose: {} };
  return resolveTopology({ folder: '.', fed: ['notes', 'trajectories'], stages, topics: { notes } }, folder);
};

async function fed(notes: object, ...records: object[]): Promise<object[]> {
  const run = await openRun(withNotes(notes), (message) => told.push(message));
  try {
    await run.feed('notes', records);
    return await arrayOf(run.read('notes'));
  } finally {
    await run.close();
  }
}

test('fields that are gone are left out, new ones have their defaults; and it is told, once', async () => {
  await fed(FIRST, { id: 'a', gone: 1 });
  expect(await fed(SECOND, { id: 'b', more: 'x' })).toEqual([
    { id: 'a', more: 'none' },
    { id: 'b', more: 'x' },
  ]);
  expect(told).toEqual([
    expect.stringContaining('topics.notes: its schema is not what it was; the records that'),
  ]);
  // The resolved topology knows both: whoever opens the run reads both, and is told nothing.
  expect(await fed(SECOND)).toHaveLength(2);
  expect(told).toHaveLength(1);
  const resolved = loadTopology(join(folder, 'main', 'topology.resolved.yaml')).topology;
  expect(resolved.ownTopics.notes).toMatchObject({ earlier: [{ name: 'Note' }] });
});

test('who only looks, with the topology as it is written, reads both too', async () => {
  await fed(FIRST, { id: 'a', gone: 1 });
  const old = (await codecOf(withNotes(FIRST), 'read')).encode('notes', { id: 'a', gone: 1 });
  await fed(SECOND);
  const reader = await codecOf(withNotes(SECOND), 'read');
  expect(reader.decode('notes', old)).toEqual({ id: 'a', more: 'none' });
});

test('back again, what was written in between is read as well', async () => {
  const both = { schema: schema({ name: 'gone', type: 'int', default: 0 }), key: 'id' };
  await fed(FIRST, { id: 'a', gone: 1 });
  await fed(SECOND, { id: 'b', more: 'x' });
  expect(await fed(both)).toEqual([
    { id: 'a', gone: 1 },
    { id: 'b', gone: 0 },
  ]);
});

test('what cannot be read any more is refused, and the run is as it was', async () => {
  await fed(SECOND, { id: 'b', more: 'x' });
  await expect(fed(FIRST)).rejects.toThrow(
    /topics.notes is not what it was: the run main has records.*field gone.*no default.*give new fields a default/,
  );
  await expect(fed({ record: 'judged' })).rejects.toThrow(/topics.notes is not what it was/);
  expect(await fed(SECOND)).toEqual([{ id: 'b', more: 'x' }]);
});

test('a topic without records is free to change, and so are words', async () => {
  await fed(SECOND);
  await fed({ record: 'questions' });
  await fed(FIRST, { id: 'a', gone: 1 });
  await fed({ ...FIRST, schema: { ...FIRST.schema, doc: 'Words.' } });
  expect(told).toEqual([]);
});
