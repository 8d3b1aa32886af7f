import { beforeAll, expect, test } from '@jest/globals';
import { Device } from '../../../../src/device/device.ts';
import { checkMatmul } from '../../../../src/engine/webgpu/matmul/check.ts';
import { chooseMatmul } from '../../../../src/engine/webgpu/matmul/choose.ts';
import { inRegisters, throughWorkgroups } from '../../../../src/engine/webgpu/matmul-variants.ts';
import { ConfigError } from '../../../../src/errors.ts';
import { onDevice } from '../../../device/on-device.ts';

onDevice('the choice of matmul kernels', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.shared();
  });

  test('every family that works here passes its check', async () => {
    for (const matmul of [inRegisters, throughWorkgroups]) {
      expect(await checkMatmul(device, matmul)).toBeNull();
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
  ] as const)('%s: refused with the pass and the error', async (_name, pass, spoil, message) => {
    const verdict = await checkMatmul(device, throughWorkgroups, (name, values) => {
      if (name === pass) spoil(values);
    });
    expect(verdict).toMatch(message);
    expect(verdict).toContain(pass);
  });

  test('what does not repeat, and a row that depends on how many there are, are refused', async () => {
    let runs = 0;
    const again = await checkMatmul(device, throughWorkgroups, (_, values) => {
      if (++runs === 2) values[40] = values[41];
    });
    expect(again).toMatch(/differs from itself/);
    runs = 0;
    const fewer = await checkMatmul(device, throughWorkgroups, (_, values) => {
      if (++runs === 3) values[40] = values[41];
    });
    expect(fewer).toMatch(/depends on how many/);
  });

  test('kernels that do not compile are refused, and the device lives on', async () => {
    const unit = { factors: 'f16', sums: 'f32', m: 3, n: 5, k: 7, subgroup: 8 };
    const verdict = await checkMatmul(device, { family: 'matrix', precision: 'f32', unit });
    expect(verdict).toMatch(/do not run/);
    device.check();
  });

  test('a software adapter whose subgroups have no size that is known is told so', async () => {
    const odd = { adapter: { ...device.adapter, subgroupSize: { least: 8, most: 32 } }, has: () => true };
    await expect(chooseMatmul(odd as unknown as Device, { family: 'subgroups' }, {})).rejects.toThrow(
      /4, 8 or 16 lanes, found 8 to 32/,
    );
    const none = { adapter: { ...device.adapter, software: true }, has: () => false };
    const { matmul, refused } = await chooseMatmul(none as unknown as Device, {}, {});
    expect([matmul, refused]).toEqual([
      inRegisters,
      [{ family: 'subgroups', reason: 'the adapter has no subgroups' }],
    ]);
  });

  test('software adapters get subgroups, and registers by the rule of before; a name, as an option or in the environment, goes before that', async () => {
    const software = device.adapter.software;
    const family = async (
      ...wanted: Parameters<typeof chooseMatmul> extends [Device, ...infer R] ? R : never
    ) => (await chooseMatmul(device, ...wanted)).matmul.family;
    if (software && device.adapter.subgroupSize) {
      expect(await family({}, {})).toBe('subgroups');
      expect(await family({ family: 'with-subgroups' }, {})).toBe('subgroups');
    }
    if (software) expect(await family({ family: 'without-subgroups' }, {})).toBe('registers');
    expect(await family({ family: 'workgroup' }, {})).toBe('workgroup');
    expect(await family({}, { SWIRL_MATMUL: 'workgroup' })).toBe('workgroup');
    expect(await family({ family: 'registers' }, { SWIRL_MATMUL: 'workgroup' })).toBe('registers');
    await expect(family({}, { SWIRL_MATMUL: 'fast' })).rejects.toThrow(ConfigError);
  });

  test('a family by name that the adapter cannot have is refused with what is missing', async () => {
    if (device.adapter.subgroupMatrices.length > 0) return;
    await expect(chooseMatmul(device, { family: 'matrix' }, {})).rejects.toThrow(/subgroup matrices/);
  });
});
