import { describe, expect, test } from '@jest/globals';
import avro from 'avsc';
import fc from 'fast-check';
import { DataError } from '../../../src/errors.ts';
import {
  createCodec,
  decode,
  encode,
  HEADER_BYTES,
  isTopic,
  schemaIdOf,
  schemaOf,
  topicNames,
} from '../../../src/topics/avro/codec.ts';
import type { Topic, Turn } from '../../../src/topics/records.generated.ts';
import { question as makeQuestion, update as makeUpdate } from '../../records.ts';
import { arbitraryRecord } from './arbitrary-records.ts';

const question = makeQuestion({ id: 'q17', text: '2+2?', answer: null, meta: { a: 'b' } });
const turn: Turn = {
  id: 'q17/2/1',
  trajectory: 'q17/2',
  question,
  steps: [
    {
      action: {
        text: 'hm <math_exp>2+2</math_exp>',
        kind: 'TOOL_CALL',
        tool: 'calculator',
        content: '2+2',
        tokens: [1, 300, 70000],
        logprobs: [-0.5, -1.25, 0],
        temperature: 0.7,
        reasoning: 'a thought',
        truncated: true,
        policy: 'local:4f0c',
      },
      observation: { tool: 'calculator', status: 'OK', text: '4', by: null },
    },
  ],
};
const update = makeUpdate();
/** The tests call with wrong values on purpose. */
const encodeAny = encode as (topic: Topic, record: unknown) => Uint8Array;

function frame(topic: Topic, ...body: number[]): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32BE(schemaIdOf(topic), 1);
  return Buffer.concat([header, Buffer.from(body)]);
}

/** What a client with nothing but avsc and the topic's schema reads, as JSON. */
function plainAvro(topic: Topic, bytes: Uint8Array): unknown {
  const schema = JSON.parse(JSON.stringify(schemaOf(topic)));
  const type = avro.Type.forSchema(schema, { wrapUnions: 'never' } as object);
  return JSON.parse(JSON.stringify(type.fromBuffer(Buffer.from(bytes).subarray(HEADER_BYTES))));
}

/** Decodes, and lets only a DataError through as a refusal. */
function decodesOrRefuses(topic: Topic, bytes: Uint8Array): boolean {
  try {
    decode(topic, bytes);
    return true;
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}

describe('every topic', () => {
  test.each(topicNames)('%s: any record comes back as it was', (topic) => {
    fc.assert(
      fc.property(arbitraryRecord(topic), (record) => {
        const bytes = encode(topic, record);
        const back = decode(topic, bytes);
        expect(back).toEqual(record);
        expect(Buffer.compare(encode(topic, back), bytes)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  // avsc's own longs are inexact near 2^53, so the topics that have longs are read by their examples below.
  test.each(topicNames.filter((topic) => topic !== 'updates' && topic !== 'failures'))(
    '%s: the schema on its own reads the body with plain Avro',
    (topic) => {
      fc.assert(
        fc.property(arbitraryRecord(topic), (record) => {
          expect(plainAvro(topic, encode(topic, record as never))).toEqual(
            JSON.parse(JSON.stringify(record)),
          );
        }),
        { numRuns: 20 },
      );
    },
  );

  test('updates: the schema on its own reads the body with plain Avro', () => {
    expect(plainAvro('updates', encode('updates', update))).toEqual(update);
  });

  test.each(topicNames)('%s: any bytes, and any damaged record, decode or are a DataError', (topic) => {
    let refused = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        if (!decodesOrRefuses(topic, frame(topic, ...body))) refused++;
        expect(decodesOrRefuses(topic, body)).toBe(false);
      }),
      { numRuns: 200 },
    );
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(arbitraryRecord(topic), damage, fc.nat(), (record, changes, cut) => {
        const bytes = Buffer.from(encode(topic, record));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        decodesOrRefuses(topic, bytes);
        expect(decodesOrRefuses(topic, bytes.subarray(0, cut % bytes.length))).toBe(false);
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  test('has its own id, and each schema says what it is', () => {
    expect(new Set(topicNames.map(schemaIdOf)).size).toBe(topicNames.length);
    expect(topicNames).toEqual([
      'accepted',
      'failures',
      'judged',
      'questions',
      'scored',
      'sub-trajectories',
      'tool-calls',
      'trajectories',
      'turns',
      'updates',
    ]);
    expect(isTopic('turns')).toBe(true);
    expect(isTopic('action')).toBe(false);
  });
});

describe('the bytes', () => {
  test('are a zero byte, the schema id, and the body', () => {
    const bytes = Buffer.from(encode('questions', question));
    expect(bytes[0]).toBe(0);
    expect(bytes.readInt32BE(1)).toBe(schemaIdOf('questions'));
    // id, task, text; two nulls; one map block of one entry; no further answers; a null. Worked out by hand
    // from the Avro specification.
    expect(bytes.subarray(5).toString('hex')).toBe(
      '06713137' + '086d617468' + '08322b323f' + '0000' + '0202610262' + '00' + '00' + '00',
    );
  });

  test('may lie inside a larger buffer', () => {
    const bytes = encode('turns', turn);
    const large = new Uint8Array(bytes.length + 20);
    large.set(bytes, 7);
    expect(decode('turns', large.subarray(7, 7 + bytes.length))).toEqual(turn);
  });
});

describe('hostile bytes', () => {
  const utf8 = (text: string): number[] => [text.length * 2, ...Buffer.from(text)];
  const start = [...utf8('q'), ...utf8('t'), ...utf8('x'), 0, 0];

  test.each<[string, Topic, number[], RegExp]>([
    [
      'an array of 10^8',
      'turns',
      [...utf8('t'), ...utf8('t'), ...start, 0, 0, 0, 0x80, 0x84, 0xaf, 0x5f],
      /field steps: .*count of 100000000/,
    ],
    [
      'a map of 2^40',
      'questions',
      [...start, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
      /field meta: .*count of 1099511627776/,
    ],
    ['a negative count', 'questions', [...start, 0x01, 0x10, ...utf8('a'), ...utf8('b'), 0], /field meta: /],
    ['a map key __proto__', 'questions', [...start, 2, ...utf8('__proto__'), ...utf8('b'), 0], /__proto__/],
    [
      'a map key twice',
      'questions',
      [...start, 4, ...utf8('a'), ...utf8('b'), ...utf8('a'), ...utf8('c'), 0],
      /"a" twice/,
    ],
    ['bytes after the record', 'questions', [...start, 0, 0, 0, 1], /found 1 more bytes/],
    ['a length beyond the end', 'questions', [0x7e, 0x41], /field id: .*length from 0 to 1, found 63/],
    ['a negative length', 'questions', [0x01, 0x41], /field id: .*found -1/],
    ['an unknown union branch', 'questions', [...start.slice(0, -1), 4], /field source: .*found 2/],
    ['text that is not UTF-8', 'questions', [4, 0xff, 0xfe], /field id: .*UTF-8/],
    ['an endless integer', 'questions', new Array(12).fill(0xff), /field id: .*64 bits/],
    ['an integer beyond 2^53', 'questions', [...new Array(8).fill(0xff), 0x7f], /field id: .*2\^53/],
    ['a padded integer', 'questions', [0x80, 0x00], /field id: .*shortest/],
    ['nothing', 'questions', [], /field id: the bytes end too early/],
  ])('%s', (_, topic, body, message) => {
    const bytes = frame(topic, ...body);
    expect(() => decode(topic, bytes)).toThrow(DataError);
    expect(() => decode(topic, bytes)).toThrow(message);
  });

  test('blocks with their size in bytes are read, as the specification allows', () => {
    const body = [...start, 0x01, 0x08, ...utf8('a'), ...utf8('b'), 0, 0, 0];
    expect(decode('questions', frame('questions', ...body)).meta).toEqual({ a: 'b' });
  });

  test('a reward that is not a number', () => {
    const bytes = Buffer.from(encode('updates', update));
    const at = bytes.indexOf(Buffer.from(new Float64Array([update.learningRate]).buffer));
    bytes.writeDoubleLE(Number.NaN, at);
    expect(() => decode('updates', bytes)).toThrow(/field learningRate: expected a finite number, found NaN/);
  });

  test('another topic, another version, and no frame at all', () => {
    expect(() => decode('turns', encode('questions', question))).toThrow(/a record of the topic questions/);
    expect(() => decode('turns', Buffer.from([0, 0, 0, 0, 1, 2]))).toThrow(/another version of Swirl/);
    expect(() => decode('turns', Buffer.from('{"id":"q"}'))).toThrow(/expected a zero byte.*7b226964/);
    expect(() => decode('turns', new Uint8Array())).toThrow(/found 0 bytes/);
  });

  test('more bytes than allowed', () => {
    const large = { ...question, text: 'x'.repeat(5000) };
    const small = createCodec({ maxRecordBytes: 2000 });
    expect(() => small.encode('questions', large)).toThrow(
      /record "q17".*at most 2000 bytes, found 50\d\d.*maxRecordBytes/,
    );
    expect(() => small.decode('questions', encode('questions', large))).toThrow(/at most 2000 bytes/);
  });
});

describe('records that do not fit', () => {
  const step = turn.steps[0];
  const withAction = (change: object): object => ({
    ...turn,
    steps: [step, { ...step, action: { ...step.action, ...change } }],
  });

  test.each<[string, Topic, unknown, RegExp]>([
    [
      'an unknown field',
      'questions',
      { ...question, gold: '4' },
      /topic questions, field gold: .*meta, .*found another/,
    ],
    [
      'a missing field',
      'questions',
      { ...question, answer: undefined },
      /field answer: .*text, found nothing/,
    ],
    ['a wrong type', 'questions', { ...question, id: 17 }, /field id: expected text, found 17/],
    [
      'a wrong type deep inside',
      'turns',
      withAction({ tokens: [1, 'x'] }),
      /field steps\[1\]\.action\.tokens\[1\]: .*32-bit integer, found "x"/,
    ],
    [
      'an unknown symbol',
      'turns',
      withAction({ kind: 'MAYBE' }),
      /steps\[1\]\.action\.kind: .*TOOL_CALL, ANSWER, NONE.*"MAYBE"/,
    ],
    ['NaN as logprob', 'turns', withAction({ logprobs: [Number.NaN] }), /logprobs\[0\]: .*finite.*NaN/],
    ['a float that overflows', 'turns', withAction({ logprobs: [-1e300] }), /logprobs\[0\]: .*finite 32-bit/],
    [
      'a typed array',
      'turns',
      withAction({ tokens: new Int32Array(3) }),
      /action\.tokens: expected an array, found Int32Array/,
    ],
    [
      'NaN as loss',
      'updates',
      { ...update, loss: Number.NaN },
      /field loss: expected a finite number, found NaN/,
    ],
    [
      'an infinite norm',
      'updates',
      { ...update, gradNorm: Number.POSITIVE_INFINITY },
      /field gradNorm: .*Infinity/,
    ],
    ['an integer beyond 2^53', 'updates', { ...update, toOffset: 2 ** 53 }, /field toOffset: .*2\^53/],
    ['half an integer', 'updates', { ...update, step: 1.5 }, /field step: .*1\.5/],
    ['an int beyond 32 bits', 'updates', { ...update, epoch: 2 ** 31 }, /field epoch: .*32-bit/],
    [
      'a map of numbers',
      'questions',
      { ...question, meta: { 'a b': 1 } },
      /field meta\["a b"\]: expected text, found 1/,
    ],
    [
      'an own __proto__',
      'questions',
      { ...question, meta: JSON.parse('{"__proto__": "x"}') },
      /field meta: .*__proto__/,
    ],
    ['a lone surrogate', 'questions', { ...question, text: 'cut \ud83d' }, /field text: .*toWellFormed/],
    ['null', 'questions', null, /topic questions: expected an object, found null/],
    ['a list', 'questions', [question], /topic questions: expected an object, found an array of 1/],
  ])('%s', (_, topic, record, message) => {
    expect(() => encodeAny(topic, record)).toThrow(DataError);
    expect(() => encodeAny(topic, record)).toThrow(message);
  });

  test('a record is not changed by encoding, and bytes may be a plain Uint8Array', () => {
    const failure = {
      id: 'judge:turns:0:1',
      stage: 'judge',
      topic: 'turns',
      partition: 0,
      offset: 1,
      record: null,
      error: 'DataError',
      message: 'm',
      retryable: false,
      attempts: 1,
      bytes: new Uint8Array([1, 2, 255]),
    };
    const frozen = Object.freeze({ ...failure });
    const back = decode('failures', encode('failures', frozen));
    expect([...(back.bytes as Uint8Array)]).toEqual([1, 2, 255]);
    expect(frozen.bytes).toBe(failure.bytes);
  });
});
