import { describe, expect, test } from '@jest/globals';
import { parseDecoderConfig } from '../../src/engine/families.ts';
import { rotationOf } from '../../src/engine/rope.ts';
import { publishedShapes } from './published-shapes.ts';

describe('rotary frequencies', () => {
  test.each(publishedShapes)(
    'of %s are those of transformers',
    (_name, { config, frequencies, rope_factor }) => {
      const { frequencies: found, factor } = rotationOf(parseDecoderConfig(config, 'config.json'));
      expect(found).toHaveLength(frequencies.length);
      // transformers computes scaled ones in f32, as differences.
      for (const [i, frequency] of frequencies.entries())
        expect([i, Math.abs(found[i] / frequency - 1) < 1e-5]).toEqual([i, true]);
      expect(factor).toBeCloseTo(rope_factor, 12);
    },
  );

  const plain = { headSize: 8, ropeTheta: 100, ropeScaling: null };

  test('plain: the base to the power of -2i over the head size', () => {
    const { frequencies, factor } = rotationOf(plain);
    expect([...frequencies]).toEqual([1, 100 ** -0.25, 100 ** -0.5, 100 ** -0.75]);
    expect(factor).toBe(1);
  });

  test('linear: every frequency divided', () => {
    const scaled = rotationOf({ ...plain, ropeScaling: { kind: 'linear', factor: 4 } });
    expect([...scaled.frequencies]).toEqual([...rotationOf(plain).frequencies].map((f) => f / 4));
  });

  test('YaRN: a ramp that begins and ends at the same dimension divides nothing by zero', () => {
    const { frequencies } = rotationOf({
      ...plain,
      ropeScaling: {
        ...{ kind: 'yarn', factor: 2, betaFast: 1e6, betaSlow: 1e6, originalPositions: 64 },
        ...{ attentionFactor: 1, truncate: true },
      },
    });
    expect(frequencies.every(Number.isFinite)).toBe(true);
  });
});
