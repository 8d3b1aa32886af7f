/**
 * Many short runs on the embedded log, every process of which is killed with SIGKILL again and again at
 * seeded moments and started anew: training of all weights and of adapters, checkpoints written at every
 * update, a feed killed by itself, and feed and run killed together. Each ends as one that nobody
 * disturbed. What is done stands in FOLDER/kills.jsonl: called again with the same folder it goes on there.
 *
 *   npx tsx bench/kills.ts [FOLDER] [kills] [seed]
 */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { seedFor, uniform } from '../src/random.ts';
import { makeAblePolicy, sumLines } from '../test/end-to-end/able-policy.ts';
import { builtProgram } from '../test/end-to-end/built-program.ts';
import { countsOf } from '../test/end-to-end/counts.ts';
import { contents, recordsOf, watch } from '../test/end-to-end/run-records.ts';
import { sumsTopology } from '../test/end-to-end/sums-topology.ts';
import { survive } from '../test/end-to-end/survive.ts';
import {
  type Ended,
  type SwirlProcess,
  setting,
  type Workplace,
  workplace,
} from '../test/end-to-end/swirl-process.ts';
import { pause, until } from '../test/patience.ts';

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'swirl-kills-'));
const [kills = 1000, firstSeed = 0] = process.argv.slice(3).map(Number);
/** Found once: the sources may change while this goes on. */
const program = builtProgram();
/** Of one run, or of one feed. */
const KILLS_A_ROUND = 12;
const QUESTIONS = 8;
/** Of a feed that is killed by itself: many transactions. */
const LINES = 20_000;
/** A kill comes up to so much later than what it waits for. */
const LATER_MS = 80;

const FORMS = ['full', 'lora', 'feed and run', 'full', 'lora', 'feed'] as const;
type Form = (typeof FORMS)[number];

const settings = (form: Form) =>
  setting(
    'stages.train.checkpointEvery=1',
    ...(form === 'lora' ? ['stages.train.parameters={kind: lora, rank: 4}'] : []),
  );
const runArgs = (form: Form) => ['run', '--until-drained', ...settings(form)];
const feedArgs = (form: Form) => ['feed', 'questions.jsonl', ...settings(form)];

async function well(place: Workplace, args: readonly string[]): Promise<Ended> {
  const ended = await place.swirl(args);
  if (ended.code !== 0)
    throw new Error(`swirl ${args.join(' ')}: ${ended.code}\n${ended.stderr.slice(-2000)}`);
  return ended;
}

function expectSame(what: string, found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return;
  const text = (value: unknown) => JSON.stringify(value)?.slice(0, 1500);
  throw new Error(`${what}: expected ${text(expected)}, found ${text(found)}`);
}

/** The policy that every round begins with, made once. */
const made = workplace({ command: () => program });
await makeAblePolicy(made.path('policy'));

/** A folder with the topology, the questions and, in a link's place, the policy's own folder. */
function newPlace(form: Form): Workplace {
  const place = workplace({ command: () => program });
  const topology = sumsTopology('runs');
  place.write('topology.yaml', {
    ...topology,
    policy: { ...topology.policy, checkpoint: made.path('policy') },
  });
  place.write('questions.jsonl', sumLines(form === 'feed' ? LINES : QUESTIONS).join(''));
  return place;
}

/** What is left of a run: every topic's bytes in order, and the checkpoints that lie there. */
async function leftBy(place: Workplace): Promise<unknown> {
  const path = place.path('runs', 'main', 'checkpoints');
  return [await contents(place.path('runs'), 'main'), existsSync(path) ? readdirSync(path).sort() : []];
}

const undisturbed = new Map<Form, unknown>();
/** What a run that nobody disturbed leaves. */
async function expected(form: Form): Promise<unknown> {
  if (!undisturbed.has(form)) {
    const place = newPlace(form);
    await well(place, feedArgs(form));
    if (form !== 'feed') await well(place, runArgs(form));
    undisturbed.set(form, await leftBy(place));
    await place.remove();
  }
  return undisturbed.get(form);
}

/** Entries of the folder of checkpoints and of those that are being written in it. */
function checkpointFiles(place: Workplace): number {
  try {
    return readdirSync(place.path('runs', 'main', 'checkpoints'), { recursive: true }).length;
  } catch {
    // Not there yet, or renamed while it was read.
    return 0;
  }
}

/** Kills a command until it has come to its end by itself; returns how often. */
async function killed(place: Workplace, form: Form, seed: number, what: 'run' | 'feed'): Promise<number> {
  const args = what === 'run' ? runArgs(form) : feedArgs(form);
  const spread = what === 'run' ? 200 : LINES;
  const also = what === 'run' ? () => checkpointFiles(place) : undefined;
  const { kills, last } = await survive(place, args, {
    ...{ run: 'main', seed, spread, most: KILLS_A_ROUND, also },
  });
  if (last.code !== 0) throw new Error(`swirl ${args.join(' ')}: ${last.code}\n${last.stderr.slice(-2000)}`);
  return kills;
}

/** Feeds while the run goes on, and kills both; what is trained is what `scored` makes of the policy. */
async function feedAndRun(place: Workplace, form: Form, seed: number): Promise<number> {
  const key = seedFor(seed, 'kills of both');
  let kills = 0;
  let fed = false;
  for (let life = 0; ; life++) {
    const log = await watch(place.path('runs'), 'main');
    const feeding: SwirlProcess[] = fed ? [] : [place.start(feedArgs(form))];
    // Whichever comes first makes the run's folder.
    await pause(uniform(key, 3 * life) * 500);
    const all = [...feeding, place.start(runArgs(form))];
    let running = all.length;
    const ends = all.map(({ ended }) => ended.finally(() => running--));
    if (kills < KILLS_A_ROUND) {
      const before = await log.size();
      const growth = 1 + Math.floor(uniform(key, 3 * life + 1) * 20);
      await until('the log to grow', async () => running === 0 || (await log.size()) >= before + growth);
      await pause(uniform(key, 3 * life + 2) * LATER_MS);
      for (const { child } of all) child.kill('SIGKILL');
    }
    const ended = await Promise.all(ends);
    await log.close();
    kills += ended.filter(({ signal }) => signal === 'SIGKILL').length;
    const bad = ended.find(({ signal, code }) => signal === null && code !== 0);
    if (bad) throw new Error(`a process ended with ${bad.code}\n${bad.stderr.slice(-2000)}`);
    const done = fed && ended.at(-1)?.signal === null;
    fed ||= ended[0]?.signal === null;
    if (done) return kills;
  }
}

async function checkCounts(place: Workplace): Promise<void> {
  const folder = place.path('runs');
  const { problems, questions, failures } = await countsOf(folder, 'main', { rollouts: 2 });
  expectSame(
    'counts',
    { problems, questions, failures },
    { problems: [], questions: QUESTIONS, failures: {} },
  );
  const hashes = async (run: string) =>
    (await recordsOf(folder, run, 'updates')).map(({ step, weightsHash }) => [step, weightsHash]);
  await well(place, ['replay', '--run', 'main', '--from', 'scored', '--as', 'again']);
  expectSame('the weights of a replay', await hashes('again'), await hashes('main'));
}

async function round(form: Form, seed: number): Promise<number> {
  const place = newPlace(form);
  let kills: number;
  if (form === 'feed and run') {
    kills = await feedAndRun(place, form, seed);
    await checkCounts(place);
  } else {
    if (form !== 'feed') await well(place, feedArgs(form));
    kills = await killed(place, form, seed, form === 'feed' ? 'feed' : 'run');
    expectSame(`${form}, round ${seed}`, await leftBy(place), await expected(form));
  }
  await place.remove();
  return kills;
}

mkdirSync(folder, { recursive: true });
const ledger = join(folder, 'kills.jsonl');
const lines = existsSync(ledger) ? readFileSync(ledger, 'utf8').split('\n').filter(Boolean) : [];
const before = lines.map((line) => JSON.parse(line) as { form: Form; kills: number });
const counts = new Map<string, { rounds: number; kills: number }>();
const count = (form: Form, kills: number) => {
  const { rounds, kills: earlier } = counts.get(form) ?? { rounds: 0, kills: 0 };
  counts.set(form, { rounds: rounds + 1, kills: earlier + kills });
};
for (const { form, kills } of before) count(form, kills);
let total = before.reduce((sum, { kills }) => sum + kills, 0);
try {
  for (let number = before.length; total < kills; number++) {
    const form = FORMS[number % FORMS.length] as Form;
    const seed = firstSeed + number;
    const more = await round(form, seed);
    total += more;
    count(form, more);
    appendFileSync(ledger, `${JSON.stringify({ form, seed, kills: more })}\n`);
    console.error(`round ${seed}, ${form}: ${more} kills, ${total} of ${kills}`);
  }
} finally {
  await made.remove();
}
for (const [form, { rounds, kills: of }] of counts)
  console.log(`${form}: ${rounds} rounds, ${of} kills, all as undisturbed`);
console.log(`${total} kills; ${ledger}`);
