import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { outsideThinking, THINKING_MARKS, withReasoning } from '../../src/agent/thinking.ts';

/** What is outside thinking, character by character: another way to the same end. */
function outside(
  text: string,
  startsInside: boolean,
): { readonly text: string; readonly endsInside: boolean } {
  const opening = text.indexOf('<think>');
  const closing = text.indexOf('</think>');
  let inside = startsInside || (closing >= 0 && (opening < 0 || closing < opening));
  let kept = '';
  for (let i = 0; i < text.length; ) {
    const mark = inside ? '</think>' : '<think>';
    if (text.startsWith(mark, i)) {
      inside = !inside;
      i += mark.length;
    } else {
      if (!inside) kept += text[i];
      i += 1;
    }
  }
  return { text: kept, endsInside: inside };
}

describe('outsideThinking', () => {
  test('agrees with a reading character by character', () => {
    const pieces = fc.array(fc.constantFrom('<think>', '</think>', 'a', ' ', '<', '</thin', 'k>'), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(pieces, fc.boolean(), (parts, startsInside) => {
        const text = parts.join('');
        const { spans, endsInside } = outsideThinking(text, THINKING_MARKS, { startsInside });
        const kept = spans.map(({ start, end }) => text.slice(start, end)).join('');
        expect({ text: kept, endsInside }).toEqual(outside(text, startsInside));
      }),
      { numRuns: 5000 },
    );
  });

  test('several pairs of marks: each is closed by its own', () => {
    const marks = [
      { open: '<think>', close: '</think>' },
      { open: '[T]', close: '[/T]' },
    ];
    const text = 'a<think>[T]b</think>c[T]<think>d[/T]e';
    const { spans } = outsideThinking(text, marks);
    expect(spans.map(({ start, end }) => text.slice(start, end))).toEqual(['a', 'c', 'e']);
  });

  test('megabytes of marks take no longer than megabytes', () => {
    for (const piece of ['<think>', '</think>', '<think></think>', '<thin']) {
      const { spans } = outsideThinking(piece.repeat(200_000), THINKING_MARKS);
      expect(spans.length).toBeLessThan(200_001);
    }
  });
});

test('reasoning that came apart stands before the text in the marks that templates look for', () => {
  expect(withReasoning({ content: 'x', reasoning: 'hm' })).toBe('<think>\nhm\n</think>\n\nx');
  expect(withReasoning({ content: 'x', reasoning: null })).toBe('x');
});
