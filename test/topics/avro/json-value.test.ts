import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DataError } from '../../../src/errors.ts';
import { openRun } from '../../../src/open-run.ts';
import { createCodec, encode } from '../../../src/topics/avro/codec.ts';
import { arrayOf } from '../../../src/topics/read-records.ts';
import { settle } from '../../../src/topology/settle.ts';
import { topologyConfig } from '../../../src/topology/topology.ts';
import { question } from '../../records.ts';
import { arbitraryRecord } from './arbitrary-records.ts';

const codec = createCodec({ maxRecordBytes: 1024, json: new Set(['questions']) });
const decode = (text: string | Uint8Array) => codec.decode('questions', Buffer.from(text as string));

describe('questions as JSON', () => {
  test('one line with what must be there is a question; the rest has its defaults', () => {
    expect(decode('{"id":"q1","task":"math","text":"2+2?"}\r\n')).toEqual(
      question({ text: '2+2?', answer: null }),
    );
  });

  test('what is written is JSON, and reads back', () => {
    fc.assert(
      fc.property(arbitraryRecord('questions'), (question) => {
        const large = createCodec({ maxRecordBytes: 65_536, json: new Set(['questions']) });
        const bytes = large.encode('questions', question);
        expect(JSON.parse(Buffer.from(bytes).toString('utf8'))).toEqual(question);
        expect(large.decode('questions', bytes)).toEqual(question);
        // Avro is understood on the same topic.
        expect(large.decode('questions', encode('questions', question))).toEqual(question);
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    ['no JSON', '{"id":"q1"', /expected one JSON object in UTF-8/],
    ['nothing', '', /expected one JSON object/],
    ['text that is not UTF-8', Buffer.from('7b22ff', 'hex'), /expected one JSON object in UTF-8/],
    ['two objects', '{"id":"q1"}{"id":"q2"}', /expected one JSON object/],
    ['a list', '[{"id":"q1","task":"m","text":"t"}]', /expected an object, found an array of 1/],
    ['a number', '17', /expected an object, found 17/],
    ['a field that is missing', '{"id":"q1","task":"m"}', /field text: expected text, found nothing/],
    ['a field of another type', '{"id":1,"task":"m","text":"t"}', /field id: expected text, found 1/],
    [
      'a field that nobody knows',
      '{"id":"q","task":"m","text":"t","txet":""}',
      /field txet: expected only the fields/,
    ],
    [
      'a prototype',
      '{"id":"q","task":"m","text":"t","__proto__":{"answer":"4"}}',
      /field __proto__: expected only/,
    ],
    [
      'a prototype in a map',
      '{"id":"q","task":"m","text":"t","meta":{"__proto__":"x"}}',
      /map keys other than "__proto__"/,
    ],
    ['half a character', '{"id":"q","task":"m","text":"\\ud800"}', /field text: .*lone surrogate/],
    [
      'too much',
      JSON.stringify({ id: 'q', task: 'm', text: 'x'.repeat(1024) }),
      /at most 1024 bytes, found 1055/,
    ],
    ['endless depth', `{"meta":${'['.repeat(500)}`, /expected one JSON object/],
  ])('%s is a DataError', (_, value, message) => {
    expect(() => decode(value)).toThrow(DataError);
    expect(() => decode(value)).toThrow(message);
  });

  test('hostile JSON changes no object but its own', () => {
    expect(() => decode('{"constructor":{"prototype":{"polluted":1}},"__proto__":{"polluted":1}}')).toThrow(
      DataError,
    );
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test('any bytes are a question or a DataError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            expect(decode(bytes)).toHaveProperty('text');
          } catch (error) {
            expect(error).toBeInstanceOf(DataError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('topics that are not JSON by the topology stay Avro', () => {
    expect(() => codec.decode('turns', Buffer.from('{}'))).toThrow(/expected a zero byte/);
    expect(() => createCodec({ maxRecordBytes: 1024 }).decode('questions', Buffer.from('{}'))).toThrow(
      /expected a zero byte/,
    );
  });
});

describe('a run with JSON questions', () => {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-json-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('takes good lines, and makes failures of the others', async () => {
    const topology = settle(
      topologyConfig.parse({
        run: 'lines',
        folder,
        topics: { questions: { format: 'json' } },
        tasks: { math: {} },
        stages: { start: { rollouts: 1 } },
      }),
    );
    const run = await openRun(topology);
    try {
      const values = [
        '{"id":"q1","task":"math","text":"1+1?"}',
        'hello',
        '{"id":"q2","task":"math","text":"2+2?"}',
        '',
      ];
      // Without a key, as a producer of one line writes.
      await run.transport.append(
        values.map((value) => ({ topic: 'questions', key: '', value: Buffer.from(value) })),
      );
      const { signal } = new AbortController();
      const { finished } = await run.start({ untilDrained: true, stop: signal, abort: signal });
      await finished;
      const turns = await arrayOf(run.read('turns'));
      expect(turns.map((turn) => turn.question.text)).toEqual(['1+1?', '2+2?']);
      const failures = await arrayOf(run.read('failures'));
      expect(
        failures.map(({ offset, error, retryable, bytes }) => ({
          offset,
          error,
          retryable,
          text: String(bytes),
        })),
      ).toEqual([
        { offset: 1, error: 'DataError', retryable: false, text: 'hello' },
        { offset: 3, error: 'DataError', retryable: false, text: '' },
      ]);
    } finally {
      await run.close();
    }
  });

  test('feeds JSON, for whoever reads the topic', async () => {
    const topology = settle(
      topologyConfig.parse({ run: 'fed', folder, topics: { questions: { format: 'json' } } }),
    );
    const run = await openRun(topology);
    try {
      await run.feed('questions', [
        { id: 'q1', task: 'math', text: 't', answer: null, answers: [], source: null, meta: {}, by: null },
      ]);
      const [entry] = await arrayOf(run.transport.read('questions'));
      expect(JSON.parse(String(Buffer.from(entry?.value ?? [])))).toMatchObject({ id: 'q1', text: 't' });
      expect(await arrayOf(run.read('questions'))).toMatchObject([{ id: 'q1', text: 't' }]);
    } finally {
      await run.close();
    }
  });
});
