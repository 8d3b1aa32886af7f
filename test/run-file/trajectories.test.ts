/** Trajectories as a data set: the rows say what the topics say, and other readers read what was written. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { rowTree } from '../../src/run-file/row-forms.ts';
import type { TrajectoryRow } from '../../src/run-file/trajectory-rows.ts';
import { writeLines, writeParquet } from '../../src/run-file/write-rows.ts';
import { recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

let place: Workplace;

beforeAll(() => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
});
afterAll(() => place.remove());

const linesIn = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TrajectoryRow);

const parquetIn = async (path: string) => parquetReadObjects({ file: await asyncBufferFromFile(path) });

async function exported(run: string, file: string, ...args: string[]): Promise<TrajectoryRow[]> {
  expect(await place.swirl(['export', run, file, ...args])).toMatchObject({ code: 0 });
  return file.endsWith('.jsonl')
    ? linesIn(place.path(file))
    : ((await parquetIn(place.path(file))) as TrajectoryRow[]);
}

test('a row has the trajectory, what the judge and the reward model said of it, and whether it was accepted', async () => {
  const runs = place.path('runs');
  const [trajectories, judged, scored] = await Promise.all([
    recordsOf(runs, 'main', 'trajectories'),
    recordsOf(runs, 'main', 'judged'),
    recordsOf(runs, 'main', 'scored'),
  ]);
  const rows = await exported('main', 'messages.jsonl');
  expect(rows.map(({ id }) => id)).toEqual(trajectories.map(({ id }) => id));
  for (const [i, { id, steps, question, end, answer }] of trajectories.entries()) {
    const row = rows[i] as TrajectoryRow;
    expect(row).toMatchObject({ task: question.task, gold: [question.answer], end, answer });
    const said = steps.flatMap(({ action, observation }) => [
      ['assistant', action.text],
      ...(observation === null ? [] : [['user', expect.stringContaining(observation.text)]]),
    ]);
    const opening = [
      ['system', 'Add.'],
      ['user', question.text],
    ];
    expect(row.messages?.map(({ role, content }) => [role, content])).toEqual([...opening, ...said]);
    const labels = steps.map(
      (_, step) => judged.find((one) => one.id === `${id}/${step}`)?.verdict.label ?? null,
    );
    expect(row.verdicts).toEqual(labels);
    const values = steps.map(
      (_, step) => scored.find((one) => one.id === `${id}/${step}`)?.reward.value ?? null,
    );
    expect(row.rewards).toEqual(values);
    expect(row.accepted).toBe(values[0] !== null);
  }
  const steps = await exported('main', 'steps.parquet', '--as', 'trajectories');
  const texts = steps.map((row) => row.steps?.map((step) => (step as { readonly text: string }).text));
  expect(texts).toEqual(trajectories.map((one) => one.steps.map(({ action }) => action.text)));
});

test('Parquet has the same rows; --where chooses some; a replay has those of the run that it reads', async () => {
  const rows = linesIn(place.path('messages.jsonl'));
  expect(await exported('main', 'messages.parquet')).toEqual(rows);
  const good = rows.filter(({ task, reward }) => task === 'sums' && (reward ?? 0) > 0.5);
  expect(good.length).toBeGreaterThan(0);
  expect(good.length).toBeLessThan(rows.length);
  const where = ['--where', 'task == "sums" and reward > 0.5'];
  expect(await exported('main', 'good.parquet', ...where)).toEqual(good);
  const moved = setting(`policy.checkpoint=${place.path('policy')}`, 'reward={kind: constant, value: 0.125}');
  const replay = ['replay', '--run', 'main', '--from', 'accepted', '--as', 'again', ...moved];
  expect(await place.swirl(replay)).toMatchObject({ code: 0 });
  const again = await exported('again', 'again.jsonl');
  const others = rows.map((row) => ({ ...row, rewards: row.rewards.map(() => 0.125), reward: 0.125 }));
  expect(again).toEqual(others);
  for (const args of [
    ['--where', 'rewrd > 1'],
    ['--as', 'run', '--where', 'reward > 1'],
  ]) {
    expect(await place.swirl(['export', 'main', 'no.parquet', ...args])).toMatchObject({ code: 2 });
  }
});

const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const someRow = fc.record({
  id: words,
  messages: fc.array(fc.record({ role: words, content: words }), { maxLength: 3 }),
  task: words,
  question: words,
  answer: fc.option(words),
  gold: fc.array(words, { maxLength: 2 }),
  end: words,
  policy: words,
  verdicts: fc.array(fc.option(words), { maxLength: 3 }),
  rewards: fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })), { maxLength: 3 }),
  accepted: fc.boolean(),
  reward: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
});

test('whatever is in the rows, and however many there are, it is read as it was written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-rows-'));
  let files = 0;
  const wholesome = fc.tuple(fc.array(someRow, { maxLength: 12 }), fc.constantFrom(1, 300));
  await fc.assert(
    fc.asyncProperty(wholesome, async ([some, times]) => {
      const rows = Array.from({ length: times }, () => some).flat();
      const path = join(folder, `${++files}`);
      const handle = await open(`${path}.jsonl`, 'wx');
      const each = async function* () {
        yield* rows;
      };
      expect(await writeLines(handle, each())).toBe(rows.length);
      await handle.close();
      expect(await writeParquet(`${path}.parquet`, each(), rowTree('messages'))).toBe(rows.length);
      // JSON has one zero only.
      const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
      if (rows.length > 0) expect(linesIn(`${path}.jsonl`)).toEqual(plain(rows));
      expect(plain(await parquetIn(`${path}.parquet`))).toEqual(plain(rows));
    }),
    { numRuns: 25 },
  );
  rmSync(folder, { recursive: true });
});
