/** What is said of an outage, and what counts as one. */
import { expect, test } from '@jest/globals';
import { isAstray, isPassing } from '../../../src/topics/kafka/kafka-errors.ts';
import { OutageNotes } from '../../../src/topics/kafka/outage-notes.ts';

test('an outage is one line and its end another, however many wait', () => {
  let at = 0;
  const notes: string[] = [];
  const outage = new OutageNotes({ now: () => at, notify: (note) => notes.push(note), outageMs: 60_000 });
  const [one, two, three] = [{}, {}, {}];
  const error = new Error('connect ECONNREFUSED');
  at = 6_000;
  outage.away(one, { what: 'reading turns', error, forMs: 6_000 });
  outage.away(two, { what: 'staying in the group g', error, forMs: 5_500 });
  outage.away(one, { what: 'reading turns', error, forMs: 7_000 });
  outage.back(three);
  outage.back(one);
  expect(notes).toEqual([
    'The cluster does not answer (reading turns: connect ECONNREFUSED). Trying again for up to 60 s.',
  ]);
  at = 14_000;
  outage.back(two);
  outage.back(two);
  expect(notes.slice(1)).toEqual(['The cluster answers again, after 14 s.']);
  // Who gives up says so by itself.
  outage.away(one, { what: 'reading turns', error, forMs: 6_000 });
  outage.leave(one);
  expect(notes).toHaveLength(3);
});

test('what others throw within kafkajs is no outage', () => {
  const thrown = (...frames: string[]) => {
    const error = new TypeError('x is undefined');
    error.stack = ['TypeError: x is undefined', ...frames.map((frame) => `    at ${frame}`)].join('\n');
    return error;
  };
  const theirs = 'Broker.send (/app/node_modules/kafkajs/src/broker/index.js:9:1)';
  const ours = 'parse (/app/src/topics/kafka/fetch.ts:9:1)';
  const node = 'Buffer.readInt32BE (node:internal/buffer:9:1)';
  for (const [error, astray] of [
    [thrown(theirs, ours), true],
    [thrown(node, theirs), true],
    [thrown(ours, theirs), false],
    [thrown(node, ours, theirs), false],
  ] as const) {
    expect([isAstray(error), isPassing(error)]).toEqual([astray, astray]);
  }
});
