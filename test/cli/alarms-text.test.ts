/** What the end of a run says of its alarms. */
import { expect, test } from '@jest/globals';
import { alarmsJson, alarmsText } from '../../src/cli/alarms-text.ts';
import type { KeptAlarm } from '../../src/monitor/kept-alarms.ts';

const last = new Date(2026, 10, 30, 4, 5, 6).getTime();
const kept = (over: Partial<KeptAlarm> = {}): KeptAlarm => ({
  ...{ when: 'share.BAD > 0.8', over: 9, do: 'warn', times: 1, saw: 'share.BAD is 0.84', first: last, last },
  ...over,
});
/** Without where lines were broken for the screen. */
const lines = (text: string) =>
  text
    .replaceAll(/\n {2}/g, ' ')
    .split('\n')
    .slice(0, -1);

test('an alarm is one line with what it saw, how often, when last, and what it did', () => {
  expect(lines(alarmsText([kept(), kept({ times: 3, do: 'stop' })]))).toEqual([
    'alarm: share.BAD > 0.8 (share.BAD is 0.84, over 9), 2026-11-30 04:05:06',
    'alarm: share.BAD > 0.8 (share.BAD is 0.84, over 9), 3 times, last 2026-11-30 04:05:06; it stopped the run',
  ]);
  expect(alarmsText([])).toBe('');
});

test('no more than ten are printed, each in lines that no terminal takes for commands', () => {
  const many = Array.from({ length: 30 }, (_, i) => kept({ when: `lag.\u001b[2J${i} > 1` }));
  const text = alarmsText(many);
  expect(lines(text)).toHaveLength(11);
  expect(text).toMatch(/and 20 more alarms, raised before these\n$/);
  expect(text).not.toContain('\u001b');
});

test('programs are told what of it was in this process', () => {
  const { when, over, saw } = kept();
  const own = { when, over, do: 'warn' as const, times: 2, saw, holds: true };
  const [json] = alarmsJson([kept({ times: 5 })], [own]);
  expect(json).toEqual({
    ...{ when, over, do: 'warn', saw, times: 5, here: 2, holds: true },
    ...{ first: new Date(last).toISOString(), last: new Date(last).toISOString() },
  });
});
