import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Window } from '../../src/runtime/window.ts';

test('whatever the order of finishing, commits take finished prefixes, in order, each output once', () => {
  const plan = fc.array(fc.constantFrom('add', 'finish', 'append', 'commit'), { maxLength: 60 });
  fc.assert(
    fc.property(plan, fc.infiniteStream(fc.nat()), (actions, random) => {
      const window = new Window(8);
      const open: number[] = [];
      const expected: string[] = [];
      const committed: string[] = [];
      const finished = new Set<number>();
      let offset = 0;
      let next = 0;
      const commit = () => {
        const prefix = window.prefix();
        committed.push(...prefix.outputs.map(({ key }) => key));
        if (prefix.next !== null) {
          for (let o = next; o < prefix.next; o++) expect(finished.has(o)).toBe(true);
          next = prefix.next;
        }
        window.drop(prefix);
      };
      for (const action of actions) {
        if (action === 'add' && window.credit > 0) {
          expected.push(`record ${offset}`);
          open.push(offset);
          window.add(offset++);
        } else if (action === 'finish' && open.length > 0) {
          const [at] = open.splice(random.next().value % open.length, 1) as [number];
          finished.add(at);
          window.finish(at, [output(`record ${at}`)], 0);
        } else if (action === 'append') {
          expected.push(`own ${expected.length}`);
          window.append([output(`own ${expected.length - 1}`)], 0);
        } else if (action === 'commit') commit();
        expect(committed).toEqual(expected.slice(0, committed.length));
      }
      for (const at of open) window.finish(at, [output(`record ${at}`)], 0);
      for (const at of open) finished.add(at);
      commit();
      expect(committed).toEqual(expected);
      expect(window.inFlight).toBe(0);
    }),
  );
});

test('a delivery can be finished once, and only while it is in flight', () => {
  const window = new Window(2);
  window.add(5);
  window.finish(5, [], 0);
  expect(() => window.finish(5, [], 0)).toThrow('offset 5 was finished, but is not in flight');
  expect(() => window.finish(6, [], 0)).toThrow('offset 6');
});

function output(key: string) {
  return { topic: 't', key, value: new Uint8Array() };
}
