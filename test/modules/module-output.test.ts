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

test('process.exit throws in a module, and is given on as it was called everywhere else', () => {
  const calls: unknown[][] = [];
  const exit = jest.spyOn(process, 'exit').mockImplementation(((...code: unknown[]) => {
    calls.push(code);
  }) as never);
  expect(() => asModule(() => process.exit(0))).toThrow('it called process.exit(0)');
  process.exit();
  process.exit(3);
  // Without an argument Node ends with `process.exitCode`; with one, `undefined` too, with that.
  expect(calls).toEqual([[], [3]]);
  exit.mockRestore();
});
