/** Schemas of one's own: what is read, and what is refused in plain words. */
import { describe, expect, test } from '@jest/globals';
import avro from 'avsc';
import fc from 'fast-check';
import { subTrajectories } from '../../../src/decompose/decompose.ts';
import { ConfigError, DataError } from '../../../src/errors.ts';
import { createCodec } from '../../../src/topics/avro/codec.ts';
import { ownTopic, parseSchema } from '../../../src/topics/avro/own-schema.ts';
import { builtInTopics, topicSchema } from '../../../src/topics/avro/schemas.ts';
import { judged, trajectory } from '../../records.ts';

const record = (fields: unknown[], over: object = {}) => ({
  type: 'record',
  name: 'Flagged',
  fields,
  ...over,
});
const id = { name: 'id', type: 'string' };
const own = (schema: unknown, key = 'id') => ownTopic({ topic: 'flagged', schema, key });
const codecOf = (schema: unknown, key?: string) =>
  createCodec({ maxRecordBytes: 65_536, topics: new Map([...builtInTopics, ['flagged', own(schema, key)]]) });

const flagged = record(
  [
    id,
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' }, default: 0 },
    { name: 'label', type: { type: 'enum', name: 'Label', symbols: ['GOOD', 'BAD'] } },
    { name: 'before', type: ['null', 'Label'], default: null },
    { name: 'scores', type: { type: 'array', items: 'double' }, default: [] },
    { name: 'meta', type: { type: 'map', values: 'string' }, default: {} },
    { name: 'step', type: 'swirl.SubTrajectory' },
    { name: 'last', type: ['null', 'swirl.Action'], default: null },
  ],
  { namespace: 'mine', doc: 'A step to look at.' },
);
const step = subTrajectories(trajectory('q1/0', 1))[0];
const value = {
  id: 'q1/0/0',
  at: 5,
  label: 'BAD',
  before: 'GOOD',
  scores: [0.5],
  meta: { a: 'b' },
  step,
  last: step?.action,
};

describe('a schema that can be used', () => {
  test('its records come back as they were, and hold records of Swirl', () => {
    const codec = codecOf(flagged);
    expect(codec.decode('flagged', codec.encode('flagged', value))).toEqual(value);
    expect(own(flagged).key(value)).toBe('q1/0/0');
    expect(own(flagged, 'step.question.task').key(value)).toBe('math');
  });

  test('is whole in itself for any other program, which reads what is written', () => {
    const { schema, id } = own(flagged);
    const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: 'never' } as object);
    expect(type.name).toBe('mine.Flagged');
    const bytes = Buffer.from(codecOf(flagged).encode('flagged', value));
    expect(bytes.readInt32BE(1)).toBe(id);
    expect(JSON.parse(JSON.stringify(type.fromBuffer(bytes.subarray(5))))).toEqual(value);
  });

  test('read again from what it was resolved to, it is the same', () => {
    const first = own(flagged);
    const again = own(JSON.parse(JSON.stringify(first.schema)));
    expect({ ...again, key: null }).toEqual({ ...first, key: null });
  });

  test('its hash is a matter of its shape, not of its words', () => {
    expect(own(record([{ ...id, doc: 'words' }])).hash).toBe(own(record([id], { doc: 'other' })).hash);
    expect(own(record([id, { name: 'n', type: 'int' }])).hash).not.toBe(own(record([id])).hash);
  });

  test('values that do not fit are refused with the field, and other records are not taken for its own', () => {
    const codec = codecOf(flagged);
    expect(() => codec.encode('flagged', { ...value, label: 'UGLY' })).toThrow(
      new DataError('topic flagged, field label: expected one of GOOD, BAD, found "UGLY".'),
    );
    const other = codec.encode('judged', judged(step as never));
    expect(() => codec.decode('flagged', other)).toThrow(/a record of the topic judged/);
  });

  test('any bytes decode or are a DataError', () => {
    const codec = codecOf(flagged);
    const bytes = Buffer.from(codec.encode('flagged', value));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = byte;
        try {
          codec.decode('flagged', damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
    );
  });
});

/** Twenty types, each twice the one before: a million in all. */
const doubling = record([
  id,
  ...Array.from({ length: 20 }, (_, i) => ({
    name: `r${i}`,
    type: record(
      ['a', 'b'].map((name) => ({ name, type: i === 0 ? 'string' : `R${i - 1}` })),
      { name: `R${i}` },
    ),
  })),
]);

test.each([
  ['text', 'string', /expected the schema of a record/],
  ['nothing', null, /expected a type, found null/],
  ['no fields', { type: 'record', name: 'A' }, /expected a list of `fields`/],
  ['no name', record([id], { name: undefined }), /expected a `name`/],
  ['a bad name', record([id], { name: 'a b' }), /expected a name of letters/],
  ['a field twice', record([id, id]), /the field `id` is there twice/],
  ['a type twice', record([{ ...id, type: record([id], { name: 'Flagged' }) }]), /Flagged is defined twice/],
  [
    'an unknown type',
    record([id, { name: 'x', type: 'swirl.Nothing' }]),
    /nothing defines the type "swirl.Nothing"/,
  ],
  [
    'a prototype',
    JSON.parse('{"type":"record","name":"A","fields":[{"name":"__proto__","type":"string"}]}'),
    /name/,
  ],
  [
    'fixed',
    record([id, { name: 'x', type: { type: 'fixed', name: 'F', size: 4 } }]),
    /field x: the type `fixed`/,
  ],
  [
    'a union of two',
    record([id, { name: 'x', type: ['string', 'int'] }]),
    /the only unions are \["null", T\]/,
  ],
  ['a union of nulls', record([id, { name: 'x', type: ['null', 'null'] }]), /union/],
  ['itself', record([id, { name: 'x', type: ['null', 'Flagged'] }]), /Flagged contains itself/],
  ['no symbols', record([id, { name: 'x', type: { type: 'enum', name: 'E', symbols: [] } }]), /at least one/],
  [
    'a symbol twice',
    record([id, { name: 'x', type: { type: 'enum', name: 'E', symbols: ['A', 'A'] } }]),
    /a symbol is there twice/,
  ],
  [
    'items without bytes',
    record([id, { name: 'x', type: { type: 'array', items: 'null' } }]),
    /without bytes/,
  ],
  [
    'a wrong default',
    record([id, { name: 'x', type: 'int', default: 'y' }]),
    /field x: its default does not fit/,
  ],
  [
    'a default of the other branch',
    record([id, { name: 'x', type: ['string', 'null'], default: null }]),
    /\["null", …\]/,
  ],
  ['too many levels', record([id, { name: 'x', type: nested(40) }]), /at most 2000 types and 32 levels/],
  [
    'too many types',
    record(Array.from({ length: 2100 }, (_, i) => ({ ...id, name: `f${i}` }))),
    /at most 2000 types/,
  ],
  ['types that double', doubling, /at most 5000 types, each counted where it is used/],
  ['a long text', record([{ ...id, doc: 'x'.repeat(70_000) }]), /at most 65536 characters/],
])('%s is refused', (_, schema, message) => {
  expect(() => own(schema)).toThrow(ConfigError);
  expect(() => own(schema)).toThrow(message);
});

function nested(levels: number): unknown {
  return levels === 0 ? 'string' : { type: 'array', items: nested(levels - 1) };
}

test.each([
  ['nothing', /the schema has no field `nothing`: there are `id`, `at`/],
  ['step.nothing', /`step` has no field `nothing`/],
  ['at', /of type long: expected a field of type string/],
  ['id.x', /`id` has no field `x`: there are none/],
])('the key %s is refused', (key, message) => {
  expect(() => own(flagged, key)).toThrow(message);
});

test('text that is too long or no JSON is refused before it is looked at', () => {
  expect(() => parseSchema(`"${'x'.repeat(70_000)}"`)).toThrow(/at most 65536 characters/);
  expect(() => parseSchema('{')).toThrow(/not JSON/);
});

test('any JSON is a schema or a ConfigError', () => {
  const names = fc.constantFrom(...'string record array map enum null swirl.Judged A __proto__'.split(' '));
  const json = fc.letrec((tie) => ({
    node: fc.oneof({ depthSize: 'small' }, names, fc.array(tie('node'), { maxLength: 3 }), tie('object')),
    object: fc.record(
      {
        type: fc.oneof(names, tie('node')),
        name: names,
        namespace: names,
        items: tie('node'),
        values: tie('node'),
        symbols: fc.array(names),
        default: fc.jsonValue(),
        aliases: fc.jsonValue(),
        logicalType: fc.jsonValue(),
        fields: fc.array(
          fc.record({ name: names, type: tie('node'), default: fc.jsonValue() }, { requiredKeys: [] }),
        ),
      },
      { requiredKeys: [] },
    ),
  })).node;
  fc.assert(
    fc.property(json, (type) => {
      for (const schema of [type, record([id, { name: 'x', type }])]) {
        try {
          expect(own(schema).topic).toBe('flagged');
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("the schemas of Swirl itself could be those of a topic of one's own", () => {
  for (const topic of builtInTopics.keys()) {
    const { schema, hash } = topicSchema(topic as 'judged');
    expect(own(JSON.parse(JSON.stringify(schema))).hash).toBe(hash);
  }
});
