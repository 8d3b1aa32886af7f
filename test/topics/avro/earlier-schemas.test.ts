/** Topics that earlier versions wrote are read, with this version's defaults for what they did not know. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import avro from 'avsc';
import { DataError } from '../../../src/errors.ts';
import { decode } from '../../../src/topics/avro/codec.ts';
import { loadSchemas } from '../../../src/topics/avro/schemas.ts';
import type { Topic } from '../../../src/topics/records.generated.ts';
import { update as makeUpdate } from '../../records.ts';

const earlier = new URL('../../../schemas/earlier/', import.meta.url);

/** The ids that stand in topics on people's disks: what is kept under `schemas/earlier/` may not change. */
const IDS: Record<string, Partial<Record<Topic, number>>> = {
  1: {
    accepted: 2075444251,
    failures: 1229688185,
    judged: 1202854427,
    questions: 1133772619,
    scored: 1767606033,
    'sub-trajectories': 1267320586,
    'tool-calls': 129097420,
    trajectories: 1806875069,
    turns: 992210280,
    updates: 943012854,
  },
  2: { updates: 1252025467 },
};

const action = {
  text: '<answer>4</answer>',
  kind: 'ANSWER',
  tool: null,
  content: '4',
  tokens: [1, 2],
  logprobs: [-0.5, -1],
  policy: 'p',
};
const step = { action, observation: null };
const question = { id: 'q1', task: 'math', text: '2+2?', answer: '4', source: 's', meta: { a: 'b' } };
const subTrajectory = { id: 'q1/0/0', trajectory: 'q1/0', index: 0, count: 1, question, context: [], action };
const verdict = { label: 'GOOD', rationale: 'r', judge: 'rules' };
const turn = { id: 'q1/0/0', trajectory: 'q1/0', question, steps: [step] };

const { meanRatio: _, clippedShare: __, by: ___, steps: ____, ...update } = makeUpdate();

/** A record of each topic as version 1 wrote it. */
const RECORDS: Record<Topic, object> = {
  accepted: { id: 'q1/0/0', subTrajectory, verdict, correct: true },
  failures: {
    id: 'judge:judged:0:7',
    stage: 'judge',
    topic: 'judged',
    partition: 0,
    offset: 7,
    record: 'q1/0/0',
    error: 'ModelError',
    message: 'm',
    retryable: false,
    attempts: 1,
    bytes: Buffer.from([1, 2]),
  },
  judged: { id: 'q1/0/0', subTrajectory, verdict },
  questions: question,
  scored: { id: 'q1/0/0', subTrajectory, verdict, reward: { value: 0.5, rationale: '', model: 'rules' } },
  'sub-trajectories': subTrajectory,
  'tool-calls': { id: 'q1/0/0', turn, action },
  trajectories: { id: 'q1/0', question, steps: [step], end: 'ANSWERED', answer: '4' },
  turns: turn,
  updates: update,
};

describe.each(readdirSync(earlier))('version %s', (version) => {
  const { topics } = loadSchemas(new URL(`${version}/`, earlier));

  test('its schemas are as they were', () => {
    expect(Object.fromEntries([...topics.values()].map(({ topic, id }) => [topic, id]))).toEqual(
      IDS[version],
    );
  });

  test.each([...topics.keys()] as Topic[])('%s: what it wrote is read', (topic) => {
    const { schema, id } = topics.get(topic) as { schema: unknown; id: number };
    const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: 'never' } as object);
    const header = Buffer.alloc(5);
    header.writeInt32BE(id, 1);
    const bytes = Buffer.concat([header, type.toBuffer(RECORDS[topic])]);
    const read = decode(topic, bytes);
    expect(read).toMatchObject(RECORDS[topic]);
    // Damaged, it is refused as any other record is.
    expect(() => decode(topic, bytes.subarray(0, bytes.length - 1))).toThrow(DataError);
  });
});
