/** fast-check arbitraries of the records of every topic, derived from the schemas. */
import fc from 'fast-check';
import type { SchemaNode } from '../../../src/topics/avro/schema-tree.ts';
import { topicSchema } from '../../../src/topics/avro/schemas.ts';
import type { Topic, TopicRecords } from '../../../src/topics/records.generated.ts';

/** Any record of the topic. */
export function arbitraryRecord<K extends Topic>(topic: K): fc.Arbitrary<TopicRecords[K]> {
  return arbitrary(topicSchema(topic).tree) as fc.Arbitrary<TopicRecords[K]>;
}

const notMinusZero = (n: number): number => (n === 0 ? 0 : n);
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', 'q17/2/0', '\u0000', '<answer>4</answer>', '😀'),
);

function arbitrary(node: SchemaNode): fc.Arbitrary<unknown> {
  switch (node.kind) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'int':
      return fc.integer();
    case 'long':
      return fc.oneof(fc.maxSafeInteger(), fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER));
    case 'float':
      return fc.float({ noNaN: true, noDefaultInfinity: true }).map(notMinusZero);
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map(notMinusZero);
    case 'string':
      return text;
    case 'bytes':
      return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    case 'enum':
      return fc.constantFrom(...node.symbols);
    case 'nullable':
      return fc.option(arbitrary(node.of));
    case 'array':
      return fc.array(arbitrary(node.items), { maxLength: 4 });
    case 'map':
      return fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        arbitrary(node.values),
        { maxKeys: 4, noNullPrototype: true },
      );
    case 'record':
      return fc.record(Object.fromEntries(node.fields.map((f) => [f.name, arbitrary(f.node)])), {
        noNullPrototype: true,
      });
  }
}
