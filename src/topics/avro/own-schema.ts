/**
 * The Avro schema of a topic of one's own: read from a file or from the topology, bounded, and checked for what a
 * record here may be. Records of Swirl's own (`swirl.SubTrajectory` and the like) may be used in it by name.
 */
import { ConfigError } from '../../errors.ts';
import { checkRecord } from './check-record.ts';
import {
  type AvroSchema,
  collectNamed,
  fullName,
  isPrimitive,
  type NamedSchema,
  type SchemaNode,
  schemaTree,
  selfContained,
} from './schema-tree.ts';
import { builtInRecords, idOfHash, schemaHash, type TopicSchema } from './schemas.ts';

/** Longest text of a schema: it is kept in the resolved topology, which has a bound of its own. */
export const MAX_SCHEMA_CHARACTERS = 64 * 1024;
const MAX_PARTS = 2_000;
const MAX_DEPTH = 32;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Attributes on which nothing here depends; other programs may know them. */
const KEPT = ['doc', 'logicalType', 'precision', 'scale', 'order', 'optional'] as const;

export interface OwnTopicOptions {
  readonly topic: string;
  /** The schema as JSON. */
  readonly schema: unknown;
  /** The field whose text decides a record's partition; dots lead into records. */
  readonly key: string;
  /** What its records were written with before, as JSON. */
  readonly earlier?: readonly unknown[];
}

/** What is known of a topic with a schema of its own. Throws a `ConfigError` that says what about it cannot be. */
export function ownTopic({ topic, schema: json, key, earlier = [] }: OwnTopicOptions): TopicSchema {
  const schema = ownSchema(json);
  const tree = treeOf(schema);
  if (tree.kind !== 'record') throw new ConfigError('expected the schema of a record');
  const path = keyPath(tree, key);
  const hash = hashOf(schema);
  return {
    topic,
    record: null,
    schema,
    hash,
    id: idOfHash(hash),
    earlier: new Map(earlier.map(ownSchema).map((before) => [idOfHash(hashOf(before)), before])),
    tree,
    key: (record) => String(path.reduce<unknown>((value, field) => fieldOf(value, field), record)),
  };
}

function hashOf(schema: AvroSchema): string {
  try {
    return schemaHash(schema);
  } catch (cause) {
    throw new ConfigError(`no Avro schema: ${(cause as Error).message}`, { cause });
  }
}

/** The JSON of a schema's text. */
export function parseSchema(text: string): unknown {
  if (text.length > MAX_SCHEMA_CHARACTERS) {
    throw new ConfigError(`expected at most ${MAX_SCHEMA_CHARACTERS} characters, found ${text.length}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`not JSON: ${(cause as Error).message.slice(0, 200)}`, { cause });
  }
}

/** The schema with full names, what it uses of Swirl's records included. */
function ownSchema(json: unknown): AvroSchema {
  const plain = new Reader().read(json);
  const own = new Map<string, NamedSchema>();
  const twice = collectNamed(plain, own);
  if (twice !== null) throw new ConfigError(`the type ${twice} is defined twice`);
  // Of what is resolved already the definitions stand in it, as they were when it was.
  const named = new Map([...builtInRecords, ...own]);
  const schema = selfContained(plain, named);
  schemaTree(schema, named);
  checkDefaults(schema, named);
  const { length } = JSON.stringify(schema);
  if (length > MAX_SCHEMA_CHARACTERS) {
    throw new ConfigError(
      `expected at most ${MAX_SCHEMA_CHARACTERS} characters, types of Swirl's that it uses included, found ${length}`,
    );
  }
  return schema;
}

function treeOf(schema: AvroSchema): SchemaNode {
  const named = new Map<string, NamedSchema>();
  collectNamed(schema, named);
  return schemaTree(schema, named);
}

/** Reads untrusted JSON as a schema: only what is known, within bounds, every name whole. */
class Reader {
  #parts = 0;

  read(json: unknown): AvroSchema {
    const schema = this.#type(json, { at: 'the schema', namespace: '', depth: 0 });
    if (typeof schema !== 'object' || Array.isArray(schema) || schema.type !== 'record') {
      throw new ConfigError(`expected the schema of a record: {"type": "record", "name": …, "fields": […]}`);
    }
    return schema;
  }

  #type(json: unknown, place: Place): AvroSchema {
    const { at, namespace, depth } = place;
    if (++this.#parts > MAX_PARTS || depth > MAX_DEPTH) {
      fail(at, `expected at most ${MAX_PARTS} types and ${MAX_DEPTH} levels, found more`);
    }
    if (typeof json === 'string') return isPrimitive(json) ? json : qualified(json, namespace, at);
    if (Array.isArray(json)) return json.map((branch) => this.#type(branch, deeper(place)));
    if (!isObject(json)) return fail(at, `expected a type, found ${shown(json)}`);
    const { type } = json;
    switch (type) {
      case 'record':
        return this.#record(json, place);
      case 'enum':
        return this.#enum(json, place);
      case 'array': {
        const items = this.#type(json.items, deeper(place, ' items'));
        return { ...kept(json), type, items };
      }
      case 'map':
        return { ...kept(json), type, values: this.#type(json.values, deeper(place, ' values')) };
      case 'fixed':
      case 'error':
        return fail(at, `the type \`${type}\` is not read here: take \`bytes\` or \`record\``);
      default:
        return { ...kept(json), type: this.#type(type, deeper(place)) };
    }
  }

  #record(json: Json, place: Place): AvroSchema {
    const named = namesOf(json, place);
    const { fields } = json;
    if (!Array.isArray(fields)) return fail(place.at, 'expected a list of `fields`');
    const seen = new Set<string>();
    const read = fields.map((field: unknown) => {
      if (!isObject(field)) return fail(place.at, `expected a field, found ${shown(field)}`);
      const name = nameIn(field.name, place.at);
      if (seen.has(name)) fail(place.at, `the field \`${name}\` is there twice`);
      seen.add(name);
      const at = place.depth === 0 ? `field ${name}` : `${place.at}.${name}`;
      const type = this.#type(field.type, { at, namespace: named.namespace, depth: place.depth + 1 });
      return { ...kept(field), name, type, ...('default' in field ? { default: field.default } : {}) };
    });
    return { ...kept(json), type: 'record', ...named, fields: read };
  }

  #enum(json: Json, place: Place): AvroSchema {
    const { symbols } = json;
    if (!Array.isArray(symbols) || symbols.length === 0) {
      return fail(place.at, 'expected a list of `symbols`, at least one');
    }
    this.#parts += symbols.length;
    const names = symbols.map((symbol: unknown) => nameIn(symbol, place.at));
    if (new Set(names).size < names.length) fail(place.at, 'a symbol is there twice');
    return { ...kept(json), type: 'enum', ...namesOf(json, place), symbols: names };
  }
}

interface Place {
  /** For messages. */
  readonly at: string;
  readonly namespace: string;
  readonly depth: number;
}

type Json = Readonly<Record<string, unknown>>;

function deeper(place: Place, step = ''): Place {
  return { ...place, at: place.at + step, depth: place.depth + 1 };
}

/** The name and namespace of a definition, by Avro's rules: a dotted name is a full one. */
function namesOf({ name, namespace }: Json, place: Place): Pick<NamedSchema, 'name' | 'namespace'> {
  if (typeof name !== 'string') return fail(place.at, `expected a \`name\`, found ${shown(name)}`);
  const dot = name.lastIndexOf('.');
  const space = dot >= 0 ? name.slice(0, dot) : namespace === undefined ? place.namespace : namespace;
  const parts = space === '' || space === null ? [] : String(space).split('.');
  for (const part of parts) nameIn(part, place.at);
  return { name: nameIn(name.slice(dot + 1), place.at), namespace: parts.join('.') };
}

function qualified(name: string, namespace: string, at: string): string {
  for (const part of name.split('.')) nameIn(part, at);
  return name.includes('.') ? name : fullName({ name, namespace });
}

function nameIn(name: unknown, at: string): string {
  if (typeof name === 'string' && NAME.test(name) && name !== '__proto__' && name.length <= 256) return name;
  return fail(at, `expected a name of letters, digits and \`_\`, found ${shown(name)}`);
}

function kept(json: Json): Record<string, unknown> {
  const plain = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value);
  return Object.fromEntries(KEPT.flatMap((key) => (plain(json[key]) ? [[key, json[key]]] : [])));
}

/** Defaults stand for fields that a line of JSON or another writer leaves out, so they must be values of the type. */
function checkDefaults(schema: AvroSchema, named: ReadonlyMap<string, NamedSchema>): void {
  if (typeof schema === 'string') return;
  if (Array.isArray(schema)) {
    for (const branch of schema) checkDefaults(branch, named);
    return;
  }
  const { type, items, values, fields } = schema as Json;
  if (type === 'record') {
    for (const field of fields as NonNullable<NamedSchema['fields']>) {
      if ('default' in field) checkDefault(field.name, field.type, { value: field.default, named });
      checkDefaults(field.type, named);
    }
    return;
  }
  for (const part of [type, items, values]) if (part !== undefined) checkDefaults(part as AvroSchema, named);
}

function checkDefault(
  name: string,
  type: AvroSchema,
  { value, named }: { readonly value: unknown; readonly named: ReadonlyMap<string, NamedSchema> },
): void {
  // Avro: the default of a union is of its first branch.
  if (Array.isArray(type) && (value === null) !== (type[0] === 'null')) {
    const order = value === null ? '["null", …]' : '[…, "null"]';
    fail(`field ${name}`, `its default is of the second type of the union: write the union as ${order}`);
  }
  try {
    checkRecord('default', schemaTree(type, named), value);
  } catch (cause) {
    const problem = (cause as Error).message.replace(/^topic default(, field )?/, '');
    throw new ConfigError(`field ${name}: its default does not fit: ${problem.replace(/^: /, '')}`, {
      cause,
    });
  }
}

/** The fields that lead to the key. */
function keyPath(tree: SchemaNode, key: string): readonly string[] {
  const path = key.split('.');
  let node: SchemaNode = tree;
  for (const [depth, name] of path.entries()) {
    const fields = node.kind === 'record' ? node.fields : [];
    const field = fields.find((one) => one.name === name);
    if (field === undefined) {
      const known = fields.map((one) => `\`${one.name}\``).join(', ') || 'none';
      const place = depth === 0 ? 'the schema' : `\`${path.slice(0, depth).join('.')}\``;
      throw new ConfigError(
        `\`key\` is \`${key}\`, and ${place} has no field \`${name}\`: there are ${known}`,
      );
    }
    node = field.node;
  }
  if (node.kind === 'string') return path;
  throw new ConfigError(
    `\`key\` is \`${key}\`, which is of type ${node.kind}: expected a field of type string`,
  );
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 60) ?? 'nothing';
}

function fail(at: string, problem: string): never {
  throw new ConfigError(`${at}: ${problem}`);
}
