/**
 * Derives `src/topics/records.generated.ts` from the Avro schemas in `schemas/`, which are the records'
 * only definition. `npm run generate` writes it; a test says when it is out of date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Avro = string | Avro[] | { type: Avro; [key: string]: unknown };
interface Named {
  type: 'record' | 'enum';
  name: string;
  doc: string;
  symbols: string[];
  fields: { name: string; type: Avro; doc: string; optional?: boolean }[];
}

const PRIMITIVES: Record<string, string> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  string: 'string',
  bytes: 'Uint8Array',
};

const schemasFolder = new URL('../schemas/', import.meta.url);
const outputFile = new URL('../src/topics/records.generated.ts', import.meta.url);

/** The text of the generated module, from the schemas as they are now. */
export function generateRecords(): string {
  const declarations: string[] = [];
  const topics: string[] = [];
  for (const file of readdirSync(schemasFolder)
    .filter((name) => name.endsWith('.avsc'))
    .sort()) {
    const schema = JSON.parse(readFileSync(new URL(file, schemasFolder), 'utf8')) as Named;
    declare(schema, declarations);
    const topic = file.slice(0, -'.avsc'.length);
    if (schema.doc.startsWith('Topic ')) topics.push(`  '${topic}': ${schema.name};`);
  }
  return [
    '// Generated from schemas/*.avsc by `npm run generate`. Do not edit.\n',
    ...declarations,
    `/** Which record each topic holds. */\nexport interface TopicRecords {\n${topics.join('\n')}\n}\n`,
    '/** The topics by name. */\nexport type Topic = keyof TopicRecords;\n',
  ].join('\n');
}

function declare(schema: Named, out: string[]): void {
  const doc = `/** ${schema.doc} */`;
  if (schema.type === 'enum') {
    out.push(`${doc}\nexport type ${schema.name} = ${schema.symbols.map((s) => `'${s}'`).join(' | ')};\n`);
    return;
  }
  // `optional` is not Avro's: such a field has a default and may be left out by who makes a record, but is
  // always there when read.
  const fields = schema.fields.map(
    (f) =>
      `  /** ${f.doc} */\n  ${f.name}${f.optional ? '?' : ''}: ${typeOf(f.type, out)}${f.optional ? ' | undefined' : ''};`,
  );
  out.push(`${doc}\nexport interface ${schema.name} {\n${fields.join('\n')}\n}\n`);
}

function typeOf(type: Avro, out: string[]): string {
  if (typeof type === 'string') return PRIMITIVES[type] ?? type.replace(/^swirl\./, '');
  if (Array.isArray(type)) return [...type.map((t) => typeOf(t, out))].sort(nullLast).join(' | ');
  switch (type.type) {
    case 'array': {
      const items = typeOf(type.items as Avro, out);
      return items.includes(' ') ? `(${items})[]` : `${items}[]`;
    }
    case 'map':
      return `Record<string, ${typeOf(type.values as Avro, out)}>`;
    case 'record':
    case 'enum':
      declare(type as unknown as Named, out);
      return (type as unknown as Named).name;
    default:
      return typeOf(type.type, out);
  }
}

function nullLast(a: string, b: string): number {
  return Number(a === 'null') - Number(b === 'null');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(outputFile, generateRecords());
