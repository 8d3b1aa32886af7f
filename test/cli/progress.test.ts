/**
 * Bars on a terminal: what stands on its screen after all that is written, by a small terminal that is told
 * only that.
 */
import { expect, test } from '@jest/globals';
import { showAnswered, showProgress } from '../../src/cli/progress.ts';
import type { StageProgress } from '../../src/runtime/run.ts';

/** Understands what bars use: line ends, return, up, erasing of a line and of what follows. */
function terminal(columns: number) {
  const lines: string[] = [''];
  let [row, column] = [0, 0];
  const put = (text: string) => {
    for (const character of text) {
      // A line that is full goes on in the next.
      if (column === columns) [row, column] = [row + 1, 0];
      lines[row] =
        (lines[row] ?? '').padEnd(column).slice(0, column) + character + (lines[row] ?? '').slice(column + 1);
      column++;
    }
  };
  const write = (text: string): boolean => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals are told with
    for (const [part] of text.matchAll(/\u001b\[\d*[A-Za-z]|\n|\r|[^\u001b\n\r]+/g)) {
      const up = /\[(\d+)A$/.exec(part);
      if (part === '\n') [row, column] = [row + 1, 0];
      else if (part === '\r') column = 0;
      else if (up) row -= Number(up[1]);
      else if (part.endsWith('2K')) lines[row] = '';
      else if (part.endsWith('J')) lines.splice(row, lines.length, (lines[row] ?? '').slice(0, column));
      else if (part.startsWith('\u001b')) continue;
      else put(part);
    }
    return true;
  };
  const stream = { isTTY: true, columns, write } as unknown as NodeJS.WriteStream;
  return {
    stream,
    write,
    screen: () =>
      lines
        .map((line) => line.trimEnd())
        .join('\n')
        .trimEnd(),
  };
}

const stage = (changes: Partial<StageProgress>): StageProgress => ({
  ...{ stage: 'judge', reads: 'sub-trajectories', done: 5, backlog: 5, inFlight: 2, written: {} },
  ...changes,
});

/** Longer than any test: only `stop` draws, and what is called by hand. */
const intervalMs = 1e8;

test('bars stay in place, and what is said stands above them, after a Control-C too', async () => {
  const { stream, write, screen } = terminal(60);
  let done = 1;
  const progress = async () => [stage({ done, backlog: 10 - done, inFlight: 0 }), stage({ stage: 'train' })];
  const first = showProgress({ progress, stream, intervalMs });
  await first.stop();
  done = 10;
  const shown = showProgress({ progress, stream, intervalMs: 5 });
  while (!screen().includes('10/10')) await new Promise((resolve) => setTimeout(resolve, 5));
  write('^C');
  shown.say('stopping');
  await shown.stop();
  shown.say('the end');
  const lines = screen().split('\n');
  // The last state of the first bars, then what was said, then the last state of the second.
  expect(lines.map((line) => line.replace(/[█░]+/, '=').slice(0, 24))).toEqual([
    ...['judge      = 1/10 sub-tr', 'train      = 5/10 sub-tr'],
    'stopping',
    ...['judge      = 10/10 sub-t', 'train      = 5/10 sub-tr'],
    'the end',
  ]);
});

test.each([60, 80, 200])(
  'a bar is one line of %d columns, whatever its names and numbers',
  async (columns) => {
    const { stream, screen } = terminal(columns);
    const stages = [
      stage({ stage: 'drop-those-too-like-one-another', reads: 'trajectories-that-are-distinct', done: 1e9 }),
      stage({ written: { failures: 123456 }, inFlight: 64 }),
      stage({ done: 0, backlog: 0, inFlight: 0 }),
    ];
    await showProgress({ progress: async () => stages, stream, intervalMs }).stop();
    const lines = screen().split('\n');
    expect(lines.length).toBe(stages.length);
    for (const line of lines) expect(line.length).toBeLessThan(columns);
    expect(lines[1]).toContain('123456 failed');
  },
);

test('an evaluation shows how many are answered, and how many failed', async () => {
  const { stream, screen } = terminal(80);
  await showAnswered(async () => ({ wanted: 40, of: 'questions', answered: 10, failed: 2 }), stream).stop();
  expect(screen()).toMatch(/^answered {3}█{6}░{18} 10\/40 questions 2 failed$/);
});
