/** Prints the records of a topic. */
import { once } from 'node:events';
import { ConfigError, DataError } from '../errors.ts';
import { printable } from '../monitor/printable.ts';
import type { Condition } from '../monitor/where.ts';
import { openTransport } from '../open-transport.ts';
import { isTopic, topicNames } from '../topics/avro/codec.ts';
import { type ReadRecord, readEntries } from '../topics/read-records.ts';
import type { Topic } from '../topics/records.generated.ts';
import type { ReadFrom } from '../topics/transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import type { Topology } from '../topology/topology.ts';

export interface TapOptions {
  readonly where: Condition;
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
  if (!isTopic(topic)) throw new ConfigError(`${topic}: no such topic; there are ${topicNames.join(', ')}`);
  const { where, from, limit, follow, json, signal, partition } = options;
  const transport = await openTransport(topology, {
    access: 'read',
    notify: (message) => process.stderr.write(`${message}\n`),
  });
  try {
    const source = { transport, codec: await codecOf(topology, 'read') };
    let shown = 0;
    if (limit <= 0) return;
    for await (const entry of readEntries(source, topic, {
      from,
      follow,
      signal,
      ...(partition === undefined ? {} : { partition }),
    })) {
      if (entry.record instanceof DataError ? false : !where(entry.record)) continue;
      const line = json ? jsonLine(entry) : textLine(entry);
      if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
      shown++;
      if (shown >= limit) break;
    }
  } finally {
    await transport.close();
  }
}

function jsonLine({ topic, partition, offset, time, key, record, value }: ReadRecord<Topic>): string {
  const place = { topic, partition, offset, time, key };
  if (!(record instanceof DataError)) return JSON.stringify({ ...place, record });
  return JSON.stringify({ ...place, error: record.message, bytes: Buffer.from(value).toString('base64') });
}

function textLine({ partition, offset, record }: ReadRecord<Topic>): string {
  const place = `${partition}:${offset}`.padStart(8);
  if (record instanceof DataError) return `${place}  cannot be decoded: ${printable(record.message)}`;
  return `${place}  ${describe(record)}`;
}

/** What a person wants to see of a record first, on one line. */
function describe(record: unknown): string {
  const at = (path: string) =>
    path
      .split('.')
      .reduce<unknown>((value, name) => (value as Record<string, unknown> | null)?.[name], record);
  const sub = at('subTrajectory') ?? record;
  const action = at('action') ?? (sub as Record<string, unknown>).action;
  const parts = [
    String(at('id')),
    // A failure is named for its place; this is what failed.
    at('record'),
    at('verdict.label'),
    at('reward.value') === undefined ? undefined : `reward ${at('reward.value')}`,
    at('end'),
    at('answer') === undefined || at('answer') === null
      ? undefined
      : `answer ${JSON.stringify(at('answer'))}`,
    at('message') ?? at('text') ?? (action as Record<string, unknown> | undefined)?.text,
    at('weightsHash') === undefined
      ? undefined
      : `loss ${Number(at('loss')).toFixed(4)} weights ${String(at('weightsHash')).slice(0, 12)}`,
    at('verdict.rationale'),
  ];
  return parts
    .filter((part) => part !== undefined && part !== null && part !== '')
    .map((part) => printable(String(part), 100))
    .join('  ');
}
