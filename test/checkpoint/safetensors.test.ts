import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SafetensorsFile, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { toFloat32Values, type WeightDtype } from '../../src/engine/number-formats.ts';
import { DataError } from '../../src/errors.ts';
import { fixturePath, readTensors } from '../engine/fixtures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file with this header and so many bytes of data. */
async function fileOf(header: unknown, dataBytes: number): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const path = join(folder, 'case.safetensors');
  await writeFile(path, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
  return path;
}

async function openError(path: string): Promise<unknown> {
  return SafetensorsFile.open(path).then(
    (file) => file.close(),
    (error: unknown) => error,
  );
}

describe('round trip', () => {
  test('numbers come back to the bit, NaN payloads, -0 and empty tensors too, in slices', async () => {
    const path = join(folder, 'round.safetensors');
    const odd = new Float32Array(new Uint32Array([0x7fc12345, 0x80000000, 0xff800000, 1]).buffer);
    const large = Float32Array.from({ length: 3_000_000 }, (_, i) => Math.fround(Math.sin(i)));
    const tensors = new Map([
      ['z.odd', { shape: [2, 2], values: odd }],
      ['a.large', { shape: [3, 1000, 1000], values: large }],
      ['empty', { shape: [0, 5], values: new Float32Array() }],
      ['scalar', { shape: [], values: Float32Array.of(7) }],
    ]);
    await writeSafetensors(path, tensors, { metadata: { step: '12' } });
    const file = await SafetensorsFile.open(path);
    expect([...file.tensors.keys()]).toEqual(['a.large', 'empty', 'scalar', 'z.odd']);
    expect(file.metadata.get('step')).toBe('12');
    expect(file.tensors.get('a.large')).toMatchObject({ dtype: 'F32', shape: [3, 1000, 1000] });
    const bits = (values: Float32Array | undefined) => Buffer.from(values?.buffer ?? new ArrayBuffer(0));
    for (const [name, { values }] of tensors)
      expect(bits(await file.read(name)).equals(bits(values))).toBe(true);
    const starts: number[] = [];
    await file.readSlices('a.large', (_, at) => starts.push(at));
    expect(starts).toEqual([0, 2 ** 20, 2 ** 21]);
    await expect(file.read('absent')).rejects.toThrow(/tensor absent, found none/);
    await file.close();
  });

  test('reads what Python wrote, and writes what Python read', async () => {
    // made-bpe/model.safetensors was written by writeSafetensors and opened by transformers (make-policy.py).
    const theirs = await readTensors(`${fixturePath('plain')}/model.safetensors`);
    expect(theirs.get('model.norm.weight')).toHaveLength(16);
    const ours = await SafetensorsFile.open(`${fixturePath('made-bpe')}/model.safetensors`);
    const path = join(folder, 'again.safetensors');
    const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const [name, { shape }] of ours.tensors) tensors.set(name, { shape, values: await ours.read(name) });
    await writeSafetensors(path, tensors);
    await ours.close();
    expect(await readFile(path)).toEqual(await readFile(ours.path));
  });

  test('writing refuses numbers that do not fill their shape', async () => {
    const tensors = new Map([['x', { shape: [2, 3], values: new Float32Array(5) }]]);
    await expect(writeSafetensors(join(folder, 'bad'), tensors)).rejects.toThrow(
      /x: expected 6 numbers.*found 5/,
    );
  });
});

describe('number formats', () => {
  test('f16 and bf16 are exact', () => {
    const read = (dtype: WeightDtype, ...words: number[]) => [
      ...toFloat32Values(new Uint8Array(Uint16Array.from(words).buffer), dtype),
    ];
    // 1, -2, the largest and smallest, 1/3 rounded, infinity, -0 (IEEE 754-2008, binary16).
    expect(read('F16', 0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555, 0x7c00, 0x8000)).toEqual([
      1,
      -2,
      65504,
      2 ** -24,
      2 ** -14,
      0.333251953125,
      Number.POSITIVE_INFINITY,
      -0,
    ]);
    expect(read('F16', 0x7e00)).toEqual([Number.NaN]);
    expect(read('BF16', 0x3f80, 0xc000, 0x4049, 0x7f80, 0x0001)).toEqual([
      1,
      -2,
      3.140625,
      Number.POSITIVE_INFINITY,
      2 ** -133,
    ]);
  });

  test('a bf16 tensor is read from a file', async () => {
    const path = await fileOf({ x: { dtype: 'BF16', shape: [3], data_offsets: [0, 6] } }, 6);
    const file = await SafetensorsFile.open(path);
    expect(await file.read('x')).toEqual(new Float32Array(3));
    await file.close();
  });

  test('another format is refused when it is read', async () => {
    const file = await SafetensorsFile.open(
      await fileOf({ x: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, 8),
    );
    await expect(file.read('x')).rejects.toThrow(/x to be F32, F16 or BF16, found I64/);
    await file.close();
  });
});

describe('hostile files', () => {
  const f32 = (shape: number[], from: number, to: number) => ({
    dtype: 'F32',
    shape,
    data_offsets: [from, to],
  });

  test.each<[string, unknown, number, RegExp]>([
    [
      'a cut file',
      { 'a.b': f32([4, 3], 0, 48) },
      40,
      /cut in tensor a\.b: expected \(4, 3\).*found \(3, 3\)/,
    ],
    ['an overlap', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12, /tensor b overlaps a/],
    ['a gap', { a: f32([2], 0, 8), b: f32([2], 12, 20) }, 20, /tensor b leaves a gap after a/],
    ['bytes left over', { a: f32([2], 0, 8) }, 9, /end with a at byte/],
    [
      'another size',
      { a: f32([2], 0, 4) },
      4,
      /tensor a \(2\) of F32: expected 8 bytes, found offsets 0 to 4/,
    ],
    ['offsets that go back', { a: f32([2], 8, 0) }, 8, /offsets 8 to 0/],
    ['negative offsets', { a: f32([2], -8, 0) }, 8, /tensor a/],
    ['a shape past counting', { a: f32([2 ** 40, 2 ** 40], 0, 8) }, 8, /expected Infinity bytes/],
    ['a shape of fractions', { a: f32([0.5], 0, 8) }, 8, /tensor a/],
    ['a negative shape', { a: f32([-1, -2], 0, 8) }, 8, /tensor a/],
    ['an entry that is none', { a: 3 }, 0, /tensor a/],
    ['a list', [], 0, /JSON object/],
    ['no JSON', '{"a":', 0, /JSON/],
    ['metadata that are no texts', { __metadata__: { a: 1 } }, 0, /__metadata__/],
  ])('%s is refused', async (_name, header, bytes, message) => {
    const error = await openError(await fileOf(header, bytes));
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toMatch(message);
  });

  test('a name like __proto__ is a name', async () => {
    const file = await SafetensorsFile.open(
      await fileOf('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    );
    expect(await file.read('__proto__')).toEqual(Float32Array.of(0));
    await file.close();
  });

  test('a header longer than the file, or than any memory, allocates nothing', async () => {
    for (const length of [9n, 2n ** 40n, 2n ** 64n - 1n]) {
      const bytes = Buffer.alloc(16);
      bytes.writeBigUInt64LE(length);
      const path = join(folder, 'long.safetensors');
      await writeFile(path, bytes);
      expect(String(await openError(path))).toMatch(`found its length given as ${length}`);
    }
  });

  test('every prefix of a file, and every flipped byte of its header, is opened or refused with a DataError', async () => {
    const path = join(folder, 'whole.safetensors');
    await writeSafetensors(path, new Map([['x', { shape: [2, 2], values: new Float32Array(4) }]]));
    const whole = await readFile(path);
    const broken = join(folder, 'broken.safetensors');
    for (let length = 0; length < whole.length; length++) {
      await writeFile(broken, whole.subarray(0, length));
      expect(await openError(broken)).toBeInstanceOf(DataError);
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 17), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const copy = Buffer.from(whole);
        copy[at] ^= flip;
        await writeFile(broken, copy);
        const error = await openError(broken);
        expect(error === undefined || error instanceof DataError).toBe(true);
      }),
    );
  });

  test('no file, and a folder', async () => {
    expect(await openError(join(folder, 'absent'))).toBeInstanceOf(DataError);
    expect(await openError(folder)).toBeInstanceOf(DataError);
  });
});
