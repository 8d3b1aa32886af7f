/**
 * The frequencies of rotary positions (arXiv 2104.09864), with the scalings that stretch them to longer
 * contexts: linear, Llama 3's, and YaRN (arXiv 2309.00071). Computed in float64.
 */
import type { DecoderConfig, RopeScaling } from './config.ts';

export interface Rotation {
  /** (headSize / 2) radians per position, of each pair of elements. */
  readonly frequencies: Float64Array;
  /** Multiplies cosines and sines. */
  readonly factor: number;
}

/** Of a layer. */
export function rotationIn(config: DecoderConfig, layer: number): Rotation {
  const { windowRopeTheta } = config;
  if (windowRopeTheta === null || config.windows[layer] === null) return rotationOf(config);
  return rotationOf({ ...config, ropeTheta: windowRopeTheta, ropeScaling: null });
}

/** Of layers without a window. */
export function rotationOf({
  headSize,
  ropeTheta,
  ropeScaling,
}: Pick<DecoderConfig, 'headSize' | 'ropeTheta' | 'ropeScaling'>): Rotation {
  const half = headSize / 2;
  const plain = Float64Array.from({ length: half }, (_, i) => ropeTheta ** (-i / half));
  switch (ropeScaling?.kind) {
    case undefined:
      return { frequencies: plain, factor: 1 };
    case 'linear':
      return { frequencies: plain.map((frequency) => frequency / ropeScaling.factor), factor: 1 };
    case 'llama3':
      return { frequencies: plain.map((frequency) => llama3(frequency, ropeScaling)), factor: 1 };
    case 'yarn':
      return { frequencies: yarn(plain, ropeTheta, ropeScaling), factor: ropeScaling.attentionFactor };
  }
}

/** Long waves are stretched, short ones stay, those between are blended by their wavelength. */
function llama3(frequency: number, scaling: RopeScaling & { kind: 'llama3' }): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalPositions / high) return frequency;
  if (wavelength > originalPositions / low) return frequency / factor;
  const share = (originalPositions / wavelength - low) / (high - low);
  return ((1 - share) * frequency) / factor + share * frequency;
}

/**
 * A linear ramp over the dimensions between `betaFast` and `betaSlow` rotations within the original context.
 */
function yarn(plain: Float64Array, theta: number, scaling: RopeScaling & { kind: 'yarn' }): Float64Array {
  const half = plain.length;
  const dimensionOf = (rotations: number) =>
    (half * Math.log(scaling.originalPositions / (rotations * 2 * Math.PI))) / Math.log(theta);
  let [low, high] = [dimensionOf(scaling.betaFast), dimensionOf(scaling.betaSlow)];
  if (scaling.truncate) [low, high] = [Math.floor(low), Math.ceil(high)];
  low = Math.max(low, 0);
  high = Math.min(high, 2 * half - 1);
  if (low === high) high += 0.001; // As published: no division by zero.
  return plain.map((frequency, i) => {
    const ramp = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return (frequency / scaling.factor) * ramp + frequency * (1 - ramp);
  });
}
