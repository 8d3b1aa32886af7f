/**
 * A policy's weights on a device, with what every pass over them shares. The engine and its samplers use one.
 */
import { Buffers } from '../../device/buffers.ts';
import type { Device, Recorded } from '../../device/device.ts';
import type { DecoderConfig } from '../config.ts';
import type { EngineOptions, LoraShape } from '../engine.ts';
import { type Rotation, rotationIn, rotationOf } from '../rope.ts';
import type { DecoderParts } from './decoder-parts.ts';
import { type Dispatch, encode, Kernels } from './kernels.ts';
import type { MatmulMethod } from './matmul-variants.ts';
import type { BatchSizes } from './memory/batch.ts';
import { ParameterBuffers } from './memory/parameter-buffers.ts';
import { type BufferLimits, decoderFormat, layoutAdapters, layoutDecoder } from './memory/parameters.ts';
import { paddedConfig } from './padding.ts';
import { type Shape, shapeOf, shapeSource } from './shape.ts';

/** Multiplications in one submit, roughly: Windows resets a GPU that is busy for two seconds. */
const workPerSubmit = 2e10;

export class DevicePolicy {
  readonly device: Device;
  /** With its sizes on the device. */
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly kernels: Kernels;
  readonly lora: LoraShape | null;
  readonly weights: ParameterBuffers;
  readonly adapters: ParameterBuffers | null;
  readonly limits: BufferLimits;
  readonly #buffers: Buffers<'ropeTable' | 'windowRopeTable'>;

  constructor(
    device: Device,
    config: DecoderConfig,
    {
      lora = null,
      frozen = 'f32',
      training = true,
      matmul,
    }: Omit<EngineOptions, 'precision' | 'matmul'> & { matmul?: MatmulMethod },
    limits: BufferLimits,
  ) {
    this.limits = limits;
    this.device = device;
    // The RoPE table is one binding.
    const { headSize } = paddedConfig(config);
    const positions = Math.floor(device.adapter.largestBinding / (4 * headSize));
    const maxPositions = Math.min(config.maxPositions, positions);
    this.config = { ...paddedConfig(config), maxPositions };
    this.lora = lora;
    this.shape = shapeOf(config, device.adapter.software);
    this.kernels = Kernels.of(device, shapeSource(this.config, this.shape), matmul);
    const format = decoderFormat({ lora, frozen, training });
    this.weights = new ParameterBuffers(device, 'weights', layoutDecoder(config, limits, format));
    this.adapters = lora && new ParameterBuffers(device, 'adapters', layoutAdapters(config, lora, limits));
    const window = this.config.windows.findIndex((width) => width !== null);
    const tables = new Map<'ropeTable' | 'windowRopeTable', Float32Array<ArrayBuffer>>([
      ['ropeTable', ropeTable(this.config, rotationOf(config))],
    ]);
    if (config.windowRopeTheta !== null && window >= 0) {
      tables.set('windowRopeTable', ropeTable(this.config, rotationIn(config, window)));
    }
    const sizes = [...tables].map(([name, table]) => [name, 4 * table.length] as const);
    this.#buffers = new Buffers(device, 'policy', new Map(sizes));
    for (const [name, table] of tables) device.gpu.queue.writeBuffer(this.#buffers.get(name), 0, table);
  }

  /** What is trained. */
  get trainable(): ParameterBuffers {
    return this.adapters ?? this.weights;
  }

  /** What passes need, but for their plan; without the adapters where `base` says so. */
  parts({ base = false } = {}): Omit<DecoderParts, 'plan'> {
    const { config, shape, kernels, weights, lora } = this;
    const adapters = base || !lora || !this.adapters ? null : { lora, buffers: this.adapters };
    const ropeTable = (layer: number) => {
      const local = config.windowRopeTheta !== null && config.windows[layer] !== null;
      return this.#buffers.get(local ? 'windowRopeTable' : 'ropeTable');
    };
    return { config, shape, kernels, weights, adapters, ropeTable };
  }

  /** Submits dispatches in order, and what is recorded after them; long work in several submits. */
  run(list: readonly Dispatch[], sizes: BatchSizes, after: Recorded = () => {}): void {
    const submits = Math.max(1, Math.ceil((2 * this.weights.layout.length * sizes.tokens) / workPerSubmit));
    const each = Math.ceil(list.length / submits);
    for (let from = 0; from < list.length; from += each) {
      this.device.submit((encoder) => {
        encode(encoder, list.slice(from, from + each), sizes, this.device.profiler);
        if (from + each >= list.length) after(encoder);
      });
    }
  }

  destroy(): void {
    this.weights.destroy();
    this.adapters?.destroy();
    this.#buffers.destroy();
  }
}

/** (maxPositions, headSize / 2) cosine and sine of position * frequency, computed in float64. */
function ropeTable(config: DecoderConfig, { frequencies, factor }: Rotation): Float32Array<ArrayBuffer> {
  const half = config.headSize / 2;
  const table = new Float32Array(config.maxPositions * config.headSize);
  // Padding has no pairs to turn.
  for (const i of frequencies.keys()) {
    for (let position = 0; position < config.maxPositions; position++) {
      table[2 * (position * half + i)] = factor * Math.cos(position * frequencies[i]);
      table[2 * (position * half + i) + 1] = factor * Math.sin(position * frequencies[i]);
    }
  }
  return table;
}
