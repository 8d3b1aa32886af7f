/** Logs that earlier versions made (test/fixtures/logs/make.sh) are read, looked up and written on as they are. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { verifyLog } from '../../../src/cli/verify-log.ts';
import { collect, output, text } from '../contract/given.ts';
import { type EmbeddedFolder, embeddedFolder } from './embedded-folder.ts';

let runs: EmbeddedFolder;

beforeEach(() => {
  runs = embeddedFolder();
});

afterEach(() => runs.cleanup());

const dataOf = (run: string): string => join(runs.folder, run, 'log', 'data.mdb');

function take(run: string): void {
  const url = new URL(`../../fixtures/logs/${run}.mdb.gz`, import.meta.url);
  mkdirSync(join(runs.folder, run, 'log'), { recursive: true });
  writeFileSync(dataOf(run), gunzipSync(readFileSync(fileURLToPath(url))));
}

async function findings(run: string): Promise<readonly string[]> {
  const said: string[] = [];
  for await (const { part, state, says } of verifyLog({ folder: runs.folder, run }))
    said.push(`${part} ${state}: ${says}`);
  return said;
}

test.each([
  { run: 'format-2', records: 2100, step: 1 },
  { run: 'format-3', records: 300, step: 9 },
])('$run', async ({ run, records, step }) => {
  take(run);
  const transport = await runs.open(run);
  const all = await collect(transport, 'in', records);
  expect(all.map((entry) => [entry.offset, entry.time, entry.key, text(entry)])).toEqual(
    Array.from({ length: records }, (_, i) => [i * step, 1000 + i, `q${i % 700}/${i}`, `value ${i}`]),
  );
  expect(await transport.committed('g', 'in')).toEqual([30]);
  await transport.append([output('in', 'q5/new', 'written now')]);
  const found: string[] = [];
  for await (const entry of transport.lookUp?.('in', { roots: new Set(['q5']) }) ?? []) found.push(entry.key);
  expect(found).toEqual([...all.filter(({ key }) => key.startsWith('q5/')).map(({ key }) => key), 'q5/new']);
  await transport.close();
  expect(await findings(run)).toEqual([
    'log whole: pages, topics and progress',
    `topic in whole: ${records + 1} records`,
  ]);
  // What was written then and now: the checksums of the log's own format see a changed byte in both.
  const bytes = readFileSync(dataOf(run));
  for (const value of ['value 299', 'written now']) {
    for (let at = bytes.indexOf(value); at >= 0; at = bytes.indexOf(value, at + 1))
      bytes.writeUInt8(0x57, at);
  }
  writeFileSync(dataOf(run), bytes);
  expect((await findings(run))[1]).toMatch(/^topic in damaged: 2 of /);
});
