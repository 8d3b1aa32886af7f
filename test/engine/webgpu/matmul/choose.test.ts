import { beforeAll, expect, test } from '@jest/globals';
import { Device } from '../../../../src/device/device.ts';
import { checkProducts } from '../../../../src/engine/webgpu/matmul/check.ts';
import { chooseProducts } from '../../../../src/engine/webgpu/matmul/choose.ts';
import { inRegisters, throughWorkgroups } from '../../../../src/engine/webgpu/matmul-variants.ts';
import { ConfigError } from '../../../../src/errors.ts';
import { onDevice } from '../../../device/on-device.ts';

onDevice('the choice of products', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.shared();
  });

  test('every family that works here passes its check', async () => {
    for (const products of [inRegisters, throughWorkgroups]) {
      expect(await checkProducts(device, products)).toBeNull();
    }
  });

  test.each([
    [
      'one number off',
      'forward',
      (values: Float32Array) => values.fill(values[30] * 1.001, 30, 31),
      /off by/,
    ],
    ['NaN', 'backwardWeight', (values: Float32Array) => values.fill(Number.NaN, 7, 8), /off by Infinity/],
  ] as const)('%s: refused with the product and the error', async (_name, product, spoil, message) => {
    const verdict = await checkProducts(device, throughWorkgroups, (name, values) => {
      if (name === product) spoil(values);
    });
    expect(verdict).toMatch(message);
    expect(verdict).toContain(product);
  });

  test('what does not repeat, and a row that depends on how many there are, are refused', async () => {
    let runs = 0;
    const again = await checkProducts(device, throughWorkgroups, (_, values) => {
      if (++runs === 2) values[40] = values[41];
    });
    expect(again).toMatch(/differs from itself/);
    runs = 0;
    const fewer = await checkProducts(device, throughWorkgroups, (_, values) => {
      if (++runs === 3) values[40] = values[41];
    });
    expect(fewer).toMatch(/depends on how many/);
  });

  test('kernels that do not compile are refused, and the device lives on', async () => {
    const unit = { factors: 'f16', sums: 'f32', m: 3, n: 5, k: 7, subgroup: 8 };
    const verdict = await checkProducts(device, { family: 'matrix', precision: 'f32', unit });
    expect(verdict).toMatch(/do not run/);
    device.check();
  });

  test('software adapters get registers; a name, as an option or in the environment, goes before that', async () => {
    const software = device.adapter.software;
    const family = async (
      ...wanted: Parameters<typeof chooseProducts> extends [Device, ...infer R] ? R : never
    ) => (await chooseProducts(device, ...wanted)).products.family;
    if (software) expect(await family({}, {})).toBe('registers');
    expect(await family({ family: 'workgroup' }, {})).toBe('workgroup');
    expect(await family({}, { SWIRL_PRODUCTS: 'workgroup' })).toBe('workgroup');
    expect(await family({ family: 'registers' }, { SWIRL_PRODUCTS: 'workgroup' })).toBe('registers');
    await expect(family({}, { SWIRL_PRODUCTS: 'fast' })).rejects.toThrow(ConfigError);
  });

  test('a family by name that the adapter cannot have is refused with what is missing', async () => {
    if (device.adapter.matrixUnits.length > 0) return;
    await expect(chooseProducts(device, { family: 'matrix' }, {})).rejects.toThrow(/matrix units/);
  });
});
