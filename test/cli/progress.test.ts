/**
 * Bars on a terminal: what stands on its screen after all that is written, by a small terminal that is told
 * only that.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { showAnswered, showProgress } from '../../src/cli/progress.ts';
import { RunStatus, trainingPlan } from '../../src/cli/run-status.ts';
import { sparkline } from '../../src/cli/sparkline.ts';
import { EndpointError } from '../../src/errors.ts';
import type { TrainingProgress } from '../../src/runtime/observer.ts';
import type { StageProgress } from '../../src/runtime/run.ts';
import type { Update } from '../../src/topics/records.generated.ts';

// Whatever the kind of terminal that the tests run on.
process.env.TERM = 'xterm';

/** Understands what bars use: line ends, return, up, erasing of a line and of what follows. */
function terminal(columns: number) {
  const lines: string[] = [''];
  let [row, column] = [0, 0];
  const put = (text: string) => {
    for (const character of text) {
      // A line that is full goes on in the next.
      if (column === columns) [row, column] = [row + 1, 0];
      lines[row] =
        (lines[row] ?? '').padEnd(column).slice(0, column) + character + (lines[row] ?? '').slice(column + 1);
      column++;
    }
  };
  const write = (text: string): boolean => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals are told with
    for (const [part] of text.matchAll(/\u001b\[\d*[A-Za-z]|\n|\r|[^\u001b\n\r]+/g)) {
      const up = /\[(\d+)A$/.exec(part);
      if (part === '\n') [row, column] = [row + 1, 0];
      else if (part === '\r') column = 0;
      else if (up) row -= Number(up[1]);
      else if (part.endsWith('2K')) lines[row] = '';
      else if (part.endsWith('J')) lines.splice(row, lines.length, (lines[row] ?? '').slice(0, column));
      else if (part.startsWith('\u001b')) continue;
      else put(part);
    }
    return true;
  };
  const stream = { isTTY: true, columns, write } as unknown as NodeJS.WriteStream;
  return {
    stream,
    write,
    screen: () =>
      lines
        .map((line) => line.trimEnd())
        .join('\n')
        .trimEnd(),
  };
}

const stage = (changes: Partial<StageProgress>): StageProgress => ({
  ...{ stage: 'judge', reads: 'sub-trajectories', done: 5, backlog: 5, inFlight: 2, written: {} },
  ...changes,
});

/** Longer than any test: only `stop` draws, and what is called by hand. */
const intervalMs = 1e8;

test('bars stay in place, and what is said stands above them, after a Control-C too', async () => {
  const { stream, write, screen } = terminal(60);
  let done = 1;
  const progress = async () => [stage({ done, backlog: 10 - done, inFlight: 0 }), stage({ stage: 'train' })];
  const first = showProgress({ progress, stream, intervalMs });
  await first.stop();
  done = 10;
  const shown = showProgress({ progress, stream, intervalMs: 5 });
  while (!screen().includes('10/10')) await new Promise((resolve) => setTimeout(resolve, 5));
  write('^C');
  shown.say('stopping');
  await shown.stop();
  shown.say('the end');
  const lines = screen().split('\n');
  // The last state of the first bars, then what was said, then the last state of the second.
  expect(lines.map((line) => line.replace(/[█░]+/, '=').slice(0, 24))).toEqual([
    ...['judge      = 1/10 sub-tr', 'train      = 5/10 sub-tr'],
    'stopping',
    ...['judge      = 10/10 sub-t', 'train      = 5/10 sub-tr'],
    'the end',
  ]);
});

test.each([60, 80, 200])(
  'a bar is one line of %d columns, whatever its names and numbers',
  async (columns) => {
    const { stream, screen } = terminal(columns);
    const stages = [
      stage({ stage: 'drop-those-too-like-one-another', reads: 'trajectories-that-are-distinct', done: 1e9 }),
      stage({ written: { failures: 123456 }, inFlight: 64 }),
      stage({ done: 0, backlog: 0, inFlight: 0 }),
    ];
    await showProgress({ progress: async () => stages, stream, intervalMs }).stop();
    const lines = screen().split('\n');
    expect(lines.length).toBe(stages.length);
    for (const line of lines) expect(line.length).toBeLessThan(columns);
    expect(lines[1]).toContain('123456 failed');
  },
);

test('where the screen has fewer lines than there are bars, the last ones are shown, and written over', async () => {
  const { stream, screen } = terminal(80);
  stream.rows = 3;
  const stages = ['start', 'rollout', 'judge', 'train'].map((name) => stage({ stage: name }));
  const shown = showProgress({ progress: async () => stages, stream, intervalMs });
  shown.say('told');
  await shown.stop();
  const lines = screen().split('\n');
  expect(lines.filter((line) => /^(judge|train) /.test(line))).toHaveLength(2);
  expect(screen()).not.toMatch(/^(start|rollout)/m);
});

test('an evaluation shows how many are answered, and how many failed', async () => {
  const { stream, screen } = terminal(80);
  await showAnswered(async () => ({ wanted: 40, of: 'questions', answered: 10, failed: 2 }), stream).stop();
  expect(screen()).toMatch(/^answered {3}█{4}░{12} 10\/40 questions 2 failed$/);
});

const update = (step: number, meanReward: number): Update => ({
  ...{ id: `update/${step}`, step, epoch: 0, partition: 0, fromOffset: 0, toOffset: 8, trajectories: 4 },
  ...{ subTrajectories: 8, dropped: 0, actionTokens: 80, rowTokens: 800, meanReward, loss: 0.1, kl: 0 },
  ...{ meanLogprob: -0.25, meanRatio: 1, clippedShare: 0, gradNorm: 2, learningRate: 1e-3 },
  ...{ weightsHash: '', by: null },
});

const training = (changes: Partial<TrainingProgress>): TrainingProgress => ({
  ...{ step: 0, epoch: 1, epochs: 3, taken: 0, records: null, uncommitted: 0 },
  since: { records: 0, updates: 0, ms: 0 },
  ...changes,
});

test.each([1, 7, 8, 500])(
  'training of %d records in batches of 8 is done when its plan says so',
  (records) => {
    const epochs = 3;
    const perPass = Math.ceil(records / 8);
    let [step, since] = [0, { records: 0, updates: 0, ms: 0 }];
    const shares: number[] = [];
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for (let taken = 0; taken < records; ) {
        const batch = Math.min(8, records - taken);
        taken += batch;
        step++;
        since = { records: since.records + batch, updates: since.updates + 1, ms: 1000 * step };
        const known = epoch > 1 ? records : null;
        const uncommitted = epoch > 1 ? 0 : taken % 40;
        const backlog = epoch > 1 ? 0 : records - taken + uncommitted;
        const stages = [stage({ stage: 'reward', backlog: 0 }), stage({ stage: 'train', backlog })];
        const plan = trainingPlan(
          training({ step, epoch, taken, records: known, uncommitted, since }),
          stages,
        );
        // As long as every batch was full it is exact, and at the end whatever the last ones were.
        if (taken % 8 === 0 && epoch === 1) expect(plan?.updates).toBe(epochs * perPass);
        expect(Math.abs((plan?.updates ?? 0) - epochs * perPass)).toBeLessThanOrEqual(epochs);
        shares.push(plan?.share ?? Number.NaN);
      }
    }
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.filter((share) => share === 1).length).toBe(1);
  },
);

test('while records may still come nobody knows how many updates there will be', () => {
  const since = { records: 8, updates: 1, ms: 10 };
  const stages = [stage({ stage: 'judge', backlog: 1 }), stage({ stage: 'train', backlog: 3 })];
  expect(trainingPlan(training({ step: 1, taken: 8, since }), stages)).toBeNull();
});

const hostile = fc.string({ unit: 'binary', minLength: 0, maxLength: 40 });
const amount = fc.integer({ min: 0, max: 1e9 });
const anyStage = fc.record({
  ...{
    stage: hostile,
    reads: hostile,
    done: amount,
    backlog: amount,
    inFlight: fc.integer({ min: 0, max: 999 }),
  },
  written: fc.record({ failures: amount }),
});

test('whatever is shown, no line is as wide as the screen and nothing of it moves the cursor', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStage, { minLength: 1, maxLength: 8 }),
      fc.array(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 60, max: 200 }),
      async (stages, rewards, columns) => {
        const { stream, screen } = terminal(columns);
        const status = new RunStatus();
        for (const [i, reward] of rewards.entries()) status.onUpdate(update(i + 1, reward));
        status.onTraining(training({ step: 5, since: { records: 8, updates: 5, ms: 1e7 } }));
        let time = 0;
        const options = { stream, status, intervalMs, now: () => (time += 1000) };
        await showProgress({ ...options, progress: async () => stages }).stop();
        const lines = screen().split('\n');
        expect(lines.length).toBe(stages.length + (rewards.length > 1 ? 2 : 1));
        for (const line of lines) {
          expect(line.length).toBeLessThan(columns);
          expect(line).not.toMatch(/\p{Cc}/u);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('bars that become fewer leave nothing behind', async () => {
  const { stream, screen } = terminal(80);
  let stages = [stage({}), stage({ stage: 'filter' }), stage({ stage: 'train' })];
  const shown = showProgress({ progress: async () => stages, stream, intervalMs: 5 });
  while (!screen().includes('train')) await new Promise((resolve) => setTimeout(resolve, 5));
  stages = [stage({})];
  await shown.stop();
  expect(screen().split('\n').length).toBe(1);
});

test('without a terminal lines are few, and the last state is one of them', async () => {
  const written: string[] = [];
  const write = (text: string) => written.push(text) > 0;
  const stream = { isTTY: false, write } as unknown as NodeJS.WriteStream;
  let [time, done] = [0, 0];
  // An hour of looks, one each second of it; every one finds something new.
  const progress = async () => {
    [time, done] = [time + 1000, done + 1];
    return [stage({ done, backlog: 3600 - done })];
  };
  const shown = showProgress({ progress, stream, intervalMs: 0, now: () => time });
  while (done < 3600) await new Promise((resolve) => setTimeout(resolve, 5));
  await shown.stop();
  expect(written.length).toBeLessThan(90);
  expect(written.length).toBeGreaterThan(20);
  for (const line of written) expect(line).toMatch(/^\d\d:\d\d:\d\d judge \d+\/3600\n$/);
  expect(written.at(-1)).toContain(`judge ${done}/3600`);
});

test('the first try that failed of each cause is told, and all are counted', () => {
  const told: string[] = [];
  const status = new RunStatus(({ error }) => told.push(error.message));
  const fail = (message: string) =>
    status.onRetry({
      ...{ stage: 'judge', attempt: 1, attempts: 4, waitMs: 500 },
      error: new EndpointError(message),
    });
  for (let i = 0; i < 50; i++) fail(`no answer within ${i} s to "question ${i}"`);
  fail('refused');
  expect(told).toEqual(['no answer within 0 s to "question 0"', 'refused']);
  expect(status.retries.get('judge')).toBe(51);
});

test('a curve has the height of its numbers', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([0, 0, 7, 7], 2)).toBe('▁█');
  expect(sparkline([2, 2], 8)).toBe('▄▄');
});
