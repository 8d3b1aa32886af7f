/** Prints the records of a topic. */
import { once } from 'node:events';
import { ConfigError, DataError } from '../errors.ts';
import { printable } from '../monitor/printable.ts';
import { parseWhere } from '../monitor/where.ts';
import { openTransport } from '../open-transport.ts';
import { type ReadRecord, readEntries } from '../topics/read-records.ts';
import type { ReadFrom, Transport } from '../topics/transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import { topicSchemas } from '../topology/own-topics.ts';
import type { Topology } from '../topology/topology.ts';
import { counted } from './count.ts';
import { folderHere, ofRun } from './of-run.ts';
import { swirlCommand } from './own-name.ts';
import { screenWidth } from './screen.ts';
import { ownRecordLine, recordLine } from './tap-line.ts';
import { topicNamed } from './topic-name.ts';

/** Of a record's line that no terminal shows. */
const LONGEST_LINE = 400;

export interface TapOptions {
  /** A condition that records must meet; null: all are shown. */
  readonly where: string | null;
  readonly from: ReadFrom;
  readonly partition?: number;
  readonly limit: number;
  readonly follow: boolean;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** Where to begin, as the command line says it. */
export function parseFrom(text: string): ReadFrom {
  if (text === 'start' || text === 'end') return text;
  if (/^\d+$/.test(text)) return { offset: Number(text) };
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return { time };
  throw new ConfigError(
    `--from ${text}: expected start, end, an offset, or a time such as 2026-11-22T10:00:00Z`,
  );
}

/** Prints what passes until the end, the limit or the signal. A slow terminal slows only this reader. */
export async function tapTopic(topology: Topology, topic: string, options: TapOptions): Promise<void> {
  const { record, tree } = topicNamed(topicSchemas(topology), topic);
  const isOwn = record === null;
  const where = options.where === null ? () => true : parseWhere(options.where, tree);
  const { from, limit, follow, json, signal, partition } = options;
  const transport = await openTransport(topology, {
    access: 'read',
    notify: (message) => process.stderr.write(`${message}\n`),
  });
  try {
    const source = { transport, codec: await codecOf(topology, 'read') };
    // Into a file or another program nothing is cut off that a person might look for.
    const shape = { columns: process.stdout.isTTY ? screenWidth() : LONGEST_LINE, isOwn };
    let shown = 0;
    let seen = 0;
    if (limit <= 0) return;
    for await (const entry of readEntries(source, topic, {
      from,
      follow,
      signal,
      ...(partition === undefined ? {} : { partition }),
    })) {
      seen++;
      if (entry.record instanceof DataError ? false : !where(entry.record)) continue;
      const line = json ? jsonLine(entry) : textLine(entry, shape);
      if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
      shown++;
      if (shown >= limit) break;
    }
    if (shown === 0 && !follow)
      process.stderr.write(
        `${seen === 0 ? await nothingThere(topology, topic, transport) : `none of ${counted(seen, 'record')} in ${topic} of the run ${topology.run} meets ${options.where}`}\n`,
      );
  } finally {
    await transport.close();
  }
}

/** Nothing printed would look like a command that failed. */
async function nothingThere(topology: Topology, topic: string, transport: Transport): Promise<string> {
  const said = `no records there in ${topic} of the run ${topology.run}`;
  const filled = (await transport.topics()).filter(({ offsets }) =>
    offsets.some(({ start, end }) => end > start),
  );
  if (filled.length === 0)
    return `${said}; nothing was fed yet: ${swirlCommand('feed', 'FILE', ...ofRun(topology))}`;
  const waits = filled.every(({ name }) => topology.fed.includes(name)) && !topology.fed.includes(topic);
  return waits ? `${said}; what was fed waits for: ${swirlCommand('run', folderHere(topology))}` : said;
}

function jsonLine({ topic, partition, offset, time, key, record, value }: ReadRecord<string>): string {
  const place = { topic, partition, offset, time, key };
  if (!(record instanceof DataError)) return JSON.stringify({ ...place, record });
  return JSON.stringify({ ...place, error: record.message, bytes: Buffer.from(value).toString('base64') });
}

interface LineShape {
  readonly columns: number;
  /** Whether the records have a schema of the topology's own. */
  readonly isOwn: boolean;
}

function textLine(
  { partition, offset, key, record }: ReadRecord<string>,
  { columns, isOwn }: LineShape,
): string {
  const place = `${partition}:${offset}`.padStart(8);
  const room = columns - place.length - 2;
  if (record instanceof DataError)
    return `${place}  ${printable(`cannot be decoded: ${record.message}`, room)}`;
  return `${place}  ${isOwn ? ownRecordLine(record, { key, room }) : recordLine(record, room)}`;
}
