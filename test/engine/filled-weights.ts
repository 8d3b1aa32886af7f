/** Weights of a decoder for tests, each number computed from its place. */
import { type DecoderConfig, sizeOf, tensorShapes } from '../../src/engine/config.ts';
import type { Tensors } from '../../src/engine/engine.ts';

export interface WeightPlace {
  /** The tensor's place among the decoder's. */
  readonly tensor: number;
  /** The number's, in its tensor and among all numbers. */
  readonly index: number;
  readonly position: number;
}

export function filledWeights(config: DecoderConfig, numberAt: (place: WeightPlace) => number): Tensors {
  let position = 0;
  return new Map(
    [...tensorShapes(config)].map(([name, shape], tensor) => [
      name,
      Float32Array.from({ length: sizeOf(shape) }, (_, index) =>
        numberAt({ tensor, index, position: position++ }),
      ),
    ]),
  );
}
