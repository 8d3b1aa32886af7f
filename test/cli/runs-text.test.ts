/** The list of runs fits the screen, whatever they are called and have spent. */
import { expect, test } from '@jest/globals';
import { runsText } from '../../src/cli/runs-text.ts';

const of = (name: string, settings: object = {}) => ({
  ...{ name, source: null, transport: 'embedded' as const, lastRecord: Date.UTC(2026, 10, 29, 20, 2) },
  ...{ records: { judged: 123_456_789 }, bytes: 1_234_567_890, spent: null },
  update: { step: 1_234_567, weightsHash: 'cf2db9dc9ee0'.repeat(5), meanReward: 1 },
  ...settings,
});
const spent = {
  ...{ requests: 12_345_678, kept: 1, money: 12_345.67, currency: 'USD' },
  usage: { read: 1, written: 1, cachedRead: 0, without: 0 },
} as never;

test('names that leave no room stand in a line of their own; what was spent in a table of its own', () => {
  const long = 'a-run-with-a-name-as-long-as-people-give-them';
  const text = runsText([
    of('main', { spent }),
    of('again', { source: { run: 'main', topic: 'scored' } }),
    of(long),
  ]);
  const lines = text.split('\n');
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines).toContain(long);
  expect(lines[lines.indexOf(long) + 1]).toMatch(
    /^ +2026-11-29 20:02 +123456789 +1234567 {2}cf2db9dc9ee0 +1\.1 GiB$/,
  );
  expect(text).toMatch(/^main +2026-11-29 20:02/m);
  expect(text).toMatch(/^ {2}again +2026-11-29 20:02/m);
  expect(text).toMatch(/^run +requests +spent\n-+ +-+ +-+\nmain +12345678 +12345\.67 USD$/m);
  expect(runsText([of('main')])).not.toContain('spent');
});
