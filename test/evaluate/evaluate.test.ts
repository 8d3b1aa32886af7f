/** Evaluation on the real flow, with policy and judge behind a real HTTP server. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.ts';
import { type EvaluateOptions, evaluate } from '../../src/evaluate/evaluate.ts';
import { notesOf, reportMarkdown, reportObject, writeReport } from '../../src/evaluate/report.ts';
import { openRun } from '../../src/open-run.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { type FaultServer, type Reply, type SeenRequest, startFaultServer } from '../models/fault-server.ts';
import { question } from '../records.ts';

let folder: string;
let server: FaultServer;
/** What the policy does with a question, by the number of its request. */
let act: (prompt: string, messages: number, index: number) => Reply;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-evaluate-'));
  server = await startFaultServer(reply);
  act = policy;
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * The policy computes and answers, except that it answers q2 with a wrong number and q3 in words that are no
 * number; q4 is never answered, and q5 is refused.
 */
function policy(prompt: string, messages: number): Reply {
  if (prompt.includes('q5')) return { kind: 'status', status: 400 };
  if (prompt.includes('q4')) return 'Let me think about it.';
  if (messages < 3) return 'I add. <math_exp>2+3</math_exp>';
  if (prompt.includes('q2')) return '<answer>6</answer>';
  return prompt.includes('q3') ? '<answer>half a dozen clips less one</answer>' : '<answer>5</answer>';
}

function reply({ body }: SeenRequest, index: number): Reply {
  const prompt = body.messages.map(({ content }) => content).join('\n');
  if (body.model !== 'judge') return act(prompt, body.messages.length, index);
  if (prompt.includes('CORRECT: YES'))
    return `It is compared.\nCORRECT: ${/\n6\n/.test(prompt) ? 'NO' : 'YES'}`;
  return 'Fine.\nVERDICT: GOOD';
}

function topologyOf(over: Record<string, unknown> = {}): Topology {
  const endpoint = { kind: 'openai', baseUrl: server.url };
  return resolveTopology(
    {
      policy: { ...endpoint, model: 'policy', concurrency: 2 },
      judge: { kind: 'rules' },
      tasks: { math: { tools: ['calculator'], maxSteps: 3, examples: [] } },
      tools: { calculator: { kind: 'calculator' } },
      stages: { start: {}, rollout: { window: 4 }, tools: {}, decompose: {}, judge: {} },
      ...over,
    },
    folder,
  );
}

const questionsOf = (...numbers: number[]) =>
  numbers.map((i) => question({ id: `q${i}`, text: `q${i}: how many clips?`, answer: '5.00' }));
const run = (topology: Topology, options: Partial<EvaluateOptions> & Pick<EvaluateOptions, 'questions'>) =>
  evaluate(topology, { run: 'held-out', stop: never(), abort: never(), ...options });
const never = () => new AbortController().signal;

test('accuracy, judged correctness and good steps; the gold answer reaches nobody but the grader', async () => {
  const judge = { kind: 'openai', baseUrl: server.url, model: 'judge' };
  const { all, tasks, failures, finished } = await run(topologyOf({ judge }), {
    questions: questionsOf(1, 2, 3, 4),
  });
  expect({ failures, finished, tasks: [...tasks.keys()] }).toEqual({
    failures: 0,
    finished: true,
    tasks: ['math'],
  });
  // q1 matches, q3 says the same in words, q2 is wrong and q4 has no answer.
  expect(all.accuracy).toMatchObject({ mean: 0.25, count: 4 });
  expect(all.judged).toMatchObject({ mean: 0.5, count: 4 });
  expect(all.goodSteps).toMatchObject({ mean: 1, count: 4 });
  expect(all.steps.mean).toBe((2 + 2 + 2 + 3) / 4);
  expect([all.passAt, all.majority]).toEqual([null, null]);
  const shown = server.requests.filter(({ body }) => JSON.stringify(body).includes('5.00'));
  expect(shown).toHaveLength(3);
  expect(shown.every(({ body }) => JSON.stringify(body).includes('CORRECT: YES'))).toBe(true);
});

test('a question whose rollout failed counts as wrong, and is told', async () => {
  const evaluation = await run(topologyOf(), { questions: questionsOf(1, 5) });
  const { all, failures, finished } = evaluation;
  expect({ finished, failures }).toEqual({ finished: true, failures: 1 });
  expect(all).toMatchObject({ questions: 2, rollouts: 2, failed: 1 });
  expect(all.accuracy).toMatchObject({ mean: 0.5, count: 2 });
  // To SQuAD's script 5 is not 5.00.
  expect(all.f1).toMatchObject({ mean: 0, count: 2 });
  expect(all.steps.mean).toBe(2);
  expect(notesOf(evaluation)).toContain('1 of 2 rollouts failed and count as wrong.');
});

describe('an evaluation of that name', () => {
  test('is gone on with where it is the same, and asks nothing again', async () => {
    const asked: string[] = [];
    const stop = new AbortController();
    act = (prompt, messages) => {
      const id = /q\d+/.exec(prompt)?.[0] as string;
      asked.push(`${id}/${messages}`);
      if (asked.length === 6) stop.abort();
      return policy(prompt.replace(id, 'q1'), messages);
    };
    const questions = questionsOf(...Array.from({ length: 12 }, (_, i) => 10 + i));
    const first = await run(topologyOf(), { questions, stop: stop.signal });
    expect(first.finished).toBe(false);
    expect(first.all.rollouts).toBeLessThan(12);
    expect(first.all.failed).toBe(0);
    const notes: string[] = [];
    const pace = { kind: 'openai', baseUrl: server.url, model: 'policy', concurrency: 3, timeoutMs: 9000 };
    const second = await run(topologyOf({ policy: pace }), { questions, notify: (note) => notes.push(note) });
    expect(second.finished).toBe(true);
    expect(second.all).toMatchObject({ questions: 12, rollouts: 12, failed: 0 });
    expect(second.all.accuracy.mean).toBe(1);
    expect(notes.join('\n')).toContain('Going on with the evaluation held-out: 12 of 12 questions are fed');
    // What was under way when it stopped may be asked twice, at most a window of it.
    expect(new Set(asked).size).toBe(24);
    expect(asked.length).toBeLessThanOrEqual(24 + 4);
    const third = await run(topologyOf(), { questions });
    expect(third.all).toEqual(second.all);
    expect(asked.length).toBeLessThanOrEqual(24 + 4);
  });

  test('is refused where it is another, and what differs is said', async () => {
    await run(topologyOf(), { questions: questionsOf(1, 2) });
    const refused = async (topology: Topology, options: Partial<EvaluateOptions>) => {
      const again = run(topology, { questions: questionsOf(1, 2), ...options });
      await expect(again).rejects.toThrow(ConfigError);
      return again.catch(({ message }: Error) => message);
    };
    expect(await refused(topologyOf(), { temperature: 0 })).toMatch(/policy\.temperature was 1 and is 0/);
    expect(await refused(topologyOf(), { questions: questionsOf(1, 3) })).toMatch(/the questions are others/);
    expect(await refused(topologyOf(), { withoutTools: true })).toMatch(
      /tasks\.math\.(?:instructions|tools) was/,
    );
    expect(await refused(topologyOf(), { rollouts: 2 })).toMatch(/rollouts was 1 and is 2/);
    expect(await refused(topologyOf({ seed: 9 }), {})).toMatch(/seed was 0 and is 9/);
  });

  test('is refused where it is no evaluation', async () => {
    const main = await openRun(topologyOf({ run: 'main' }));
    await main.close();
    await expect(run(topologyOf(), { run: 'main', questions: questionsOf(1) })).rejects.toThrow(
      /main is there and is no evaluation/,
    );
  });

  test('two questions of one id are refused', async () => {
    await expect(run(topologyOf(), { questions: questionsOf(1, 1) })).rejects.toThrow(
      /two questions have the id "q1"/,
    );
  });
});

describe('without tools', () => {
  const told = () =>
    server.requests.map(({ body }) => body.messages.find(({ role }) => role === 'system')?.content ?? '');

  test("Swirl's own instructions do not speak of them", async () => {
    act = () => '<answer>5</answer>';
    await run(topologyOf(), { questions: questionsOf(1), withoutTools: true });
    expect(told()).toHaveLength(1);
    expect(told()[0]).toMatch(/<answer>/);
    expect(told()[0]).not.toMatch(/math_exp|calculat/i);
  });

  test('nor do the examples', async () => {
    act = () => '<answer>5</answer>';
    const own = [{ user: 'One and one?', assistant: '<math_exp>1+1</math_exp>' }];
    for (const examples of [null, own]) {
      const tasks = { math: { tools: ['calculator'], examples } };
      const settings = { run: `held-${examples?.length}`, questions: questionsOf(1), withoutTools: true };
      await run(topologyOf({ tasks, cache: { enabled: false } }), settings);
    }
    expect(server.requests).toHaveLength(2);
    for (const { body } of server.requests) {
      expect(JSON.stringify(body.messages)).not.toMatch(/math_exp|calculat/i);
      expect(body.messages.filter(({ role }) => role === 'assistant')).toHaveLength(3);
    }
  });

  test("instructions of one's own are replaced, which is said; none stay none", async () => {
    act = () => '<answer>5</answer>';
    const notes: string[] = [];
    const instructions = 'Use <math_exp> and then <answer>.';
    const tasks = { math: { tools: ['calculator'], instructions }, open: { instructions: '' } };
    const questions = [...questionsOf(1), question({ id: 'q2', task: 'open' })];
    await run(topologyOf({ tasks }), { questions, withoutTools: true, notify: (note) => notes.push(note) });
    expect(told().sort()[0]).toBe('');
    expect(told().join()).not.toContain('math_exp');
    expect(notes.join('\n')).toContain('tasks.math.instructions may speak of its tools');
  });
});

test('several rollouts: mean, pass@k without bias, and the majority', async () => {
  // Of four rollouts of each question, so many are right, and the others differ or agree.
  const answers: Record<string, string[]> = {
    q1: ['5', '5.0', '6', '7'],
    q2: ['6', '6', '5', '8'],
    q3: ['5', '5', '5', '5'],
    q4: ['none', 'none', 'none', 'none'],
  };
  const given = new Map<string, number>();
  act = (prompt) => {
    const id = /q\d/.exec(prompt)?.[0] as string;
    const at = given.get(id) ?? 0;
    given.set(id, at + 1);
    return `<answer>${answers[id]?.[at]}</answer>`;
  };
  const evaluation = await run(topologyOf(), { questions: questionsOf(1, 2, 3, 4), rollouts: 4 });
  const { all } = evaluation;
  expect(all).toMatchObject({ questions: 4, rollouts: 16, failed: 0 });
  expect(all.accuracy.mean).toBeCloseTo((2 / 4 + 1 / 4 + 1 + 0) / 4, 12);
  expect(all.passAt?.map(({ k }) => k)).toEqual([1, 2, 4]);
  // Of 6 pairs of rollouts 5 have one of the two right ones, 3 the single one.
  expect(all.passAt?.map(({ estimate }) => estimate.mean)).toEqual(
    [(2 / 4 + 1 / 4 + 1) / 4, (5 / 6 + 3 / 6 + 1) / 4, 3 / 4].map((value) => expect.closeTo(value, 12)),
  );
  expect(all.majority?.mean).toBe(2 / 4);
  expect(reportMarkdown(evaluation)).toMatch(/pass@2 \| 0\.583/);
});

test('two policies on the same questions, with a paired interval, and results by level and type', async () => {
  const meta = (i: number) => ({ level: i < 3 ? 'easy' : 'hard', type: 'bridge', note: `${i}` });
  const questions = questionsOf(1, 2, 3, 4).map((each, i) => ({ ...each, meta: meta(i + 1) }));
  act = (prompt) => (/q[12]/.test(prompt) ? '<answer>5</answer>' : '<answer>6</answer>');
  await run(topologyOf(), { run: 'weak', questions });
  act = (prompt) => (/q[124]/.test(prompt) ? '<answer>5</answer>' : '<answer>6</answer>');
  const policy = { kind: 'openai', baseUrl: server.url, model: 'other' };
  const evaluation = await run(topologyOf({ policy }), {
    questions: [...questions, ...questionsOf(7)],
    against: 'weak',
  });
  const { against, groups } = evaluation;
  expect(against).toMatchObject({ run: 'weak', questions: 4, onlyHere: 1, onlyThere: 0 });
  expect(against?.measures.accuracy).toMatchObject({ here: 0.75, there: 0.5 });
  const difference = against?.measures.accuracy?.difference;
  expect(difference?.mean).toBeCloseTo(0.25, 12);
  expect(difference?.low).toBeGreaterThan(-1);
  expect(difference?.high).toBeLessThan(1);
  // `type` is the same for all, `note` was not asked for.
  expect([...groups.keys()]).toEqual(['level']);
  const level = groups.get('level');
  expect([...(level ?? [])].map(([name, { accuracy }]) => [name, accuracy.mean])).toEqual([
    ['easy', 1],
    ['hard', 0.5],
  ]);
  await expect(run(topologyOf({ policy }), { run: 'x', questions, against: 'nobody' })).rejects.toThrow(
    /--against nobody: there is no such run/,
  );

  const place = join(folder, 'runs', 'held-out');
  writeReport(evaluation, place);
  const written = JSON.parse(readFileSync(join(place, 'report.json'), 'utf8'));
  expect(written).toEqual(JSON.parse(JSON.stringify(reportObject(evaluation))));
  expect(written.groups.level.hard.accuracy.mean).toBe(0.5);
  const markdown = readFileSync(join(place, 'report.md'), 'utf8');
  expect(markdown).toContain('| level hard | 2 | accuracy | 0.500 |');
  expect(markdown).toMatch(/\| accuracy \| 0\.500 \| 0\.750 \| \+0\.250 \| -0\.\d+ to \+0\.\d+ \|/);
});

test('what data says of itself ends no cell of the report', async () => {
  act = () => '<answer>5</answer>';
  const questions = questionsOf(1, 2).map((each, i) => ({
    ...each,
    meta: { level: i === 0 ? 'a | b\n# c' : '<img>' },
  }));
  const markdown = reportMarkdown(await run(topologyOf(), { questions }));
  expect(markdown).toContain('| level a \\| b # c | 1 |');
  expect(markdown).toContain('| level \\<img\\> | 1 |');
});
