/**
 * Records that another writer wrote with a schema of its own (another version of Swirl, a producer in another
 * language), read as ours by Avro's rules of schema resolution: fields that we do not know are left out,
 * fields that the writer does not know get our defaults, numbers widen.
 *
 * The schema comes from a registry that others write to, and the bytes from anybody: both are bounded and
 * checked before avsc sees them. The rules are applied to what avsc decoded with the writer's schema, not by
 * avsc's resolvers, which refuse a union as soon as one of its branches cannot be read.
 */
import { isUtf8 } from 'node:buffer';
import avro from 'avsc';
import { DataError } from '../../errors.ts';
import { type Path, where } from './path.ts';
import type { SchemaNode } from './schema-tree.ts';
import { type WireNode, walkBytes } from './walk-bytes.ts';
import { plainSchema, unreadNode } from './writer-types.ts';

/** Reads bodies (without the framing) of one writer for one topic. */
export interface WriterReader {
  /** The record as ours; throws a `DataError` with the place where the bytes or values cannot be one. */
  read(bytes: Buffer, start: number): unknown;
}

type Convert = (value: unknown, path: Path) => unknown;

interface Match {
  readonly wire: WireNode;
  readonly convert: Convert;
}

export interface WriterSchemaOptions {
  readonly topic: string;
  /** What the record is read as. */
  readonly tree: SchemaNode;
  /** Our own type: a writer with the same schema needs no conversion. */
  readonly own: avro.Type;
  /** avsc's type for 64-bit integers. */
  readonly long: avro.Type;
}

/** Compiles a writer's schema. A `DataError` says which field cannot be read as ours, and why. */
export function writerReader(
  schemaText: string,
  { topic, tree, own, long }: WriterSchemaOptions,
): WriterReader {
  const plain = plainSchema(topic, schemaText);
  let type: avro.Type;
  try {
    const registry = Object.assign(Object.create(null), { long }) as Record<string, avro.Type>;
    type = avro.Type.forSchema(
      plain as avro.Schema,
      {
        wrapUnions: 'always',
        omitRecordMethods: true,
        registry,
      } as Partial<avro.ForSchemaOptions>,
    );
  } catch (cause) {
    throw new DataError(
      `topic ${topic}: the writer's schema is no Avro schema: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  if (sameSchema(own, type)) return { read: (bytes, start) => decodeOwn(topic, tree, own, bytes, start) };
  const { wire, convert } = new Matcher(topic).match(type, tree, []);
  return {
    read: (bytes, start) => {
      walkBytes(topic, wire, bytes, start);
      return convert(decodeBody(topic, type, bytes, start), []);
    },
  };
}

/** What our own schema wrote. */
function decodeOwn(topic: string, tree: SchemaNode, own: avro.Type, bytes: Buffer, start: number): unknown {
  walkBytes(topic, tree, bytes, start);
  return decodeBody(topic, own, bytes, start);
}

/** One value of a type, from bytes that were walked. */
export function decodeBody(topic: string, type: avro.Type, bytes: Buffer, start: number): unknown {
  try {
    return type.fromBuffer(bytes.subarray(start));
  } catch (cause) {
    throw new DataError(`topic ${topic}: the Avro record could not be decoded.`, { cause });
  }
}

function sameSchema(own: avro.Type, type: avro.Type): boolean {
  return own.fingerprint('sha256').equals(type.fingerprint('sha256'));
}

/** Pairs the writer's types with ours: what to walk, and how to turn one value into the other. */
class Matcher {
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
  }

  match(writer: avro.Type, reader: SchemaNode, path: Path): Match {
    if (writer instanceof avro.types.WrappedUnionType) return this.#union(writer, reader, path);
    if (reader.kind === 'nullable') {
      if (writer.typeName === 'null') return { wire: { kind: 'null', minBytes: 0 }, convert: () => null };
      return this.match(writer, reader.of, path);
    }
    if (writer instanceof avro.types.RecordType && reader.kind === 'record') {
      return this.#record(writer, reader, path);
    }
    if (writer instanceof avro.types.ArrayType && reader.kind === 'array') {
      const items = this.match(writer.itemsType, reader.items, [...path, 'items']);
      if (items.wire.minBytes === 0) this.#fail(path, 'an array of values without bytes is not read');
      return {
        wire: { kind: 'array', items: items.wire, minBytes: 1 },
        convert: (value, at) => (value as unknown[]).map((item, i) => items.convert(item, [...at, i])),
      };
    }
    if (writer instanceof avro.types.MapType && reader.kind === 'map') {
      const values = this.match(writer.valuesType, reader.values, [...path, 'values']);
      return {
        wire: { kind: 'map', values: values.wire, minBytes: 1 },
        convert: (value, at) =>
          Object.fromEntries(
            Object.entries(value as object).map(([key, item]) => [key, values.convert(item, [...at, key])]),
          ),
      };
    }
    if (writer instanceof avro.types.EnumType && reader.kind === 'enum') {
      const { symbols } = reader;
      return {
        wire: { kind: 'enum', name: reader.name, symbols: writer.symbols, minBytes: 1 },
        convert: (value, at) =>
          symbols.includes(value as string)
            ? value
            : this.#fail(at, `expected one of ${symbols.join(', ')}, found ${value}`),
      };
    }
    return this.#primitive(writer, reader, path);
  }

  #record(writer: avro.types.RecordType, reader: SchemaNode & { kind: 'record' }, path: Path): Match {
    const converts = new Map<string, Convert>();
    const fields = writer.fields.map(({ name, type }) => {
      const ours = reader.fields.find((field) => field.name === name);
      if (ours === undefined) return { name, node: unreadNode(type) };
      const { wire, convert } = this.match(type, ours.node, [...path, name]);
      converts.set(name, convert);
      return { name, node: wire };
    });
    for (const field of reader.fields) {
      if (converts.has(field.name) || field.default !== undefined) continue;
      this.#fail([...path, field.name], "the writer's schema lacks this field, which has no default");
    }
    return {
      wire: {
        kind: 'record',
        name: reader.name,
        fields,
        minBytes: fields.reduce((sum, { node }) => sum + node.minBytes, 0),
      },
      convert: (value, at) =>
        Object.fromEntries(
          reader.fields.map((field) => {
            const convert = converts.get(field.name);
            return [
              field.name,
              convert === undefined
                ? structuredClone(field.default)
                : convert((value as Record<string, unknown>)[field.name], [...at, field.name]),
            ];
          }),
        ),
    };
  }

  /** A branch that cannot be read as ours is an error of the records that use it, not of the schema. */
  #union(writer: avro.types.WrappedUnionType, reader: SchemaNode, path: Path): Match {
    const branches = writer.types.map((branch) => {
      const name = branch.branchName ?? branch.typeName;
      try {
        return { name, ...this.match(branch, reader, path) };
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        const convert: Convert = () => {
          throw error;
        };
        return { name, wire: unreadNode(branch), convert };
      }
    });
    const ofName = new Map(branches.map(({ name, convert }) => [name, convert]));
    return {
      wire: { kind: 'union', branches: branches.map(({ wire }) => wire), minBytes: 1 },
      convert: (value, at) => {
        const [name, inner] =
          value === null ? ['null', null] : (Object.entries(value as object)[0] as [string, unknown]);
        return (ofName.get(name) as Convert)(inner, at);
      },
    };
  }

  #primitive(writer: avro.Type, reader: SchemaNode, path: Path): Match {
    const from = writer.typeName.replace('abstract:', '');
    const { kind } = reader;
    const same: Convert = (value) => value;
    const wire = (wireKind: 'int' | 'long' | 'float' | 'string' | 'bytes', minBytes: number): WireNode => ({
      kind: wireKind,
      minBytes,
    });
    if (from === kind) return { wire: reader, convert: same };
    if (from === 'int' && (kind === 'long' || kind === 'float' || kind === 'double')) {
      return { wire: wire('int', 1), convert: same };
    }
    if (from === 'long' && (kind === 'float' || kind === 'double')) {
      return { wire: wire('long', 1), convert: same };
    }
    if (from === 'float' && kind === 'double') return { wire: wire('float', 4), convert: same };
    if (from === 'string' && kind === 'bytes') {
      return { wire: wire('string', 1), convert: (value) => Buffer.from(value as string) };
    }
    if (from === 'bytes' && kind === 'string') {
      return { wire: wire('bytes', 1), convert: (value, at) => this.#text(value as Buffer, at) };
    }
    return this.#fail(path, `expected ${kind}, the writer's schema has ${from}`);
  }

  #text(bytes: Buffer, at: Path): string {
    return isUtf8(bytes)
      ? bytes.toString('utf8')
      : this.#fail(at, 'expected text in UTF-8, found other bytes');
  }

  #fail(path: Path, problem: string): never {
    throw new DataError(`${where(this.#topic, path)}: ${problem}.`);
  }
}
