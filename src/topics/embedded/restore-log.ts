/** Makes the log of a run from entries that another log held: each at its offset, with its time. */
import { DataError, TransportError } from '../../errors.ts';
import type { LogEntry, TopicInfo, TopicRestorer } from '../transport.ts';
import { openChecksums } from './checksums.ts';
import type { EmbeddedConfig } from './embedded-config.ts';
import { HashWriter } from './key-hashes.ts';
import { LogFile } from './log-file.ts';
import { EntryPacker, entryKey, packGap } from './log-format.ts';
import { putEnd, putProgress, putTopic, type StoredTopic } from './log-store.ts';

export interface RestoreLogOptions {
  readonly run: string;
  /** The log's own folder, which must not be there. */
  readonly folder: string;
  readonly config: EmbeddedConfig;
  /** All topics, in the order of their making, with what they hold at the end. */
  readonly topics: readonly TopicInfo[];
  /** Whether offsets are missing between records, as they are on Kafka. */
  readonly hasGaps: boolean;
}

/** Offsets without a record that one transaction writes. */
const GAP_AT_ONCE = 50_000;

interface Place {
  readonly topic: StoredTopic;
  readonly partition: number;
  next: number;
  time: number;
}

/** Errors as of `openEmbeddedLog`. */
export async function restoreLog(options: RestoreLogOptions): Promise<TopicRestorer> {
  const { run, folder, config, topics, hasGaps } = options;
  const { maxLogBytes: mapBytes, durable } = config;
  const checksums = await openChecksums();
  const file = LogFile.open({ run, folder, access: 'write', mapBytes, durable, checksums, hasGaps });
  const { values } = file;
  const packer = new EntryPacker();
  const hashes = new HashWriter();
  const transaction = (work: () => void): void => {
    if (file.size() > mapBytes) {
      throw new TransportError(
        `the log would be larger than ${mapBytes} bytes: raise maxLogBytes of the transport (--set transport.maxLogBytes=...)`,
      );
    }
    try {
      values.db.transactionSync(work);
    } catch (error) {
      throw file.failed('writing', error);
    }
  };
  const places = new Map<string, Place>();
  transaction(() => {
    for (const { name, partitions } of topics) {
      const topic = putTopic(values, name, partitions);
      for (let partition = 0; partition < partitions; partition++)
        places.set(`${name}/${partition}`, { topic, partition, next: 0, time: 0 });
    }
  });
  const end = ({ topic, partition, next: offset, time }: Place) =>
    putEnd(values, topic, partition, { offset, time });
  /** Offsets before `until` that no record has; in a transaction. Returns whether there are more of them. */
  const fill = (place: Place, until: number): boolean => {
    const last = Math.min(until, place.next + GAP_AT_ONCE);
    for (; place.next < last; place.next++)
      values.put(entryKey(place.topic.id, place.partition, place.next), packGap(place.time));
    return place.next < until;
  };
  const fillAll = (place: Place, until: number) => {
    while (until - place.next > GAP_AT_ONCE) {
      transaction(() => {
        fill(place, until);
        end(place);
      });
    }
  };
  return {
    put: async (topic, partition, entries) => {
      const place = places.get(`${topic}/${partition}`);
      if (place === undefined) throw new DataError(`topic ${topic} has no partition ${partition}`);
      const [first] = entries;
      if (first !== undefined) fillAll(place, first.offset);
      transaction(() => {
        for (const entry of entries) {
          fill(place, entry.offset);
          putOne(place, entry);
        }
        end(place);
      });
    },
    finish: async (progress) => {
      for (const { name, offsets } of topics) {
        for (const [partition, { end: until }] of offsets.entries()) {
          const place = places.get(`${name}/${partition}`) as Place;
          fillAll(place, until);
          transaction(() => {
            fill(place, until);
            end(place);
          });
        }
      }
      transaction(() => {
        for (const [{ group, topic, run: of = run }, offsets] of progress) {
          for (const [partition, offset] of offsets)
            putProgress(values, { group, run: of, topic, partition }, offset);
        }
      });
      file.close();
    },
    abandon: async () => file.close(),
  };

  function putOne(place: Place, entry: Pick<LogEntry, 'offset' | 'time' | 'key' | 'value'>): void {
    if (entry.offset !== place.next)
      throw new DataError(`topic ${place.topic.name}: expected offset ${place.next}, found ${entry.offset}`);
    place.time = Math.max(place.time, entry.time);
    const packed = packer.pack({ time: place.time, key: entry.key, value: entry.value }, values.spare);
    values.putSpared(entryKey(place.topic.id, place.partition, place.next), packed);
    hashes.add(values, { ...place, offset: place.next }, entry.key);
    place.next++;
  }
}
