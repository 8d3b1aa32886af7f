/**
 * HotPotQA with a policy behind a real HTTP server that speaks the OpenAI protocol, and breaks in the ways in
 * which such servers do.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type FaultServer, type Reply, type SeenRequest, startFaultServer } from '../models/fault-server.ts';
import { until } from '../patience.ts';
import { countsOf } from './counts.ts';
import { contents, recordsOf } from './run-records.ts';
import { questionOf, searchesAndAnswers } from './scripted-policy.ts';
import { everyStage } from './sums-topology.ts';
import { type Ended, setting, type Workplace, workplace } from './swirl-process.ts';

const data = fileURLToPath(new URL('../../../shared/data/hotpotqa/train-60.json', import.meta.url));
const because = existsSync(data) ? '' : ` (skipped: ${data} is not there)`;

const QUESTIONS = 5;
const ROLLOUTS = 5;
/** What happens to the first requests with a conversation; then it is answered. */
const FAULTS: readonly Reply[] = [
  { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
  { kind: 'status', status: 500 },
  { kind: 'html' },
  { kind: 'half-json' },
  { kind: 'hang' },
  { kind: 'reset' },
];
const FAULTS_PER_CONVERSATION = 2;

function topology(url: string, run = 'main') {
  return {
    run,
    seed: 3,
    policy: { kind: 'openai', baseUrl: url, model: 'scripted', timeoutMs: 10_000, concurrency: 8 },
    learner: { checkpoint: 'policy', contextTokens: 1024, device: 'reference' },
    judge: { kind: 'rules' },
    reward: { kind: 'rules' },
    tasks: { search: { tools: ['search'], maxSteps: 4, examples: [] } },
    tools: { search: { kind: 'search', corpus: 'corpus.jsonl', maxChars: 250 } },
    stages: everyStage({
      start: { rollouts: ROLLOUTS },
      rollout: { retry: { attempts: 6, backoffMs: 10, maxBackoffMs: 200 } },
      filter: { mode: 'process', unknown: 'accept' },
      trajectories: 5,
      maxRowTokens: 1024,
    }),
  };
}

(because === '' ? describe : describe.skip)(`HotPotQA${because}`, () => {
  let place: Workplace;
  let server: FaultServer;
  let ended: Ended;
  /** The texts of three questions: requests are refused, always fail, or get an answer without a search. */
  let [refused, broken, guessed]: string[] = [];

  beforeAll(async () => {
    place = workplace();
    const faults = new Map<string, number>();
    const script = (request: SeenRequest, index: number): Reply => {
      if (questionOf(request) === refused) return { kind: 'status', status: 400 };
      if (questionOf(request) === broken) return { kind: 'status', status: 503 };
      if (questionOf(request) === guessed) return 'I guess. <answer>yes</answer>';
      const conversation = JSON.stringify(request.body.messages);
      const before = faults.get(conversation) ?? 0;
      faults.set(conversation, before + 1);
      const fault = before < FAULTS_PER_CONVERSATION ? FAULTS[index % FAULTS.length] : undefined;
      return fault ?? searchesAndAnswers(request);
    };
    server = await startFaultServer(script);
    const shape = ['--vocabulary', '512', '--hidden', '16', '--layers', '1', '--positions', '1024'];
    expect(await place.swirl(['new-policy', 'policy', '--texts', data, ...shape])).toMatchObject({ code: 0 });
    place.write('topology.yaml', topology(server.url));
    const fed = await place.swirl([
      'feed',
      data,
      '--dataset',
      'hotpotqa',
      '--limit',
      `${QUESTIONS}`,
      '--corpus',
      'corpus.jsonl',
    ]);
    expect(fed).toMatchObject({ code: 0 });
    const questions = await recordsOf(place.path('runs'), 'main', 'questions');
    [refused, broken, guessed] = [1, 4, 2].map((i) => questions[i]?.text ?? '');
    ended = await place.swirl(['run', '--until-drained', '--json']);
  });

  afterAll(async () => {
    await place.remove();
    await server.close();
  });

  test('what passes is retried, what does not is a failure, and everything is accounted for', async () => {
    expect(ended).toMatchObject({ code: 3, signal: null });
    const counts = await countsOf(place.path('runs'), 'main', { rollouts: ROLLOUTS });
    expect(counts.problems).toEqual([]);
    expect(counts).toMatchObject({ questions: QUESTIONS, failures: { rollout: 2 * ROLLOUTS } });
    expect(counts.trajectories).toBe((QUESTIONS - 2) * ROLLOUTS);
    expect(counts.updates).toBeGreaterThan(0);
    // The guesses are left out.
    expect(counts.accepted).toBe(counts.subTrajectories - ROLLOUTS);

    const failures = await recordsOf(place.path('runs'), 'main', 'failures');
    const told = failures.map(({ error, retryable, attempts, message }) => ({
      ...{ error, retryable, attempts },
      status: /status (\d+)/.exec(message)?.[1],
    }));
    const once = { error: 'ModelError', retryable: false, attempts: 1, status: '400' };
    const often = { error: 'ModelError', retryable: true, attempts: 6, status: '503' };
    expect(told.filter(({ status }) => status === '400')).toEqual(Array(ROLLOUTS).fill(once));
    expect(told.filter(({ status }) => status === '503')).toEqual(Array(ROLLOUTS).fill(often));
    expect(server.mostAtOnce).toBeLessThanOrEqual(8);
  });

  test('the answers follow from what the search showed', async () => {
    const trajectories = await recordsOf(place.path('runs'), 'main', 'trajectories');
    const found = trajectories.filter(({ question }) => question.text !== guessed);
    expect(found).toHaveLength((QUESTIONS - 3) * ROLLOUTS);
    for (const { steps, end, answer } of found) {
      expect(end).toBe('ANSWERED');
      expect(steps.map(({ action }) => action.kind)).toEqual(['TOOL_CALL', 'TOOL_CALL', 'ANSWER']);
      expect(steps[0]?.observation).toMatchObject({ tool: 'search', status: 'OK' });
      expect(steps[1]?.observation?.text.startsWith(answer ?? '?')).toBe(true);
    }
  });

  test('a replay from sub-trajectories with another filter calls no tool and no policy', async () => {
    const asked = server.requests.length;
    // A search would now find something else, or nothing.
    place.write('corpus.jsonl', '{"title": "Nothing", "text": "Nothing of use."}\n');
    const args = ['replay', '--run', 'main', '--from', 'sub-trajectories', '--as', 'none', '--json'];
    const set = setting('stages.filter.mode=none', 'reward={kind: constant, value: 1}');
    const replayed = await place.swirl([...args, ...set]);
    expect(replayed).toMatchObject({ code: 0 });
    expect(server.requests).toHaveLength(asked);
    expect(Object.keys((JSON.parse(replayed.stdout) as { stages: object }).stages)).toEqual([
      ...['judge', 'filter', 'reward', 'train'],
    ]);
    const [old, now] = [
      await contents(place.path('runs'), 'main'),
      await contents(place.path('runs'), 'none'),
    ];
    expect(now.judged).toEqual(old.judged);
    expect(now.accepted).toHaveLength(old['sub-trajectories']?.length ?? 0);
    expect(now.accepted?.length).toBe((old.accepted?.length ?? 0) + ROLLOUTS);
    for (const topic of ['questions', 'turns', 'tool-calls', 'trajectories', 'sub-trajectories'])
      expect(now[topic]).toEqual([]);
  });
});

describe('an endpoint', () => {
  let place: Workplace;
  let server: FaultServer;

  beforeAll(async () => {
    place = workplace();
    server = await startFaultServer(() => ({ kind: 'hang' }));
    place.write('corpus.jsonl', '{"title": "Ada", "text": "Ada wrote programs."}\n');
    place.write(
      'questions.jsonl',
      '{"id": "a", "text": "Who was Ada?", "task": "search"}\n{"id": "b", "text": "And who was not?", "task": "search"}\n',
    );
    const shape = ['--vocabulary', '300', '--hidden', '16', '--layers', '1', '--positions', '128'];
    await place.swirl(['new-policy', 'policy', '--texts', 'corpus.jsonl', ...shape]);
  });

  afterAll(async () => {
    await place.remove();
    await server.close();
  });

  test('that does not answer: one signal waits for it, a second one stops at once, and nothing is lost', async () => {
    const slow = topology(server.url, 'hanging');
    place.write('hanging.yaml', { ...slow, policy: { ...slow.policy, timeoutMs: 100_000 } });
    expect(await place.swirl(['feed', 'questions.jsonl', '-t', 'hanging.yaml'])).toMatchObject({ code: 0 });
    const running = place.start(['run', 'hanging.yaml', '--until-drained']);
    await until('a request', () => server.requests.length > 0);
    running.child.kill('SIGINT');
    await until('an answer to the signal', () => running.said().includes('once more'));
    expect(running.child.exitCode).toBeNull();
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130 });
    expect(await recordsOf(place.path('runs'), 'hanging', 'turns')).toHaveLength(2 * ROLLOUTS);
    expect(await recordsOf(place.path('runs'), 'hanging', 'failures')).toEqual([]);
  });

  test('that is down: the run stops with that, and spends no question', async () => {
    await server.close();
    const down = topology(server.url, 'down');
    const retry = { attempts: 3, backoffMs: 5 };
    place.write('down.yaml', { ...down, stages: { ...down.stages, rollout: { retry } } });
    expect(await place.swirl(['feed', 'questions.jsonl', '-t', 'down.yaml'])).toMatchObject({ code: 0 });
    const ended = await place.swirl(['run', 'down.yaml', '--until-drained']);
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.stderr).toContain(`swirl: ${server.url}/chat/completions: expected a response`);
    expect(ended.stderr).toContain('ECONNREFUSED');
    expect(await recordsOf(place.path('runs'), 'down', 'failures')).toEqual([]);
  });
});
