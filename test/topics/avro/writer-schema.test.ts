import { describe, expect, test } from '@jest/globals';
import avro from 'avsc';
import fc from 'fast-check';
import { DataError } from '../../../src/errors.ts';
import { compileWriter, encode, HEADER_BYTES, schemaOf } from '../../../src/topics/avro/codec.ts';
import { topicSchema } from '../../../src/topics/avro/schemas.ts';
import type { Topic } from '../../../src/topics/records.generated.ts';
import { question as makeQuestion } from '../../records.ts';
import { arbitraryRecord } from './arbitrary-records.ts';

const question = makeQuestion({ text: '2+2?', answer: null, source: 'here', meta: { a: 'b' } });

interface FieldSchema {
  readonly name: string;
  readonly type: unknown;
  readonly [key: string]: unknown;
}

function record(fields: readonly FieldSchema[], name = 'Question'): object {
  return { type: 'record', name, namespace: 'swirl', fields };
}

const text = (name: string): FieldSchema => ({ name, type: 'string' });

/** As Avro's JSON names the branch of a nullable type that is not null. */
function branchName(union: readonly unknown[]): string {
  const branch = union.find((type) => type !== 'null');
  return typeof branch === 'string' ? branch : `swirl.${(branch as { name: string }).name}`;
}

/** What a writer with this schema writes, by avsc; `value` has unions wrapped as Avro's JSON has them. */
function written(schema: object, value: unknown): Buffer {
  return avro.Type.forSchema(schema as avro.Schema, { wrapUnions: true }).toBuffer(value);
}

function read(topic: Topic, schema: object, body: Buffer): unknown {
  return compileWriter(topicSchema(topic), JSON.stringify(schema)).read(body, 0);
}

describe("another writer's schema", () => {
  test('fields that it lacks get the defaults, and fields that we lack are left out', () => {
    const schema = record([
      text('text'),
      { name: 'difficulty', type: ['null', 'int', { type: 'array', items: 'double' }] },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
      text('task'),
      { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 4 } },
      text('id'),
    ]);
    const body = written(schema, {
      text: 'why?',
      difficulty: { array: [Number.NaN, 1] },
      at: 17,
      task: 'math',
      hash: Buffer.from('abcd'),
      id: 'q9',
    });
    expect(read('questions', schema, body)).toEqual({
      id: 'q9',
      task: 'math',
      text: 'why?',
      answer: null,
      answers: [],
      by: null,
      source: null,
      meta: {},
    });
  });

  test('a 64-bit number in a field that is not read may be any', () => {
    const schema = record([text('id'), { name: 'nanos', type: 'long' }, text('task'), text('text')]);
    const nanos = Buffer.from('ffffffffffffffffff01', 'hex');
    const body = Buffer.concat([Buffer.from('\u0004q1'), nanos, Buffer.from('\u0002m\u0002t')]);
    expect(read('questions', schema, body)).toMatchObject({ id: 'q1', task: 'm', text: 't' });
  });

  test('a union with branches that cannot be read as ours is read where the value can be', () => {
    const schema = record([
      text('id'),
      text('task'),
      { name: 'text', type: ['null', 'string', 'int'] },
      { name: 'answer', type: ['string', 'null'] },
    ]);
    const fields = { id: 'q1', task: 'm', answer: { string: '4' } };
    expect(read('questions', schema, written(schema, { ...fields, text: { string: 't' } }))).toMatchObject({
      text: 't',
      answer: '4',
    });
    for (const other of [null, { int: 3 }]) {
      const body = written(schema, { ...fields, text: other });
      expect(() => read('questions', schema, body)).toThrow(
        /topic questions, field text: expected string, the writer's schema has/,
      );
    }
  });

  test('numbers widen, bytes are text, and names of records do not matter', () => {
    const scored = schemaOf('updates') as unknown as { fields: FieldSchema[] };
    const narrow: Record<string, string> = { long: 'int', double: 'float', float: 'int' };
    const fields = scored.fields.map((field) => ({
      name: field.name,
      type: narrow[field.type as string] ?? (field.type === 'string' ? 'bytes' : field.type),
    }));
    fc.assert(
      fc.property(arbitraryRecord('updates'), (update) => {
        const whole = Object.fromEntries(
          // Without the list, whose own unions the writer would have wrapped too.
          Object.entries({ ...update, steps: null }).map(([name, value]) => [
            name,
            typeof value === 'number' ? (Math.trunc(value) % 1000) | 0 : value,
          ]),
        );
        const wire = Object.fromEntries(
          fields.map(({ name, type }) => {
            const value = whole[name];
            if (type === 'bytes') return [name, Buffer.from(value as string)];
            if (Array.isArray(type) && value !== null) {
              return [name, { [branchName(type)]: value }];
            }
            return [name, value];
          }),
        );
        const schema = record(fields, 'com_example_Update');
        expect(read('updates', schema, written(schema, wire))).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  test('records of every topic, written with our schema in another order and with more in it', () => {
    const shuffle = (schema: unknown): unknown => {
      if (Array.isArray(schema)) return schema.map(shuffle);
      if (typeof schema !== 'object' || schema === null) return schema;
      const { fields, items, values, type, ...rest } = schema as Record<string, unknown>;
      if (fields === undefined) {
        const inner = {
          ...(items ? { items: shuffle(items) } : {}),
          ...(values ? { values: shuffle(values) } : {}),
        };
        return { ...rest, ...inner, type: typeof type === 'object' ? shuffle(type) : type };
      }
      // A type is defined where it is first used: reversing keeps that only where nothing is used twice.
      const own = (fields as FieldSchema[]).map((field) => ({ ...field, type: shuffle(field.type) }));
      return { ...rest, type, fields: [{ name: 'more', type: ['null', 'long'], default: null }, ...own] };
    };
    for (const topic of ['questions', 'turns', 'judged', 'scored', 'trajectories'] as const) {
      const schema = shuffle(schemaOf(topic)) as avro.Schema;
      // avsc as the writer: it fills `more` with its default.
      const type = avro.Type.forSchema(schema, { wrapUnions: false });
      const reader = compileWriter(topicSchema(topic), JSON.stringify(schema));
      fc.assert(
        fc.property(arbitraryRecord(topic), (value) => {
          const plain = avro.Type.forSchema(schemaOf(topic) as avro.Schema, { wrapUnions: false });
          const oracle = type.createResolver(plain);
          const wider = type.fromBuffer(plain.toBuffer(value), oracle) as unknown;
          const ours = reader.read(type.toBuffer(wider), 0);
          expect(ours).toEqual(plain.fromBuffer(encode(topic, value).slice(HEADER_BYTES) as Buffer));
        }),
        { numRuns: 25 },
      );
    }
  });

  test.each([
    [
      'a field of another type',
      record([text('id'), text('task'), { name: 'text', type: 'int' }]),
      /field text: expected string, the writer's schema has int/,
    ],
    [
      'a field without default that is not there',
      record([text('id'), text('task')]),
      /field text: the writer's schema lacks this field, which has no default/,
    ],
    ['no record', 'string', /expected record, the writer's schema has string/],
    ['a name that is none', record([text('id-x')]), /"id-x" where a name was expected/],
    ['a prototype for a field', record([text('__proto__')]), /where a name was expected/],
    ['a type that is not defined', record([{ name: 'id', type: 'Nothing' }]), /no Avro schema/],
    [
      'a property of every object for a type',
      record([{ name: 'id', type: 'constructor' }]),
      /no Avro schema/,
    ],
    [
      'an array of nothing',
      record([{ name: 'meta', type: { type: 'array', items: 'null' } }]),
      /field meta: expected map/,
    ],
    ['nothing at all', null as unknown as object, /no Avro schema/],
  ])('%s is refused in plain words', (_, schema, message) => {
    expect(() => compileWriter(topicSchema('questions'), JSON.stringify(schema))).toThrow(DataError);
    expect(() => compileWriter(topicSchema('questions'), JSON.stringify(schema))).toThrow(message);
  });

  test('schemas that are too large or too deep are refused', () => {
    const deep = `${'{"type":"array","items":'.repeat(5000)}"string"${'}'.repeat(5000)}`;
    const many = JSON.stringify(record(Array.from({ length: 6000 }, (_, i) => text(`f${i}`))));
    for (const schema of [deep, many]) {
      expect(() => compileWriter(topicSchema('questions'), schema)).toThrow(/too many parts/);
    }
    expect(() => compileWriter(topicSchema('questions'), ' '.repeat(2 ** 20 + 1))).toThrow(/characters long/);
  });
});

describe('hostile schemas', () => {
  const word = fc.constantFrom(
    ...'record enum fixed array map string long null id task text meta swirl.Question'.split(' '),
    ...['constructor', 'toString', '__proto__', 'hasOwnProperty', 'class', 'a.b', '.', ''],
  );
  const key = fc.constantFrom(...'type name namespace fields items values symbols size default'.split(' '));
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 6 },
      word,
      fc.constantFrom(null, -1, 1.5, 1e9, true),
      fc.array(tie('schema'), { maxLength: 4 }),
      fc.dictionary(key, tie('schema'), { maxKeys: 5 }),
      fc.record({ name: word, type: tie('schema') }),
      fc.record({
        type: fc.constant('record'),
        name: word,
        fields: fc.array(tie('schema'), { maxLength: 5 }),
      }),
    ),
  }));

  test('whatever the schema is, it is compiled or refused as a DataError', () => {
    const fields = ['id', 'task', 'text'].map(text);
    fc.assert(
      fc.property(schema, fc.uint8Array({ maxLength: 60 }), (type, bytes) => {
        for (const candidate of [type, record([{ name: 'more', type }, ...fields])]) {
          try {
            const reader = compileWriter(topicSchema('questions'), JSON.stringify(candidate));
            expect(reader.read(Buffer.from(bytes), 0)).toHaveProperty('task');
          } catch (error) {
            expect(error).toBeInstanceOf(DataError);
          }
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('hostile bytes', () => {
  const tree = {
    type: 'record',
    name: 'Tree',
    fields: [
      { name: 'children', type: { type: 'array', items: 'Tree' } },
      { name: 'next', type: ['null', 'Tree'] },
      { name: 'any', type: { type: 'map', values: ['null', 'string', 'Tree'] } },
    ],
  };
  const wide = record(
    Array.from({ length: 1000 }, (_, i) => ({ name: `n${i}`, type: 'null' })),
    'Wide',
  );
  const schema = record([
    text('id'),
    { name: 'tree', type: tree },
    text('task'),
    { name: 'wides', type: { type: 'array', items: wide } },
    text('text'),
    { name: 'meta', type: { type: 'map', values: ['string', 'bytes'] } },
  ]);
  const reader = compileWriter(topicSchema('questions'), JSON.stringify(schema));
  const leaf = { children: [], next: null, any: {} };
  const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: true });
  const good = type.toBuffer({
    id: 'q1',
    tree: {
      children: [leaf, { ...leaf, next: { 'swirl.Tree': leaf } }],
      next: null,
      any: { a: { string: 'x' } },
    },
    task: 'm',
    wides: [],
    text: 't',
    meta: { k: { bytes: Buffer.from('v') } },
  });

  test('types that contain themselves are stepped over', () => {
    expect(reader.read(good, 0)).toEqual({
      ...question,
      id: 'q1',
      task: 'm',
      text: 't',
      source: null,
      meta: { k: 'v' },
    });
  });

  test('whatever the bytes are, the end is a record or a DataError', () => {
    const any = (bytes: Buffer) => {
      try {
        expect(reader.read(bytes, 0)).toHaveProperty('id');
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    };
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
        fc.nat(good.length),
        (changes, cut) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of changes) bytes[at] = value;
          any(bytes);
          any(bytes.subarray(0, cut));
        },
      ),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => any(Buffer.from(bytes))),
      { numRuns: 1000 },
    );
  });

  test('counts beyond the bytes, endless depth and endless width are refused at once', () => {
    const head = Buffer.from('\u0004q1');
    const hundredMillion = Buffer.from('8084af5f', 'hex');
    expect(() => reader.read(Buffer.concat([head, hundredMillion, Buffer.alloc(8)]), 0)).toThrow(DataError);
    // One child in one child in one child…
    expect(() => reader.read(Buffer.concat([head, Buffer.alloc(100_000, 2)]), 0)).toThrow(
      /at most 64 levels/,
    );
    // A million records of a thousand fields that take no bytes.
    const count = Buffer.from('80897a', 'hex');
    const rest = Buffer.concat([
      head,
      Buffer.from([0, 0, 0]),
      Buffer.from('\u0002m'),
      count,
      Buffer.alloc(1_000_003),
    ]);
    expect(() => reader.read(rest, 0)).toThrow(/more parts than a record of this size/);
  });

  test('a map key __proto__ is refused, read or not', () => {
    const evil = Buffer.from(
      good.toString('latin1').replace('\u0002k', `${String.fromCharCode(18)}__proto__`),
      'latin1',
    );
    expect(() => reader.read(evil, 0)).toThrow(/__proto__/);
  });
});
