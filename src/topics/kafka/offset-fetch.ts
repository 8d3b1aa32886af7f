/**
 * What a group has committed, as OffsetFetch of version 7 tells it: a partition whose last commit's marks are
 * still on their way is `UNSTABLE_OFFSET_COMMIT`, and has to be asked for again (KIP-447). kafkajs knows the
 * versions up to 4, which answer with what was committed before: whoever goes on from there does committed
 * work twice.
 */

import type { Broker, StoredOffset } from './broker.ts';
import { compactString, FlexibleReader, NO_TAGS, unsigned } from './flexible.ts';
import { send } from './wire.ts';

const API_KEY = 9;
const VERSION = 7;

export interface OffsetFetch {
  readonly groupId: string;
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** The stored offsets; -1 where there is none. Throws what Kafka says, as kafkajs does. */
export async function fetchStableOffsets(broker: Broker, asked: OffsetFetch): Promise<StoredOffset[]> {
  const answer = await send(broker, {
    apiKey: API_KEY,
    apiVersion: VERSION,
    apiName: 'OffsetFetch',
    body: () => request(asked),
    parse: (bytes, failIf) => {
      const { offsets, errorCode } = response(bytes);
      failIf(errorCode);
      for (const offset of offsets) failIf(offset.errorCode);
      return offsets;
    },
  });
  return answer as StoredOffset[];
}

/**
 * Flexible (KIP-482): compact strings and arrays, and tagged fields, of which there are none, after each
 * structure.
 */
function request({ groupId, topic, partitions }: OffsetFetch): Buffer {
  const numbers = Buffer.alloc(4 * partitions.length);
  for (const [i, partition] of partitions.entries()) numbers.writeInt32BE(partition, 4 * i);
  const requireStable = 1;
  return Buffer.concat([
    NO_TAGS, // of the request's header
    compactString(groupId),
    unsigned(2), // one topic
    compactString(topic),
    unsigned(partitions.length + 1),
    numbers,
    NO_TAGS,
    Buffer.from([requireStable]),
    NO_TAGS,
  ]);
}

interface Answer {
  readonly offsets: (StoredOffset & { readonly errorCode: number })[];
  readonly errorCode: number;
}

function response(bytes: Buffer): Answer {
  const reader = new FlexibleReader(bytes);
  reader.tags(); // of the answer's header
  reader.int32(); // throttling
  const offsets = reader
    .array(() => {
      reader.string();
      const partitions = reader.array(() => {
        const partition = reader.int32();
        const offset = reader.int64();
        reader.int32(); // leader epoch
        const metadata = reader.string();
        const errorCode = reader.int16();
        reader.tags();
        return { partition, offset, metadata, errorCode };
      });
      reader.tags();
      return partitions;
    })
    .flat();
  return { offsets, errorCode: reader.int16() };
}
