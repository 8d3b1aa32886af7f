/**
 * What is looked at when a log is opened, besides its pages: everything but the records, which are checked as
 * they are read. Progress that is not found where it was would be taken for none, and work be done again.
 */
import { Damaged } from './damage.ts';
import { ENTRY_KEY_BYTES, ENTRY_KEYS, MARKER_KEY } from './log-format.ts';
import { listTopics, partitionEnd } from './log-store.ts';
import type { LogValues } from './log-values.ts';

/** Throws `Damaged` where something is not as it was written, or belongs to nothing. */
export function checkContents(values: LogValues): void {
  if (!values.isSealed) return;
  for (const { key, value } of values.range({ start: MARKER_KEY, end: ENTRY_KEYS.start })) {
    if (!Buffer.from(key).equals(MARKER_KEY)) values.unsealed(key, value, () => whatIs(Buffer.from(key)));
  }
  const topics = listTopics(values);
  for (const topic of topics)
    for (let partition = 0; partition < topic.partitions; partition++) partitionEnd(values, topic, partition);
  const key = values.lastKey() ?? MARKER_KEY;
  if (Buffer.compare(key, ENTRY_KEYS.start) < 0) return;
  const isKnown = key.length === ENTRY_KEY_BYTES && topics.some(({ id }) => id === key.readUInt16BE(1));
  if (key[0] === ENTRY_KEYS.start[0] && isKnown) return;
  throw new Damaged(`there is a record of a topic that is missing (key ${key.toString('hex')})`);
}

/** By the table in `log-format.ts`. */
function whatIs(key: Buffer): string {
  const kinds = ['something', 'the marker', 'a topic', 'the end of a partition', 'progress', 'an owner'];
  const kind = kinds[key[0] ?? 0] ?? 'something';
  if (key[0] === 2) return `topic number ${key.readUInt16BE(1)}`;
  if (key[0] === 3 && key.length === 5)
    return `the end of topic number ${key.readUInt16BE(1)}, partition ${key.readUInt16BE(3)}`;
  return key[0] === 4 || key[0] === 5 ? `${kind} of ${key.toString('utf8', 1)}` : kind;
}
