/**
 * Files of updates. Their bytes are those that TensorBoard's own writer makes; what is in them is read here by
 * the formats' definitions alone.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crc32c } from '../../src/crc32c.ts';
import { TransportError } from '../../src/errors.ts';
import { EVENT_FILE, scalarsRecord, versionRecord } from '../../src/telemetry/event-file.ts';
import { UpdateFiles } from '../../src/telemetry/update-files.ts';
import type { Update } from '../../src/topics/records.generated.ts';
import { update } from '../records.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the check value of CRC-32C, and those of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
});

test("the bytes are those of TensorBoard's own writer (2.21.0, RecordWriter and event_pb2)", () => {
  const written =
    '1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe93c00000000000000c8b7a3520900006040' +
    'fc54d94110ac022a2e0a130a0c757064617465732f6c6f7373150000003e0a170a10757064617465732f677261644e6f726d1500004040e15e1ba6';
  const scalars = { 'updates/loss': 0.125, 'updates/gradNorm': 3 };
  const ours = [
    versionRecord(1_700_000_000_250),
    scalarsRecord({ step: 300, time: 1_700_000_001_500 }, scalars),
  ];
  expect(Buffer.concat(ours).toString('hex')).toBe(written);
});

/** Fields of a message: its number, wire type and value. */
function* fieldsOf(bytes: Buffer): Generator<{ field: number; value: Buffer | bigint }> {
  let at = 0;
  const varint = () => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7n;
    }
  };
  const take = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    const length = wire === 1 ? 8 : wire === 5 ? 4 : 0;
    yield { field: key >> 3, value: wire === 0 ? varint() : take(wire === 2 ? Number(varint()) : length) };
  }
}

/** The events of a file as step and scalars by tag; throws on a wrong checksum. */
function eventsIn(file: Buffer): { step: number; scalars: Record<string, number> }[] {
  const check = (part: Buffer, expected: number) => {
    const crc = BigInt(crc32c(part));
    const mask = (((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffff_ffffn;
    if (Number(mask) !== expected) throw new Error('wrong checksum');
  };
  const events = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    check(file.subarray(at, at + 8), file.readUInt32LE(at + 8));
    const data = file.subarray(at + 12, at + 12 + length);
    check(data, file.readUInt32LE(at + 12 + length));
    const event = { step: 0, scalars: {} as Record<string, number> };
    for (const { field, value } of fieldsOf(data)) {
      if (field === 2) event.step = Number(value);
      if (field !== 5) continue;
      for (const one of fieldsOf(value as Buffer)) {
        const [tag, number] = [...fieldsOf(one.value as Buffer)].map((part) => part.value as Buffer);
        event.scalars[tag?.toString() ?? ''] = number?.readFloatLE() ?? Number.NaN;
      }
    }
    events.push(event);
    at += 16 + length;
  }
  return events;
}

/** A table by RFC 4180, without quotes, which it has no use for. */
function rowsIn(text: string): Record<string, string>[] {
  const [head = '', ...lines] = text.trimEnd().split('\n');
  return lines.map((line) =>
    Object.fromEntries(head.split(',').map((name, i) => [name, line.split(',')[i] ?? ''])),
  );
}

const updates = fc.array(
  fc.record({
    step: fc.integer({ min: 1, max: 2 ** 40 }),
    loss: fc.double({ noNaN: true }),
    meanRatio: fc.option(fc.double({ noNaN: true, min: 0, max: 1e6 }), { nil: null }),
    actionTokens: fc.integer({ min: 0, max: 1e9 }),
  }),
  { minLength: 1, maxLength: 20 },
);

test('every measure of every update is in both files, whenever it was appended', () => {
  fc.assert(
    fc.property(updates, fc.integer({ min: 1, max: 5 }), (some, pieces) => {
      const all: Update[] = some.map((over) => update(over));
      const files = new UpdateFiles(folder, ['tensorboard', 'csv'], 1e12);
      const size = Math.ceil(all.length / pieces);
      for (let at = 0; at < all.length; at += size)
        files.append(all.slice(at, at + size).map((one, i) => ({ update: one, time: 1e12 + at + i })));
      const [version, ...events] = eventsIn(readFileSync(join(folder, 'tensorboard', EVENT_FILE)));
      expect(version).toEqual({ step: 0, scalars: {} });
      const rows = rowsIn(readFileSync(join(folder, 'updates.csv'), 'utf8'));
      expect([events.length, rows.length]).toEqual([all.length, all.length]);
      for (const [i, one] of all.entries()) {
        const [event, row] = [events[i], rows[i]];
        expect(event?.step).toBe(one.step);
        expect(row?.time).toBe(new Date(1e12 + i).toISOString());
        for (const name of ['loss', 'meanRatio', 'actionTokens', 'gradNorm', 'meanReward'] as const) {
          const value = one[name];
          expect(event?.scalars[`updates/${name}`]).toBe(value === null ? undefined : Math.fround(value));
          if (value === null) expect(row?.[name]).toBe('');
          else expect(Number(row?.[name])).toBe(value === 0 ? 0 : value);
        }
        expect(row?.weightsHash).toBe(one.weightsHash);
      }
    }),
    { numRuns: 30 },
  );
});

test('a folder that cannot be written is named', () => {
  const writing = () => new UpdateFiles('/proc/none', ['csv'], 0);
  expect(writing).toThrow('/proc/none/updates.csv: cannot be written');
  // What the disk refuses is no wrong topology.
  expect(writing).toThrow(TransportError);
});
