/**
 * GSM8K, filtered by outcome and evaluated: every answer that is accepted is the gold number, and none that
 * is it is refused. The policy is a server that writes a number it knows in one of many ways, right or wrong,
 * so that what it said is known without reading it; the gold number is read as GSM8K's own code does, by
 * `#### (-?[0-9.,]+)`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import { fileInput } from '../../src/input/input.ts';
import { openRun } from '../../src/open-run.ts';
import { readGsm8k } from '../../src/questions/gsm8k.ts';
import { uniform } from '../../src/random.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import type { Question } from '../../src/topics/records.generated.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { type FaultServer, startFaultServer } from '../models/fault-server.ts';

const published = fileURLToPath(new URL('../../../shared/data/gsm8k/train-1500.jsonl', import.meta.url));
const QUESTIONS = 120;

/** Ways to write a number, and what number that then is; null: none, or not only one. */
const WAYS: readonly (readonly [write: (n: number) => string, said: (n: number) => number | null])[] = [
  [(n) => `${n}`, (n) => n],
  [(n) => `$${n.toLocaleString('en-US')}.00`, (n) => n],
  [(n) => `${n.toLocaleString('en-US')} dollars`, (n) => n],
  [(n) => `**${n}**`, (n) => n],
  [(n) => `\\boxed{${n}}`, (n) => n],
  [(n) => `The answer is ${n}.`, (n) => n],
  [(n) => `So she has ${n} apples.`, (n) => n],
  [(n) => `${2 * n}/2`, (n) => n],
  [(n) => `\\frac{${n}}{1}`, (n) => n],
  [(n) => `${n / 1000} thousand`, (n) => n],
  [(n) => `${n.toExponential()}`, (n) => n],
  [(n) => `3 + ${n - 3} = ${n}`, (n) => n],
  [(n) => [...`${n}`].map((digit) => String.fromCodePoint(0x966 + Number(digit))).join(''), (n) => n],
  [(n) => `${n} and a half`, (n) => n + 0.5],
  [(n) => `-${n}`, (n) => -n],
  [(n) => `−${n}`, (n) => -n],
  [(n) => `${n}.5`, (n) => n + 0.5],
  [(n) => `${n / 10}`, (n) => n / 10],
  [(n) => `${n} million`, (n) => n * 1e6],
  [(n) => `${n}²`, (n) => n * n],
  [(n) => `${n}½`, (n) => n + 0.5],
  [(n) => `1/${n}`, (n) => 1 / n],
  [(n) => `${n}:30`, () => null],
  [(n) => `${n}-${n + 2}`, () => null],
  [(n) => `${n} or ${n + 1}`, () => null],
  [(n) => `version ${n}`, () => null],
  [(n) => `not ${n}`, () => null],
  [(n) => `more than ${n}`, () => null],
  [(n) => `${n}th`, () => null],
];

/** Problems of our own in GSM8K's format, where the published ones are not there. */
function problems(): string {
  return Array.from({ length: QUESTIONS }, (_, i) => {
    const [a, b] = [37 * (i + 3), 1 + ((i * 7919) % 2500)];
    const total = (a + b).toLocaleString('en-US');
    return JSON.stringify({
      question: `Box ${i} holds ${a} pens, and ${b} are put into it. How many are there?`,
      answer: `There are <<${a}+${b}=${a + b}>>${total} pens.\n#### ${total}`,
    });
  }).join('\n');
}

let folder: string;
let server: FaultServer;
let questions: Question[];
/** The gold number of each question's text. */
const golds = new Map<string, number>();
/** What each answer of the policy says, by the case that it names. */
const said = new Map<string, number | null>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-gsm8k-answers-'));
  const file = join(folder, 'gsm8k.jsonl');
  const lines = existsSync(published)
    ? readFileSync(published, 'utf8').split('\n').slice(0, QUESTIONS)
    : problems().split('\n');
  writeFileSync(file, lines.join('\n'));
  for (const line of lines) {
    const { question, answer } = JSON.parse(line) as { question: string; answer: string };
    golds.set(question.trim(), Number(/#### (-?[0-9.,]+)/.exec(answer)?.[1]?.replaceAll(',', '')));
  }
  questions = await arrayOf(readGsm8k(fileInput(file)));
  let drawn = 0;
  const random = () => uniform(7n, drawn++);
  server = await startFaultServer(({ body }) => {
    const text = body.messages.find(({ role }) => role === 'user')?.content ?? '';
    const gold = golds.get(text) as number;
    const number = random() < 0.6 ? gold : gold + 1 + Math.floor(random() * 9);
    const [write, value] = WAYS[Math.floor(random() * WAYS.length)] as (typeof WAYS)[number];
    const name = `case ${said.size}`;
    said.set(name, value(number));
    return `${name}: I know. <answer>${write(number)}</answer>`;
  });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function topologyOf(run: string) {
  return resolveTopology(
    {
      run,
      policy: { kind: 'openai', baseUrl: server.url, model: 'policy' },
      judge: { kind: 'rules' },
      reward: { kind: 'constant' },
      tasks: { math: { maxSteps: 1, examples: [] } },
      stages: {
        start: { rollouts: 4 },
        ...{ rollout: {}, decompose: {}, judge: {}, filter: { mode: 'outcome' }, reward: {} },
      },
    },
    folder,
  );
}

/** Whether an action's answer is the gold number, by what was meant. */
function meant({ text }: { readonly text: string }, question: Question): boolean {
  const name = /^case \d+/.exec(text)?.[0] as string;
  const value = said.get(name);
  if (value === undefined) throw new Error(`nobody said ${text}`);
  const gold = golds.get(question.text) as number;
  return value !== null && Math.abs(value - gold) <= 1e-12 * Math.abs(gold);
}

const never = () => new AbortController().signal;

describe(`GSM8K${existsSync(published) ? '' : ' (in its format: the published problems are not there)'}`, () => {
  test('the outcome filter accepts the right numbers, all of them and no others', async () => {
    const run = await openRun(topologyOf('filtered'));
    try {
      await run.feed('questions', questions);
      const started = await run.start({ untilDrained: true, stop: never(), abort: never() });
      expect(await started.finished).toBe('drained');
      const trajectories = await arrayOf(run.read('trajectories'));
      const accepted = new Set(
        (await arrayOf(run.read('accepted'))).map(({ subTrajectory }) => subTrajectory.trajectory),
      );
      expect(trajectories).toHaveLength(4 * questions.length);
      expect(await arrayOf(run.read('failures'))).toEqual([]);
      const wrong = trajectories.flatMap(({ id, question, steps, answer }) =>
        accepted.has(id) === meant(steps[0]?.action as { text: string }, question)
          ? []
          : [[question.answer, answer]],
      );
      expect(wrong).toEqual([]);
      // Enough of both kinds to tell.
      expect(accepted.size).toBeGreaterThan(trajectories.length / 10);
      expect(accepted.size).toBeLessThan(trajectories.length / 2);
    } finally {
      await run.close();
    }
  });

  test('the accuracy of an evaluation is the share of right numbers', async () => {
    const topology = topologyOf('evaluated');
    const evaluation = await evaluate(topology, {
      run: 'held-out',
      questions,
      rollouts: 2,
      stop: never(),
      abort: never(),
    });
    const start = topology.stages.start && { ...topology.stages.start, rollouts: 2 };
    const run = await openRun({ ...topology, run: 'held-out', stages: { ...topology.stages, start } });
    try {
      const trajectories = await arrayOf(run.read('trajectories'));
      const right = trajectories.filter(({ question, steps }) =>
        meant(steps[0]?.action as { text: string }, question),
      );
      expect(trajectories).toHaveLength(2 * questions.length);
      expect(evaluation.all.accuracy.mean).toBeCloseTo(right.length / trajectories.length, 12);
      const passed = new Set(right.map(({ question }) => question.id));
      expect(evaluation.all.passAt?.at(-1)?.estimate.mean).toBeCloseTo(passed.size / questions.length, 12);
    } finally {
      await run.close();
    }
  });
});
