import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canRewrite, hanging, screenWidth, wrapText } from '../../src/cli/screen.ts';
import { table } from '../../src/cli/table.ts';
import { recordLine } from '../../src/cli/tap-line.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.'), minLength: 1, maxLength: 9 });
const text = fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' '));

test('a terminal has its own width; files and terminals that say nothing have 80', () => {
  expect(screenWidth({ isTTY: true, columns: 132 })).toBe(132);
  expect(screenWidth({ isTTY: true, columns: 0 })).toBe(80);
  expect(screenWidth({ isTTY: false, columns: 132 })).toBe(80);
});

test('what was written is written over on terminals only, and not on dumb ones', () => {
  expect(canRewrite({ isTTY: true }, 'xterm')).toBe(true);
  expect(canRewrite({ isTTY: true }, 'dumb')).toBe(false);
  expect(canRewrite({ isTTY: false }, 'xterm')).toBe(false);
});

test('wrapped text is as wide as it may be, and no word is lost or broken', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 9, max: 60 }), (whole, width) => {
      const lines = wrapText(whole, width);
      expect(lines.join(' ')).toBe(whole);
      for (const [index, line] of lines.entries()) {
        expect(line.length).toBeLessThanOrEqual(width);
        const next = lines[index + 1]?.split(' ')[0];
        if (next !== undefined) expect(`${line} ${next}`.length).toBeGreaterThan(width);
      }
    }),
  );
});

test('spaces that a line begins with stay, and so do words wider than the screen', () => {
  expect(wrapText('    a b', 6)).toEqual(['    a', 'b']);
  expect(wrapText('/a/path/without/spaces is long', 8)).toEqual(['/a/path/without/spaces', 'is long']);
  expect(hanging('one two three', { width: 9, indent: 2 })).toBe('one two\n  three');
});

describe('a table', () => {
  test('that fits is as wide as its cells', () => {
    expect(
      table(
        ['a', 'n'],
        [
          ['text', '7'],
          ['t', '70'],
        ],
      ),
    ).toBe('a     n\n----  --\ntext   7\nt     70');
  });

  test('is no wider than the screen, and holds every word in its column', () => {
    const rows = fc.array(fc.tuple(text, word, text), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 40, max: 90 }), (cells, width) => {
        const lines = table(['first', 'second', 'third'], cells, width).split('\n');
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        const rule = lines.findIndex((line) => /^-+ /.test(line));
        const widths = (lines[rule] ?? '').split('  ').map((dashes) => dashes.length);
        const starts = widths.map((_, i) => widths.slice(0, i).reduce((sum, each) => sum + each + 2, 0));
        for (const [column, start] of starts.entries()) {
          const found = lines.slice(rule + 1).map((line) => line.slice(start, start + (widths[column] ?? 0)));
          const words = found
            .join(' ')
            .split(' ')
            .filter((each) => each !== '');
          expect(words).toEqual(cells.flatMap((row) => (row[column] ?? '').split(' ')));
        }
      }),
    );
  });
});

describe('a record on one line', () => {
  const action = { text: `<math_exp> ${'1 + '.repeat(40)}1</math_exp>` };
  const judged = {
    id: 'q17/2/0',
    subTrajectory: { question: { text: 'What is the sum of forty and one ones?' }, action },
    verdict: { label: 'BAD', rationale: 'The result was there already: it is asked for again.' },
  };

  test('fits, with its id and verdict whole, and some of every text', () => {
    for (const room of [60, 70, 110]) {
      const line = recordLine(judged, room);
      expect(line.length).toBeLessThanOrEqual(room);
      expect(line).toMatch(/^q17\/2\/0 {2}BAD {2}What .* {2}<math_exp> .* {2}The result/);
    }
  });

  test('is whole where there is room', () => {
    expect(recordLine(judged, 400)).toBe(
      `q17/2/0  BAD  What is the sum of forty and one ones?  ${action.text}  The result was there already: it is asked for again.`,
    );
  });

  test('of a hostile text moves no cursor', () => {
    const hostile = { id: '\u001b[2J', message: 'a\r\nb\u001b]0;x\u0007', stage: 'judge' };
    expect(recordLine(hostile, 70)).toBe('\ufffd[2J  a b\ufffd]0;x\ufffd');
  });
});
