/** A decoder's weights on a device, with what every pass over them shares. The engine and its samplers use one. */
import { Buffers } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { type DecoderConfig, type TensorShapes, tensorShapes } from '../config.ts';
import { type BatchSizes, type Dispatch, encode, Kernels } from './kernels.ts';
import { layoutParameters, type ParameterLayout } from './parameters.ts';
import { type Shape, shapeOf, shapeSource } from './shape.ts';

/** Multiplications in one submit, roughly: Windows resets a GPU that is busy for two seconds. */
const workPerSubmit = 2e10;

export class DevicePolicy {
  readonly device: Device;
  readonly config: DecoderConfig;
  readonly shapes: TensorShapes;
  readonly shape: Shape;
  readonly layout: ParameterLayout;
  readonly kernels: Kernels;
  readonly #buffers: Buffers<'weights' | 'turns'>;

  constructor(device: Device, config: DecoderConfig) {
    this.device = device;
    this.config = config;
    this.shapes = tensorShapes(config);
    // A software driver's vectors have 4 to 16 lanes, a GPU's 32 or 64.
    this.shape = shapeOf(config, device.adapter.software ? 8 : 32);
    this.layout = layoutParameters(config, this.shapes);
    this.kernels = Kernels.of(device, shapeSource(config, this.shape));
    const turns = ropeTurns(config);
    this.#buffers = new Buffers(
      device,
      'policy',
      new Map([
        ['weights', 4 * this.layout.length],
        ['turns', 4 * turns.length],
      ]),
    );
    device.gpu.queue.writeBuffer(this.turns, 0, turns);
  }

  /** All weights, as `layout` has them. */
  get weights(): GPUBuffer {
    return this.#buffers.get('weights');
  }

  get turns(): GPUBuffer {
    return this.#buffers.get('turns');
  }

  /** Submits dispatches in order; long work in several submits. */
  run(list: readonly Dispatch[], sizes: BatchSizes): void {
    const submits = Math.max(1, Math.ceil((2 * this.layout.length * sizes.tokens) / workPerSubmit));
    const each = Math.ceil(list.length / submits);
    for (let from = 0; from < list.length; from += each) {
      this.device.submit((encoder) => encode(encoder, list.slice(from, from + each), sizes));
    }
  }

  destroy(): void {
    this.#buffers.destroy();
  }
}

/** (maxPositions, headSize / 2) cosine and sine of position * theta^(-2i / headSize), computed in float64. */
function ropeTurns({ maxPositions, headSize, ropeTheta }: DecoderConfig): Float32Array<ArrayBuffer> {
  const half = headSize / 2;
  const turns = new Float32Array(maxPositions * headSize);
  for (let i = 0; i < half; i++) {
    const frequency = ropeTheta ** (-i / half);
    for (let position = 0; position < maxPositions; position++) {
      turns[2 * (position * half + i)] = Math.cos(position * frequency);
      turns[2 * (position * half + i) + 1] = Math.sin(position * frequency);
    }
  }
  return turns;
}
