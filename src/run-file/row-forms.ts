/** The columns of exported trajectories, in the two forms that there are. */
import { type AvroSchema, type SchemaNode, schemaTree } from '../topics/avro/schema-tree.ts';

/**
 * `messages`: the conversation, as TRL and datasets read it. `trajectories`: the steps, each with its parts, its
 * verdict and its reward.
 */
const ROW_FORMS = ['messages', 'trajectories'] as const;
export type RowForm = (typeof ROW_FORMS)[number];

const text = 'string';
const maybe = (type: AvroSchema): AvroSchema => ['null', type];
const list = (items: AvroSchema): AvroSchema => ({ type: 'array', items });

interface Field {
  readonly name: string;
  readonly type: AvroSchema;
}

const record = (name: string, fields: readonly Field[]): AvroSchema =>
  ({ type: 'record', name, namespace: 'swirl.rows', fields }) as unknown as AvroSchema;

const messages = list(
  record('Message', [
    { name: 'role', type: text },
    { name: 'content', type: text },
  ]),
);

const steps = list(
  record('RowStep', [
    { name: 'text', type: text },
    { name: 'kind', type: text },
    { name: 'tool', type: maybe(text) },
    { name: 'content', type: maybe(text) },
    { name: 'reasoning', type: maybe(text) },
    {
      name: 'observation',
      type: maybe(
        record('RowObservation', [
          { name: 'tool', type: maybe(text) },
          { name: 'status', type: text },
          { name: 'text', type: text },
        ]),
      ),
    },
    { name: 'verdict', type: maybe(text) },
    { name: 'reward', type: maybe('double') },
    { name: 'policy', type: text },
  ]),
);

/** The columns of a form, in their order. */
export function rowTree(form: RowForm): SchemaNode & { readonly kind: 'record' } {
  const schema = record('Row', [
    { name: 'id', type: text },
    form === 'messages' ? { name: 'messages', type: messages } : { name: 'steps', type: steps },
    { name: 'task', type: text },
    { name: 'question', type: text },
    { name: 'answer', type: maybe(text) },
    { name: 'gold', type: list(text) },
    { name: 'end', type: text },
    { name: 'policy', type: text },
    { name: 'verdicts', type: list(maybe(text)) },
    { name: 'rewards', type: list(maybe('double')) },
    { name: 'accepted', type: 'boolean' },
    { name: 'reward', type: maybe('double') },
  ]);
  return schemaTree(schema, new Map()) as SchemaNode & { readonly kind: 'record' };
}
