/**
 * What following a record to its updates costs on a large run (`swirl trace`): a log of the embedded transport
 * is made with questions, trajectories, steps, verdicts, scored records and updates; then the first, a middle
 * and the last question, and the first and the last update, are traced by the command, each in a process of its
 * own. What is found is checked.
 *
 *   npx tsx bench/trace.ts [RECORDS] [FOLDER]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openChain, type RunChain } from '../src/lineage/run-chain.ts';
import { trace } from '../src/lineage/trace.ts';
import { traceUpdate } from '../src/lineage/updates-of.ts';
import { createCodec } from '../src/topics/avro/codec.ts';
import { openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import { topicSpecs } from '../src/topology/flow.ts';
import { writeResolved } from '../src/topology/resolved.ts';
import { builtProgram } from '../test/end-to-end/built-program.ts';
import { question, trajectory } from '../test/records.ts';
import { judgedSteps } from '../test/watch/made-records.ts';
import { madeTopology, update } from '../test/watch/made-run.ts';

const records = Number(process.argv[2] ?? 1_000_000);
const folder = process.argv[3] ?? mkdtempSync(join(tmpdir(), 'swirl-bench-trace-'));
const STEPS = 3;
/** Of a question: itself, its trajectory, and for each step a verdict, an accepted and a scored record. */
const EACH = 2 + 3 * STEPS;
const questions = Math.floor(records / EACH / 1000) * 1000;

const { topology, made } = { topology: madeTopology(folder, 'large'), made: join(folder, 'large', 'made') };
const { transport, run } = topology;
if (transport.kind !== 'embedded') throw new Error('expected the embedded log');

/** In the order in which the stages of a run that goes on would append them. */
async function makeLog(config: object): Promise<void> {
  const log = await openEmbeddedLog({ folder, run, config: { ...transport, ...config } as never });
  await log.ensureTopics(topicSpecs(topology));
  writeResolved(topology);
  const codec = createCodec(transport as never);
  const at = (topic: string, key: string, record: object) => ({
    ...{ topic, key },
    value: codec.encode(topic, record as never),
  });
  for (let i = 0; i < questions; i += 1000) {
    const ids = Array.from({ length: 1000 }, (_, j) => `q${i + j}`);
    const trajectories = ids.map((id) => trajectory(`${id}/0`, STEPS - 1));
    const judged = trajectories.map((one) => judgedSteps(one, ['GOOD', 'BAD', 'GOOD']));
    const each = (topic: string, record: (step: (typeof judged)[0][0]) => object) =>
      judged.flat().map((step) => at(topic, step.subTrajectory.trajectory, record(step)));
    const reward = { value: 1, rationale: '', model: 'test', votes: [], by: null };
    const from = i * STEPS;
    const made = update(1 + i / 1000, { fromOffset: from, toOffset: from + 1000 * STEPS });
    for (const entries of [
      ids.map((id) => at('questions', id, question({ id }))),
      trajectories.map((one) => at('trajectories', one.id, one)),
      each('judged', (step) => step),
      each('accepted', (step) => ({ ...step, correct: null })),
      each('scored', (step) => ({ ...step, reward })),
      [at('updates', run, made)],
    ])
      await log.append(entries);
  }
  await log.close();
}

if (!existsSync(made)) {
  await makeLog({ durable: false, maxLogBytes: 2 ** 34 });
  writeFileSync(made, '');
}
const program = builtProgram();
/** Runs the command, and what it does within this process, for the processor's time. */
async function timed<T>(id: string, look: (chain: RunChain) => Promise<T>): Promise<T> {
  const args = [program, 'trace', id, '-t', join(folder, run), '--json'];
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, {
    ...{ encoding: 'utf8', maxBuffer: 2 ** 30, env: { ...process.env, NODE_OPTIONS: '' } },
  });
  if (status !== 0) throw new Error(stderr);
  const command = performance.now() - began;
  const seconds = async <R>(work: () => Promise<R>): Promise<[R, string]> => {
    const started = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(started);
    return [result, ((user + system) / 1e6).toFixed(2)];
  };
  const [chain, opening] = await seconds(() => openChain(topology, { notify: () => {} }));
  const [found, tracing] = await seconds(() => look(chain));
  await chain.close();
  const all = (command / 1000).toFixed(2);
  console.log(`  ${id}: ${all} s by the clock; of the processor ${opening} s to open, ${tracing} s to trace`);
  return found;
}
console.log(`${questions * EACH} records of ${questions} questions`);
for (const at of [0, Math.floor(questions / 2), questions - 1]) {
  const found = await timed(`q${at}`, (chain) => trace(chain, `q${at}`));
  const [traced] = found.trajectories;
  const places = [...(traced?.records ?? []), ...(traced?.steps ?? []).flatMap((step) => step.records)];
  const made = (traced?.steps ?? []).flatMap((step) => step.updates.map((one) => one.update.id));
  if (
    places.length !== EACH - 1 ||
    new Set(made).size !== 1 ||
    made[0] !== `update/${1 + Math.floor(at / 1000)}`
  )
    throw new Error(`q${at}: found ${places.length} records and ${made.join()}`);
}
for (const step of [1, questions / 1000]) {
  const found = await timed(`update/${step}`, (chain) => traceUpdate(chain, `update/${step}`));
  if (found.batch.length !== 1000 * STEPS) throw new Error(`update/${step}: another batch`);
}
