import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Device } from '../../../src/device/device.ts';
import { checkKernels } from '../../../src/engine/self-check/kernels.ts';
import { sharedFiles } from '../../../src/engine/webgpu/kernels.ts';
import { onDevice } from '../../device/on-device.ts';

onDevice('the check of kernels', () => {
  // What the adapter gets, and what runs of before go on with.
  test.each(['with-subgroups', 'without-subgroups'] as const)(
    'every kernel there is was compared, and is right: %s',
    async (family) => {
      const checks = await checkKernels(await Device.shared(), { family });
      const shared = new Set(Object.values(sharedFiles).flat());
      const files = readdirSync(new URL('../../../src/engine/kernels', import.meta.url));
      // Matmul and attention come in variants and parts, of which an adapter uses some; kernels over rows in two.
      const varies = /^(matmul|tile|rows|matrix|panel|transpose|attention|lanes|subgroup|row-in)/;
      const expected = files
        .map((file) => file.replace('.wgsl', ''))
        .filter((name) => !varies.test(name) && !shared.has(name));
      const found = checks.map(({ name }) => name.replace(' (row-in-lane)', ''));
      expect(found.filter((name) => !varies.test(name))).toEqual(expected.toSorted());
      expect(found.filter((name) => varies.test(name)).length).toBeGreaterThanOrEqual(6);
      for (const { name, ok, error } of checks) expect([name, ok, error < 1e-2]).toEqual([name, true, true]);
    },
  );

  test('a kernel that leaves one wrong number, or none, is named', async () => {
    const device = await Device.shared();
    const faults: readonly [string, (values: Float64Array) => void][] = [
      ['rope', (values) => (values[7] += 0.01)],
      ['matmul-backward-weight', (values) => (values[100] *= -1)],
      ['norm-weight-reduce', (values) => values.fill(0)],
      ['logprob', (values) => (values[0] = Number.NaN)],
    ];
    const checks = await checkKernels(device, {
      read: (kernel, values) => faults.find(([name]) => name === kernel)?.[1](values),
    });
    const wrong = checks.filter(({ ok }) => !ok).map(({ name }) => name.split(' ')[0]);
    expect(wrong).toEqual(faults.map(([name]) => name).toSorted());
  });
});
