/** Only steps with some verdicts are judged again: the others keep theirs, byte for byte, and nobody is asked. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { KeptVerdicts } from '../../src/lineage/kept-verdicts.ts';
import { contents, recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

let place: Workplace;
let runs: string;
let same: string[];

/** A judge that writes down whom it was asked about; `unsure` cannot tell of every third question, and fails at second steps. */
const JUDGES = `
import { appendFileSync } from 'node:fs';
const asked = (id) => appendFileSync(process.env.ASKED, id + '\\n');
export const unsure = ({ id, index }) => {
  asked(id);
  if (index === 1) throw new Error('no');
  return Number(id[1]) % 3 === 0 ? 'UNKNOWN' : 'GOOD';
};
export const sure = ({ id }) => { asked(id); return { label: 'GOOD', rationale: 'now I know ' + id }; };
`;

beforeAll(() => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
  place.write('judges.mjs', JUDGES);
  runs = place.path('runs');
  same = setting(`policy.checkpoint=${place.path('policy')}`);
});
afterAll(() => place.remove());

async function replay(as: string, judge: 'unsure' | 'sure', ...rest: string[]) {
  const settings = { kind: 'module', path: place.path('judges.mjs'), export: judge };
  const args = ['replay', '--as', as, ...same, ...setting(`judge=${JSON.stringify(settings)}`), ...rest];
  const ended = await place.swirl([...args, '--json'], { ASKED: place.path(`${as}.asked`) });
  const file = place.path(`${as}.asked`);
  const asked = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  const found = JSON.parse(ended.stdout) as { verdicts?: KeptVerdicts };
  return { ...ended, asked, verdicts: found.verdicts };
}

test('those that are UNKNOWN are judged again, and the filter works on all', async () => {
  const one = setting('stages.judge.retry.attempts=1');
  const first = await replay('doubtful', 'unsure', '--run', 'main', '--from', 'sub-trajectories', ...one);
  expect(first.code).toBe(3);
  const before = await recordsOf(runs, 'doubtful', 'judged');
  const unknown = before.filter(({ verdict }) => verdict.label === 'UNKNOWN').map(({ id }) => id);
  expect(unknown.length).toBeGreaterThan(0);
  expect(unknown.length).toBeLessThan(before.length);

  const strict = setting('stages.filter.mode=process');
  const again = await replay('clear', 'sure', '--run', 'doubtful', '--only', 'unknown', ...strict);
  expect(again.code).toBe(0);
  expect(again.asked.sort()).toEqual(unknown.sort());
  expect(again.verdicts).toEqual({
    from: 'doubtful',
    kept: before.length - unknown.length,
    again: [{ was: 'UNKNOWN', is: 'GOOD', count: unknown.length }],
  });
  const [was, is] = [await contents(runs, 'doubtful'), await contents(runs, 'clear')];
  const after = await recordsOf(runs, 'clear', 'judged');
  for (const [n, { id, verdict }] of after.entries()) {
    if (!unknown.includes(id)) expect(is.judged?.[n]).toBe(was.judged?.[n]);
    else expect(verdict.rationale).toBe(`now I know ${id}`);
  }
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  // All are GOOD now: the filter lets all trajectories pass.
  expect((await recordsOf(runs, 'clear', 'accepted')).map(({ id }) => id).sort()).toEqual(
    before.map(({ id }) => id).sort(),
  );
  // Its steps are of `main`; its verdicts are of a run that it needs all the same.
  expect(await place.swirl(['runs', 'delete', 'doubtful', '--yes'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('clear replays it'),
  });
});

test('the same with several verdicts, of trajectories that are cut again', async () => {
  const from = ['--from', 'trajectories', '--only', 'BAD', '--only', 'GOOD'];
  const { asked, verdicts } = await replay('all', 'sure', '--run', 'main', ...from);
  const before = await recordsOf(runs, 'main', 'judged');
  const wanted = before.filter(({ verdict }) => verdict.label !== 'UNKNOWN');
  expect(asked.sort()).toEqual(wanted.map(({ id }) => id).sort());
  expect(verdicts?.kept).toBe(before.length - wanted.length);
});

test('where nothing is judged, and for what is no verdict, it is refused', async () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await place.swirl(['replay', '--run', 'main', ...same, ...args]);
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused('--from', 'scored', '--only', 'BAD')).toContain('such as --from sub-trajectories');
  expect(await refused('--only', 'BED')).toContain('expected one of GOOD, BAD, UNKNOWN');
  expect(await refused()).toContain('expected --from TOPIC');
});
