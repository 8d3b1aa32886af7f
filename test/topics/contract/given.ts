/** What the parts of the transport contract are given, and what they share. */
import type {
  InputPartition,
  LogEntry,
  Output,
  ReadOptions,
  Transport,
} from '../../../src/topics/transport.ts';
import { PATIENCE_MS } from '../../patience.ts';
import type { TransportFixture } from '../transport-contract.ts';

/** Made anew for each test. */
export interface Given {
  readonly fixture: TransportFixture;
  readonly run: string;
  /** A transport of the run with the topics `in` and `out` (one partition) and `wide` (three). */
  transport: Transport;
  /** Ends the subscriptions of the test. */
  over: AbortController;
  /** The first partition of a topic, owned by this test. */
  own(group: string, topic?: string, of?: Transport, run?: string): Promise<InputPartition>;
}

export function output(topic: string, key: string, value: string): Output {
  return { topic, key, value: Buffer.from(value) };
}

export function text(entry: LogEntry | undefined): string {
  return entry === undefined ? 'nothing' : Buffer.from(entry.value).toString();
}

/** Reads until `count` entries are there; with an infinite count, what is there. */
export async function collect(
  transport: Transport,
  topic: string,
  count: number,
  options: ReadOptions = {},
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  if (count === 0) return entries;
  const follow = options.follow ?? Number.isFinite(count);
  for await (const entry of transport.read(topic, { ...options, follow })) {
    if (entries.push(entry) >= count) break;
  }
  return entries;
}

/** How many entries a topic has now. */
export async function present(transport: Transport, topic: string): Promise<number> {
  return (await collect(transport, topic, Number.POSITIVE_INFINITY)).length;
}

export async function pullCount(input: InputPartition, count: number): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  while (entries.length < count) {
    const more = await input.pull(count - entries.length, PATIENCE_MS);
    if (more.length === 0) throw new Error(`expected ${count} entries, found ${entries.length}`);
    entries.push(...more);
  }
  return entries;
}

/** The offset after an entry. */
export function offsetAfter(entry: LogEntry | undefined): number {
  if (entry === undefined) throw new Error('no entry');
  return entry.offset + 1;
}

export function rising(numbers: readonly number[]): boolean {
  return numbers.every((n, i) => i === 0 || n > numbers[i - 1]);
}
