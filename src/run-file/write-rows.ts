/** Writes rows as JSON lines or as Parquet, a bounded number of them in memory. */
import type { FileHandle } from 'node:fs/promises';
import type { ParquetWriteOptions } from 'hyparquet-writer';
import type { SchemaNode } from '../topics/avro/schema-tree.ts';

/** Rows of a row group, which is in memory as a whole: trajectories may be long. */
const GROUP_ROWS = 1000;
/** Bytes of lines that are written at once. */
const LINES_BYTES = 2 ** 20;

type Row = object;
type SchemaElement = NonNullable<ParquetWriteOptions['schema']>[number];

/** Returns how many rows there were. */
export async function writeLines(handle: FileHandle, rows: AsyncIterable<Row>): Promise<number> {
  let [lines, bytes, count] = [[] as string[], 0, 0];
  const flush = async () => {
    await handle.writeFile(lines.join(''));
    lines = [];
    bytes = 0;
  };
  for await (const row of rows) {
    const line = `${JSON.stringify(row)}\n`;
    lines.push(line);
    bytes += line.length;
    count++;
    if (bytes >= LINES_BYTES) await flush();
  }
  await flush();
  return count;
}

/** The same as Parquet (Snappy), with the columns of the tree. */
export async function writeParquet(
  path: string,
  rows: AsyncIterable<Row>,
  tree: SchemaNode & { readonly kind: 'record' },
): Promise<number> {
  const { fileWriter, parquetWriteRows } = await import('hyparquet-writer');
  let count = 0;
  const counted = async function* () {
    for await (const row of rows) {
      count++;
      yield row as Record<string, unknown>;
    }
  };
  await parquetWriteRows({
    writer: fileWriter(path),
    rows: counted(),
    columns: tree.fields.map(({ name }) => ({ name })),
    schema: [{ name: 'root', num_children: tree.fields.length }, ...tree.fields.flatMap(elementsOf)],
    rowGroupSize: GROUP_ROWS,
    createdBy: 'swirl',
  });
  return count;
}

/**
 * A column's elements in the schema's depth-first list. Lists have the three levels of the format's
 * specification (LogicalTypes.md, Lists), as Arrow reads them.
 */
function elementsOf({ name, node }: { readonly name: string; readonly node: SchemaNode }): SchemaElement[] {
  const isNullable = node.kind === 'nullable';
  const repetition_type = isNullable ? 'OPTIONAL' : 'REQUIRED';
  const of = isNullable ? node.of : node;
  const head = { name, repetition_type } as const;
  switch (of.kind) {
    case 'string':
      return [{ ...head, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }];
    case 'double':
      return [{ ...head, type: 'DOUBLE' }];
    case 'boolean':
      return [{ ...head, type: 'BOOLEAN' }];
    case 'array':
      return [
        { ...head, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...elementsOf({ name: 'element', node: of.items }),
      ];
    case 'record':
      return [{ ...head, num_children: of.fields.length }, ...of.fields.flatMap(elementsOf)];
    default:
      throw new Error(`no column is ${of.kind}`);
  }
}
