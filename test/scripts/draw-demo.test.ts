/** The picture in the README shows the figures that stand beside it, which the demo printed. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { type DemoFigures, drawDemo } from '../../scripts/draw-demo.ts';

const image = (name: string) => readFileSync(new URL(`../../docs/images/${name}`, import.meta.url), 'utf8');
const figures = JSON.parse(image('demo.json')) as DemoFigures;

test('drawn again from its figures it is the same', () => {
  expect(image('demo.svg')).toBe(drawDemo(figures));
});

test('every figure is in it, where the axis says', () => {
  const drawn = drawDemo(figures);
  const at = (text: string) =>
    Number(new RegExp(`class="axis" x="([\\d.]+)"[^>]*>${text} %<`).exec(drawn)?.[1]);
  const [zero, hundred] = [at('0'), at('100')];
  const dots = [...drawn.matchAll(/<circle class="(before|after)" cx="([\d.]+)" cy="(\d+)"/g)]
    // The first two explain the colors.
    .slice(2)
    .map(([, name, x]) => [name, ((Number(x) - zero) / (hundred - zero)) * 100] as const);
  const rows = ['search', 'math'].flatMap((task) =>
    ['accuracy', 'goodSteps'].flatMap((measure) =>
      ['sampled', 'greedy'].map((decoding) => figures.intervals[decoding]?.[measure]?.[task]),
    ),
  );
  expect(dots.length).toBe(2 * rows.length);
  for (const [index, row] of rows.entries()) {
    expect(dots[2 * index]?.[0]).toBe('before');
    // To the tenth of a pixel.
    expect(dots[2 * index]?.[1]).toBeCloseTo(100 * (row?.before.mean ?? -1), 1);
    expect(dots[2 * index + 1]?.[1]).toBeCloseTo(100 * (row?.after.mean ?? -1), 1);
  }
});

test('a driver whose name holds markup stays outside of the picture', () => {
  expect(drawDemo({ ...figures, device: '<script>&amp;\u0007: x' })).toContain(' script>');
});
