/**
 * Promises 1 to 5, end to end: a run that is killed or interrupted at any moment and started again ends like
 * one that was not.
 */
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startFaultServer } from '../models/fault-server.ts';
import { pause, until } from '../patience.ts';
import { makeAblePolicy, sumLines } from './able-policy.ts';
import { countsOf } from './counts.ts';
import { contents, recordsOf, watch } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { MOST_KILLS, survive } from './survive.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

/** The adapter, where there is one: its weights must be the same again too. */
const device = 'auto';
const QUESTIONS = 8;

let home: Workplace;
/** What a run that nobody disturbed leaves. */
let undisturbed: Record<string, string[]>;

beforeAll(async () => {
  home = workplace();
  await makeAblePolicy(home.path('policy'));
  await fed(home);
  expect(await home.swirl(['run', '--until-drained'])).toMatchObject({ code: 0, signal: null });
  undisturbed = await contents(home.path('runs'), 'main');
  // Every topic has something to lose.
  for (const topic of Object.keys(undisturbed).filter((name) => name !== 'failures')) {
    expect(undisturbed[topic]?.length).toBeGreaterThan(3);
  }
});

afterAll(() => home.remove());

async function fed(place: Workplace): Promise<void> {
  const lines = sumLines(QUESTIONS);
  place.write('questions.jsonl', lines.join(''));
  place.write('topology.yaml', sumsTopology('runs', device));
  expect(await place.swirl(['feed', 'questions.jsonl'])).toMatchObject({ code: 0 });
}

/** The hashes of the newest checkpoint's weights and moments, and the names of all. */
function checkpoints(place: Workplace, run: string): unknown {
  const folder = place.path('runs', run, 'checkpoints');
  const names = readdirSync(folder).sort();
  const newest = names
    .filter((name) => name.startsWith('step-'))
    .sort((a, b) => stepOf(a) - stepOf(b))
    .at(-1);
  const hashes = ['model.safetensors', 'optimizer.safetensors'].map((file) =>
    createHash('sha256')
      .update(readFileSync(place.path('runs', run, 'checkpoints', newest ?? '', file)))
      .digest('hex'),
  );
  return { names, newest, hashes };
}

function stepOf(name: string): number {
  return Number(name.slice('step-'.length));
}

describe('a run with a policy of its own', () => {
  let place: Workplace;

  beforeEach(async () => {
    place = workplace();
    cpSync(home.path('policy'), place.path('policy'), { recursive: true });
    await fed(place);
  });

  afterEach(() => place.remove());

  test('killed at any moment and started again, it ends with the same records and weights', async () => {
    const { kills, last } = await survive(place, ['run', '--until-drained'], {
      run: 'main',
      seed: 11,
      spread: 280,
    });
    expect(last).toMatchObject({ code: 0 });
    // How many there are depends on how far a process gets before the signal does: on a busy machine, far.
    expect(kills).toBeGreaterThan(0);
    expect(await contents(place.path('runs'), 'main')).toEqual(undisturbed);
    expect(checkpoints(place, 'main')).toEqual(checkpoints(home, 'main'));
  });

  test('interrupted once it commits what is in flight, twice it stops at once; it goes on as if nothing had been', async () => {
    const log = await watch(place.path('runs'), 'main');
    const ends: string[] = [];
    for (;;) {
      const before = await log.size();
      const process = place.start(['run', '--until-drained', '--json']);
      let running = true;
      const ended = process.ended.finally(() => {
        running = false;
      });
      if (ends.length < MOST_KILLS) {
        await until('the log to grow', async () => !running || (await log.size()) > before);
        process.child.kill('SIGINT');
        if (ends.length % 2 === 1) {
          await until('an answer to the signal', () => !running || process.said().includes('once more'));
          process.child.kill('SIGINT');
        }
      }
      const { code, signal, stdout } = await ended;
      const { end } = JSON.parse(stdout) as { end: string };
      if (end === 'drained') {
        expect({ code, signal }).toEqual({ code: 0, signal: null });
        break;
      }
      expect({ code, signal }).toEqual({ code: 130, signal: null });
      ends.push(end);
    }
    await log.close();
    expect(ends).toContain('stopped');
    expect(await contents(place.path('runs'), 'main')).toEqual(undisturbed);
    expect(checkpoints(place, 'main')).toEqual(checkpoints(home, 'main'));
  });
});

describe('a run with a policy behind a server, whose answers nobody can foresee', () => {
  test('killed at any moment and started again, it has every record once', async () => {
    const server = await startFaultServer(async ({ body }, index) => {
      await pause((index * 37) % 100);
      if (body.messages.length < 4) return `<math_exp>${index} + 1</math_exp>`;
      return index % 3 === 0 ? 'nothing' : `<answer>${index}</answer>`;
    });
    try {
      const topology = sumsTopology('runs');
      home.write('remote.yaml', {
        ...topology,
        run: 'remote',
        policy: { kind: 'openai', baseUrl: server.url, model: 'scripted' },
        learner: { checkpoint: 'policy', contextTokens: 256, device },
      });
      const feed = ['feed', 'questions.jsonl', '-t', 'remote.yaml'];
      expect(await home.swirl(feed)).toMatchObject({ code: 0 });
      const args = ['run', 'remote.yaml', '--until-drained'];
      const { kills, last } = await survive(home, args, { run: 'remote', seed: 2, spread: 420 });
      expect(last).toMatchObject({ code: 0 });
      expect(kills).toBeGreaterThan(0);
      const counts = await countsOf(home.path('runs'), 'remote', { rollouts: 2 });
      expect(counts).toMatchObject({
        questions: QUESTIONS,
        trajectories: 2 * QUESTIONS,
        problems: [],
        failures: {},
      });
    } finally {
      await server.close();
    }
  });
});

describe('training alone, on scored records that are given', () => {
  test('killed at any moment and started again, it ends with the same updates and weights', async () => {
    const set = setting('stages.train.checkpointEvery=1', 'stages.train.epochs=8');
    const replay = (as: string) => ['replay', '--run', 'main', '--from', 'scored', '--as', as, ...set];
    expect(await home.swirl(replay('whole'))).toMatchObject({ code: 0 });
    const { kills, last } = await survive(home, replay('killed'), { run: 'killed', seed: 5, spread: 28 });
    expect(last).toMatchObject({ code: 0 });
    expect(kills).toBeGreaterThan(0);
    const [whole, killed] = await Promise.all(
      ['whole', 'killed'].map((run) => recordsOf(home.path('runs'), run, 'updates')),
    );
    expect(killed).toEqual(whole);
    expect(whole?.length).toBeGreaterThan(10);
    expect(checkpoints(home, 'killed')).toEqual(checkpoints(home, 'whole'));
    // Without further passes the weights are those of the run that wrote the records.
    expect(await home.swirl(['replay', '--run', 'main', '--from', 'scored', '--as', 'again'])).toMatchObject({
      code: 0,
    });
    expect(checkpoints(home, 'again')).toEqual(checkpoints(home, 'main'));
  });
});
