/**
 * The main job on GSM8K in full: 1,000 worked solutions warm up a fresh policy, then 50 questions with 5
 * rollouts each go through every stage to updates. Prints the held-out logprob before and after, the
 * counts, and the times.
 *
 *   npx tsx bench/gsm8k.ts [FILE]      (by default ../shared/data/gsm8k/train-1500.jsonl)
 */
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Gsm8kSizes, gsm8kJob } from '../test/end-to-end/gsm8k-job.ts';
import { workplace } from '../test/end-to-end/swirl-process.ts';

const beside = fileURLToPath(new URL('../../shared/data/gsm8k/train-1500.jsonl', import.meta.url));
const sizes: Gsm8kSizes = {
  data: resolve(process.argv[2] ?? beside),
  solutions: 1000,
  heldOut: 100,
  questions: 50,
  rollouts: 5,
  maxSteps: 6,
  maxTokens: 64,
  policy: { hidden: 64, layers: 2, vocabulary: 1024, positions: 768 },
  trajectoriesPerUpdate: 8,
  learningRate: 3e-3,
  device: 'auto',
};

const place = workplace();
try {
  const report = await gsm8kJob(place, sizes);
  for (const counts of [report.warmUp, report.main]) {
    if (counts.problems.length > 0)
      throw new Error(`the counts do not add up:\n${counts.problems.join('\n')}`);
  }
  const { model = 'unknown' } = cpus()[0] ?? {};
  console.log(
    JSON.stringify(
      { ...report, notes: undefined, sizes, node: process.version, cpu: model, cores: cpus().length },
      null,
      2,
    ),
  );
  for (const note of report.notes) console.error(note.trim().split('\n').slice(0, 2).join('\n'));
} finally {
  await place.remove();
}
