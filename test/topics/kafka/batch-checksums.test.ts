/** Batches of records whose bytes have changed on the way or on a broker's disk. */
import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import { TransportError } from '../../../src/errors.ts';
import { checkBatches } from '../../../src/topics/kafka/batch-checksums.ts';

const require = createRequire(import.meta.url);
interface Encoded {
  readonly buffer: Buffer;
}
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(options: object): Promise<Encoded>;
};
const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (options: object) => Encoded;

/** A batch as kafkajs's producer writes it. */
async function batch(firstOffset: number, values: readonly string[]): Promise<Buffer> {
  const records = values.map((value, offsetDelta) =>
    Record({ offsetDelta, key: 'k', value: Buffer.from(value) }),
  );
  const options = { firstTimestamp: 1, maxTimestamp: 2, producerId: 7, producerEpoch: 0, firstSequence: 0 };
  const { buffer } = await RecordBatch({
    ...{ ...options, partitionLeaderEpoch: 0, lastOffsetDelta: values.length - 1, transactional: true },
    ...{ compression: 0, records },
  });
  const bytes = Buffer.from(buffer);
  bytes.writeBigInt64BE(BigInt(firstOffset));
  return bytes;
}

/** An answer to a fetch, by Kafka's protocol guide. */
function answer(version: number, records: Buffer): Buffer {
  const name = Buffer.from('swirl.main.scored');
  const int32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  return Buffer.concat([
    Buffer.alloc(version >= 7 ? 10 : 4),
    int32(1),
    Buffer.from([0, name.length]),
    name,
    int32(1),
    int32(3),
    Buffer.alloc(version >= 5 ? 26 : 18),
    int32(1),
    Buffer.alloc(16),
    Buffer.alloc(version >= 11 ? 4 : 0),
    int32(records.length),
    records,
  ]);
}

test.each([4, 5, 7, 11])(
  'version %i: whole batches pass, the cut end of the last one too',
  async (version) => {
    const records = Buffer.concat([await batch(10, ['120 books', 'b']), await batch(12, ['c'])]);
    expect(() => checkBatches(answer(version, records), version)).not.toThrow();
    expect(() => checkBatches(answer(version, records.subarray(0, -3)), version)).not.toThrow();
    expect(() => checkBatches(answer(version, Buffer.alloc(0)), version)).not.toThrow();
  },
);

test('a flipped bit of what the checksum is of is seen, with topic, partition and offset', async () => {
  const [first, second] = [await batch(10, ['120 books', 'b']), await batch(12, ['c'])];
  const whole = Buffer.concat([first, second]);
  for (let at = first.length + 17; at < whole.length; at++) {
    const records = Buffer.from(whole);
    records[at] ^= 1 << (at % 8);
    const checking = () => checkBatches(answer(11, records), 11);
    expect(checking).toThrow(TransportError);
    expect(checking).toThrow(/^swirl\.main\.scored, partition 3, offset 12 and on: a batch .* \(CRC32C\)/);
  }
});
