/**
 * What the runtime costs per record and stage, and whether its memory stays flat: records through a chain of
 * stages that do nothing, against appending the same bytes to the log and reading them back without stages.
 *
 *   npx tsx --expose-gc bench/runtime.ts [records]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { subTrajectories } from '../src/decompose/decompose.ts';
import { perRecord } from '../src/runtime/per-record.ts';
import { Run } from '../src/runtime/run.ts';
import { runtimeConfig } from '../src/runtime/runtime-config.ts';
import type { Emission, Stage } from '../src/runtime/stage.ts';
import { decode, encode } from '../src/topics/avro/codec.ts';
import { embeddedConfig } from '../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import { readRecords } from '../src/topics/read-records.ts';
import type { Accepted, Judged, Scored, SubTrajectory } from '../src/topics/records.generated.ts';
import type { Transport } from '../src/topics/transport.ts';
import { TOPICS } from '../src/topology/topics.ts';
import { heldMegabytes, seconds } from './measure.ts';

const records = Number(process.argv[2] ?? 100_000);
const codec = { encode, decode };
const retry = { attempts: 1, backoffMs: 1, maxBackoffMs: 1 };
const sleep = async () => {};
const folder = mkdtempSync(join(tmpdir(), 'swirl-bench-'));

/**
 * A sub-trajectory of the size that GSM8K's have: a question, two steps of context, an action with its
 * tokens.
 */
function record(i: number): SubTrajectory {
  const action = {
    text: 'She sold half as many in May, which is the number of April divided by two. <math_exp>48/2</math_exp>',
    kind: 'TOOL_CALL' as const,
    tool: 'calculator',
    content: '48/2',
    tokens: Array.from({ length: 40 }, (_, t) => (t * 37) % 500),
    logprobs: Array.from({ length: 40 }, (_, t) => -t / 40),
    temperature: null,
    reasoning: null,
    truncated: false,
    policy: 'bench',
  };
  const step = { action, observation: { tool: 'calculator', status: 'OK' as const, text: '24' } };
  const question = {
    id: `q${i}`,
    task: 'math',
    text: 'In April she sold clips to 48 friends, and in May half as many. How many did she sell altogether?',
    answer: '72',
    answers: [],
    source: null,
    meta: {},
  };
  const whole = {
    id: `q${i}/0`,
    question,
    steps: [step, step, step],
    end: 'OUT_OF_STEPS' as const,
    answer: null,
  };
  return subTrajectories(whole)[2];
}

function stage<T extends { readonly id: string }>(
  wiring: Pick<Stage, 'name' | 'reads' | 'writes'>,
  make: (value: T) => Emission,
): Stage {
  const operator = () => perRecord<T>(async (value) => [make(value)], { stage: wiring.name, retry, sleep });
  return { ...wiring, window: 256, operator: operator as unknown as Stage['operator'] };
}

const verdict = { label: 'GOOD' as const, rationale: '', judge: 'bench', votes: [] };
const stages = [
  stage<SubTrajectory>({ name: 'judge', reads: 'sub-trajectories', writes: ['judged'] }, (value) => ({
    topic: 'judged',
    key: value.trajectory,
    value: { id: value.id, subTrajectory: value, verdict },
  })),
  stage<Judged>({ name: 'filter', reads: 'judged', writes: ['accepted'] }, (value) => ({
    topic: 'accepted',
    key: value.subTrajectory.trajectory,
    value: { ...value, correct: null },
  })),
  stage<Accepted>({ name: 'reward', reads: 'accepted', writes: ['scored'] }, ({ id, subTrajectory }) => ({
    topic: 'scored',
    key: subTrajectory.trajectory,
    value: { id, subTrajectory, verdict, reward: { value: 1, rationale: '', model: 'bench', votes: [] } },
  })),
];

async function open(run: string): Promise<Transport> {
  const transport = await openEmbeddedLog({ folder, run, config: embeddedConfig.parse({}) });
  await transport.ensureTopics(TOPICS.map((name) => ({ name, partitions: 1 })));
  return transport;
}

async function feed(
  transport: Transport,
  topic: 'sub-trajectories',
  from: number,
  to: number,
): Promise<void> {
  for (let i = from; i < to; i += 512) {
    const batch = Array.from({ length: Math.min(512, to - i) }, (_, j) => record(i + j));
    await transport.append(
      batch.map((value) => ({ topic, key: value.trajectory, value: encode(topic, value) })),
    );
  }
}

try {
  process.stdout.write(
    `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${records} records of ${encode('sub-trajectories', record(0)).length} bytes\n`,
  );

  // The baseline: the same bytes appended in transactions of the same size, then read and decoded.
  const bare = await open('bare');
  const baseline = await seconds(async () => {
    await feed(bare, 'sub-trajectories', 0, records);
    for await (const _ of readRecords({ transport: bare, codec }, 'sub-trajectories'));
  });
  await bare.close();

  const transport = await open('flow');
  await feed(transport, 'sub-trajectories', 0, records);
  const { signal } = new AbortController();
  const held: string[] = [];
  let next = 0;
  const run = new Run(
    { stages, flow: stages, scheduled: [], untilDrained: true, stop: signal, abort: signal },
    { transport, codec, config: runtimeConfig.parse({}), now: () => performance.now() },
  );
  const timer = setInterval(async () => {
    const done = (await run.progress()).at(-1)?.done ?? 0;
    if (done < next) return;
    next = done + records / 5;
    held.push(`${heldMegabytes().toFixed(1)} MB at ${done}`);
  }, 200);
  const flow = await seconds(() => run.run());
  clearInterval(timer);
  held.push(`${heldMegabytes().toFixed(1)} MB at the end`);

  let scored = 0;
  for await (const { id } of readRecords({ transport, codec }, 'scored') as AsyncIterable<Scored>)
    if (id === `q${scored}/0/2`) scored++;
  if (scored !== records) throw new Error(`expected ${records} records in order, found ${scored}`);
  await transport.close();

  const perStage = (flow / stages.length / records) * 1e6;
  process.stdout.write(
    `flow       ${(records / flow).toFixed(0)} records/s through ${stages.length} stages: ${perStage.toFixed(1)} us per record and stage\n` +
      `baseline   ${(records / baseline).toFixed(0)} records/s made, encoded, appended, read and decoded once: ${((baseline / records) * 1e6).toFixed(1)} us per record\n` +
      `ratio      one stage costs ${(flow / stages.length / baseline).toFixed(2)} of the baseline\n` +
      `memory     ${held.join(', ')}\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
