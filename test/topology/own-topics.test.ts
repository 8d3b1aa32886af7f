/**
 * Topics that a topology adds: what is read of their schemas, what is told, and what is kept with the run.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { topicSpecs } from '../../src/topology/flow.ts';
import { examineText, loadTopology } from '../../src/topology/load.ts';
import { topicSchemas } from '../../src/topology/own-topics.ts';
import { writeResolved } from '../../src/topology/resolved.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { FINE } from './sample.ts';

const schema = { type: 'record', name: 'Flagged', fields: [{ name: 'id', type: 'string' }] };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-own-topics-'));
  write('flagged.avsc', JSON.stringify(schema));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string | Uint8Array): void {
  writeFileSync(join(folder, name), text);
}

const topics = (lines: string) => `${FINE}fed: [questions, flagged, again]\ntopics:\n${lines}`;
const GIVEN = topics(
  '  flagged: { schema: ./flagged.avsc, key: id, partitions: 3 }\n  again: { record: judged }\n',
);

function examined(text: string): { topology: Topology | null; said: string[] } {
  const { topology, problems } = examineText(text, { file: 'my.yaml', folder });
  const errors = problems.filter(({ severity }) => severity === 'error');
  return { topology, said: errors.map(({ line, message }) => `${line}: ${message}`) };
}

test('they are made, with the records that the topology says', () => {
  const { topology } = examined(GIVEN);
  if (topology === null) throw new Error('expected a topology');
  expect(topicSpecs(topology).slice(-2)).toEqual([
    { name: 'flagged', partitions: 3 },
    { name: 'again', partitions: 1 },
  ]);
  const known = topicSchemas(topology);
  expect(known.get('again')).toMatchObject({ topic: 'again', record: 'judged', id: known.get('judged')?.id });
  expect(known.get('flagged')).toMatchObject({ record: null, schema: { name: 'Flagged' } });
});

test('the resolved topology has the schema and its hash, and needs the file no more', () => {
  const { topology } = examined(GIVEN);
  const resolved = writeResolved({ ...(topology as Topology), folder });
  rmSync(join(folder, 'flagged.avsc'));
  expect(loadTopology(resolved).topology).toEqual({ ...topology, folder });
  const hash = topicSchemas(topology as Topology).get('flagged')?.hash;
  expect(loadTopology(resolved).topology.ownTopics.flagged).toMatchObject({
    hash,
    schema: { name: 'Flagged' },
  });
  // A schema that somebody changed in there is told.
  const set = ['topics.flagged.schema.fields=[{name: id, type: string}, {name: n, type: int}]'];
  expect(() => loadTopology(resolved, { set })).toThrow(/not the one that this hash is of/);
});

test.each([
  [
    '  flagged: { schema: ./none.avsc, key: id }',
    '8: `topics.flagged`: FOLDER/none.avsc: there is no such file',
  ],
  [
    '  flagged: { schema: ./flagged.avsc, key: no }',
    '8: `topics.flagged`: FOLDER/flagged.avsc: `key` is `no`',
  ],
  ['  flagged: { schema: ./flagged.avsc }', '8: `topics.flagged.key` is missing'],
  ['  flagged: { record: judgd }', 'did you mean `judged`?'],
  ['  flagged: { schema: ./broken.avsc, key: id }', 'broken.avsc: not JSON'],
  ['  flagged: { schema: ./binary.avsc, key: id }', 'binary.avsc: not UTF-8 text'],
  ['  flagged: { schema: ./long.avsc, key: id }', 'long.avsc: expected at most 65536 characters'],
  ['  flagged: { schema: ., key: id }', 'cannot be read'],
  ['  flagged: { schema: { type: string }, key: id }', 'expected the schema of a record'],
  [
    '  judgd: { partitions: 2 }',
    '8: unknown key "judgd" in `topics`; did you mean `judged`?; a topic of one\'s own',
  ],
  ['  "a b": { record: judged }', '8: `topics.a b`: not a usable name'],
  ['  __proto__: { record: judged }', '8: `topics.__proto__`: not a usable name'],
  [
    Array.from({ length: 65 }, (_, i) => `  t${i}: { record: judged }`).join('\n'),
    "expected at most 64 topics of one's own, found 65",
  ],
])('%s is told with its line', (line, message) => {
  write('broken.avsc', '{');
  write('binary.avsc', Uint8Array.of(0xff, 0xfe));
  write('long.avsc', `${JSON.stringify(schema)}${' '.repeat(200_000)}`);
  const { topology, said } = examined(topics(`${line}\n`));
  expect(topology).toBeNull();
  expect(said).toEqual([expect.stringContaining(message.replace('FOLDER', folder))]);
});
