import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { asModule } from '../../src/modules/module-output.ts';

const written = { stdout: '', stderr: '' };

beforeEach(() => {
  for (const name of ['stdout', 'stderr'] as const) {
    written[name] = '';
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  }
});
afterEach(() => {
  jest.restoreAllMocks();
});

test('what a module prints goes to standard error, whenever it does', async () => {
  let later: () => void = () => {};
  const waited = new Promise<void>((resolve) => {
    later = resolve;
  });
  await asModule(async () => {
    process.stdout.write('at once;');
    setTimeout(() => {
      process.stdout.write('later;');
      later();
    }, 1);
    await Promise.resolve();
    process.stdout.write('after a wait;');
  });
  process.stdout.write('ours;');
  await waited;
  process.stdout.write('ours too;');
  expect(written).toEqual({ stdout: 'ours;ours too;', stderr: 'at once;after a wait;later;' });
});
