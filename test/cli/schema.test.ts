/** `swirl schema`: what other programs need to read and write the topics. */
import { afterEach, expect, jest, test } from '@jest/globals';
import avro from 'avsc';
import { Command } from 'commander';
import { register } from '../../src/cli/schema.ts';
import { ConfigError } from '../../src/errors.ts';
import { encode, topicNames } from '../../src/topics/avro/codec.ts';
import { TOPICS } from '../../src/topology/topics.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

async function run(...args: string[]): Promise<string> {
  const out: string[] = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  const program = new Command('swirl').exitOverride();
  register(program);
  await program.parseAsync(['node', 'swirl', 'schema', ...args]);
  return out.join('');
}

test('each schema is whole: a program with nothing else can use it, with the id that stands before a record', async () => {
  for (const topic of topicNames) {
    expect(avro.Type.forSchema(JSON.parse(await run(topic)) as avro.Schema).typeName).toBe('record');
  }
  const type = avro.Type.forSchema(JSON.parse(await run('questions')) as avro.Schema, { wrapUnions: false });
  const question = {
    id: 'q1',
    task: 'math',
    text: 't',
    answer: null,
    answers: [],
    by: null,
    source: 's',
    meta: { a: 'b' },
  };
  const bytes = encode('questions', question);
  expect(Buffer.from(bytes).readInt32BE(1)).toBe(Number(await run('questions', '--id')));
  expect({ ...(type.fromBuffer(Buffer.from(bytes.subarray(5))) as object) }).toEqual(question);
});

test('without a topic it lists them, in the order of the flow', async () => {
  const list = JSON.parse(await run('--json')) as { topic: string; id: number; holds: string }[];
  expect(list.map(({ topic }) => topic)).toEqual(TOPICS);
  expect(list[0]?.holds).toBe('a task for the policy');
  expect(await run()).toMatch(/^topic +id +holds\n.*\nquestions +\d+ +a task for the policy\n/);
});

test('a topic that is not there is named with those that are', async () => {
  await expect(run('question')).rejects.toThrow(ConfigError);
  await expect(run('question')).rejects.toThrow(/question: no such topic; did you mean questions\?/);
  await expect(run('mine')).rejects.toThrow(/there are accepted, .*a topology's own are found with -t/);
});
