/** Evaluation on the real flow, with policy and judge behind a real HTTP server. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { type FaultServer, type Reply, type SeenRequest, startFaultServer } from '../models/fault-server.ts';
import { question } from '../records.ts';

let folder: string;
let server: FaultServer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-evaluate-'));
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The policy computes and answers, except that it answers q2 with a wrong number and q3 in words; q4 is never answered. */
function policy(prompt: string, messages: number): Reply {
  if (prompt.includes('q4')) return 'Let me think about it.';
  if (messages < 3) return 'I add. <math_exp>2+3</math_exp>';
  if (prompt.includes('q2')) return '<answer>6</answer>';
  return prompt.includes('q3') ? '<answer>half a dozen clips less one</answer>' : '<answer>5</answer>';
}

function reply({ body }: SeenRequest): Reply {
  const prompt = body.messages.map(({ content }) => content).join('\n');
  if (body.model === 'policy') return policy(prompt, body.messages.length);
  if (prompt.includes('CORRECT: YES'))
    return `It is compared.\nCORRECT: ${/\n6\n/.test(prompt) ? 'NO' : 'YES'}`;
  return 'Fine.\nVERDICT: GOOD';
}

test('accuracy, judged correctness and good steps, per task; the gold answer reaches nobody but the grader', async () => {
  server = await startFaultServer(reply);
  const endpoint = { kind: 'openai', baseUrl: server.url };
  const topology = resolveTopology(
    {
      policy: { ...endpoint, model: 'policy' },
      judge: { ...endpoint, model: 'judge' },
      tasks: { math: { tools: ['calculator'], maxSteps: 3 } },
      tools: { calculator: { kind: 'calculator' } },
      stages: { start: {}, rollout: {}, tools: {}, decompose: {}, judge: {} },
    },
    folder,
  );
  const { signal } = new AbortController();
  const questions = [1, 2, 3, 4].map((i) =>
    question({ id: `q${i}`, text: `q${i}: how many clips?`, answer: '5.00' }),
  );
  const { all, tasks, failures, finished } = await evaluate(topology, {
    run: 'held-out',
    questions,
    stop: signal,
    abort: signal,
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
  const shown = server.requests.filter(({ body }) => JSON.stringify(body).includes('5.00'));
  expect(shown).toHaveLength(3);
  expect(shown.every(({ body }) => JSON.stringify(body).includes('CORRECT: YES'))).toBe(true);
});
