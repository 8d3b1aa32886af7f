/**
 * TensorBoard's event files: records of TFRecord (a length and its masked CRC-32C, the bytes and theirs), each an
 * `Event` in protocol buffers (tensorflow/core/util/event.proto): `wall_time` is field 1, `step` 2,
 * `file_version` 3, `summary` 5, whose values have a `tag` (1) and a `simple_value` (2).
 */
import { crc32c } from '../crc32c.ts';

/** What TensorBoard knows an event file by. */
export const EVENT_FILE = 'events.out.tfevents.1.swirl';

/** The first record of a file; `time` in milliseconds since 1970. */
export function versionRecord(time: number): Buffer {
  return record(Buffer.concat([double(1, time / 1000), bytes(3, Buffer.from('brain.Event:2'))]));
}

/** Numbers of a step, by their tags. */
export function scalarsRecord(
  { step, time }: { readonly step: number; readonly time: number },
  scalars: Readonly<Record<string, number>>,
): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)])),
  );
  return record(Buffer.concat([double(1, time / 1000), integer(2, step), bytes(5, Buffer.concat(values))]));
}

function record(data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length));
  head.writeUInt32LE(masked(head.subarray(0, 8)), 8);
  const foot = Buffer.alloc(4);
  foot.writeUInt32LE(masked(data));
  return Buffer.concat([head, data, foot]);
}

/** So that a CRC of bytes that hold a CRC is none of the usual ones. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Wire types: 0 a varint, 1 eight bytes, 2 a length and bytes, 5 four bytes. */
function key(field: number, wire: number): Buffer {
  return Buffer.from([(field << 3) | wire]);
}

function varint(value: number): Buffer {
  const all: number[] = [];
  let left = BigInt(value);
  do {
    const byte = Number(left & 0x7fn);
    left >>= 7n;
    all.push(left > 0n ? byte | 0x80 : byte);
  } while (left > 0n);
  return Buffer.from(all);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([key(field, 0), varint(value)]);
}

function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([key(field, 2), varint(value.length), value]);
}

function double(field: number, value: number): Buffer {
  const eight = Buffer.alloc(8);
  eight.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), eight]);
}

function float(field: number, value: number): Buffer {
  const four = Buffer.alloc(4);
  four.writeFloatLE(value);
  return Buffer.concat([key(field, 5), four]);
}
