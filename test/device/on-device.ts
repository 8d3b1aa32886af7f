/**
 * Tests that need an adapter: without one they are skipped with the reason, except in CI, where they fail.
 */
import { describe, test } from '@jest/globals';
import { findAdapter } from '../../src/device/adapter.ts';

const missing = await findAdapter().then(
  () => undefined,
  (error: Error) => error.message,
);

export function onDevice(name: string, body: () => void): void {
  if (missing === undefined) {
    describe(name, body);
  } else if (process.env.CI === 'true') {
    describe(name, () => {
      test('an adapter, which CI must have', () => {
        throw new Error(missing);
      });
    });
  } else {
    describe.skip(`${name} (skipped: ${missing})`, body);
  }
}
