/**
 * HotPotQA in full: 50 questions with 5 rollouts each, by a policy behind a local HTTP server that speaks the
 * OpenAI protocol (scripted: it searches for names and answers from what it is shown), through every stage to
 * updates of a local policy. Prints the counts and the time.
 *
 *   npx tsx bench/hotpotqa.ts [FILE]      (by default ../shared/data/hotpotqa/train-60.json)
 */
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countsOf } from '../test/end-to-end/counts.ts';
import { searchesAndAnswers } from '../test/end-to-end/scripted-policy.ts';
import { workplace } from '../test/end-to-end/swirl-process.ts';
import { startFaultServer } from '../test/models/fault-server.ts';

const beside = fileURLToPath(new URL('../../shared/data/hotpotqa/train-60.json', import.meta.url));
const data = resolve(process.argv[2] ?? beside);
const [questions, rollouts, positions] = [50, 5, 1024];

const place = workplace();
const server = await startFaultServer(searchesAndAnswers);

async function swirl(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await place.swirl(args);
  if (code !== 0 && code !== 3)
    throw new Error(`swirl ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
}

try {
  const shape = ['--hidden', '64', '--layers', '2', '--vocabulary', '1024', '--positions', `${positions}`];
  await swirl('new-policy', 'policy', '--texts', data, ...shape);
  place.write('topology.yaml', {
    policy: { kind: 'openai', baseUrl: server.url, model: 'scripted' },
    learner: { checkpoint: 'policy', contextTokens: positions },
    tasks: { search: { tools: ['search'], maxSteps: 4 } },
    tools: { search: { kind: 'search', corpus: 'corpus.jsonl', maxChars: 600 } },
    stages: {
      ...{ start: { rollouts }, rollout: {}, tools: {}, decompose: {}, judge: {} },
      ...{ filter: { mode: 'process', unknown: 'accept' }, reward: {} },
      train: { batch: { trajectories: 8 }, maxRowTokens: positions },
    },
  });
  await swirl('feed', data, '--dataset', 'hotpotqa', '--limit', `${questions}`, '--corpus', 'corpus.jsonl');
  const from = performance.now();
  await swirl('run', '--until-drained');
  const seconds = (performance.now() - from) / 1000;
  const counts = await countsOf(place.path('runs'), 'main', { rollouts });
  if (counts.problems.length > 0) throw new Error(`the counts do not add up:\n${counts.problems.join('\n')}`);
  const { model = 'unknown' } = cpus()[0] ?? {};
  const machine = { node: process.version, cpu: model, cores: cpus().length };
  console.log(JSON.stringify({ ...counts, requests: server.requests.length, seconds, ...machine }, null, 2));
} finally {
  await place.remove();
  await server.close();
}
