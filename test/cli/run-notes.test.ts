/** What the summary of a run advises: only what does something. */
import { expect, test } from '@jest/globals';
import { withCommands } from '../../src/cli/of-run.ts';
import { notesOn } from '../../src/cli/run-notes.ts';
import { progressForgotten, topicRemade } from '../../src/topics/lost-records.ts';
import { resolveTopology } from '../../src/topology/load.ts';

const base = {
  policy: { kind: 'openai', baseUrl: 'http://127.0.0.1:1', model: 'p' },
  judge: { kind: 'openai', baseUrl: 'http://127.0.0.1:1', model: 'j' },
  reward: { kind: 'constant', value: 1 },
  tasks: { math: {} },
  learner: { checkpoint: 'policy' },
};

/** The notes where these stages had failures. */
function notes(failed: Readonly<Record<string, string>>, settings: object = {}) {
  const topology = resolveTopology({ ...base, folder: 'my runs', ...settings }, '.');
  const progress = Object.entries(failed).map(([stage, reads]) => ({
    ...{ stage, reads, done: 2, backlog: 0, inFlight: 0 },
    written: { failures: 1 },
  }));
  return notesOn(topology, 'drained', progress).join('\n');
}

test('what a stage before training failed at is fed again', () => {
  const said = notes({ rollout: 'turns' });
  expect(said).toMatch(/^1 record failed; look at them with: .* tap failures -t 'my runs\/main'$/m);
  expect(said).toMatch(/feed them again with: .* retry -t 'my runs\/main'$/m);
  expect(said).not.toContain('replay');
});

test('what training refused is not, as `retry` leaves it: it is replayed', () => {
  const said = notes({ train: 'scored' });
  expect(said).not.toMatch(/ retry /);
  expect(said).toMatch(/replay --run main --folder 'my runs' --from scored --set SETTING=VALUE$/m);
  expect(notes({ train: 'scored', judge: 'sub-trajectories' })).toMatch(/ retry .*[\s\S]* replay /);
});

test('nor what was read from another run, nor steps that were accepted without a verdict', () => {
  const source = { run: 'old', topic: 'sub-trajectories' };
  const replayed = notes(
    { judge: 'sub-trajectories' },
    { source, stages: { judge: {}, filter: {}, reward: {}, train: {} } },
  );
  expect(replayed).not.toMatch(/ retry /);
  expect(replayed).toMatch(/replay --run old --folder 'my runs' --from sub-trajectories/);
  const stages = {
    start: {},
    rollout: {},
    tools: {},
    decompose: {},
    judge: {},
    filter: { mode: 'none' },
    reward: {},
  };
  const accepted = notes({ judge: 'sub-trajectories' }, { stages });
  expect(accepted).not.toMatch(/ retry /);
  expect(accepted).toMatch(/replay --run main --folder 'my runs' --only UNKNOWN$/m);
});

test('what stopped a run says the commands that go on as they are typed for that run', () => {
  const run = { run: 'old', folder: 'my runs' };
  const forgotten = withCommands(progressForgotten({ stage: 'judge', topic: 't' }, 'judged'), run) as Error;
  expect(forgotten.message).toMatch(/: \S.* reset --stage judge --to latest -t 'my runs\/old'; where it/);
  expect(forgotten.message).toMatch(/ reset --stage judge --to earliest --into NEW -t 'my runs\/old'$/);
  const remade = withCommands(topicRemade({ stage: 'judge', topic: 't' }), run) as Error;
  expect(remade.message).toMatch(/ replay --run old --folder 'my runs' --from TOPIC$/);
  const other = new Error('none of these');
  expect(withCommands(other, run)).toBe(other);
});
