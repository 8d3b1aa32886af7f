import { describe, expect, test } from '@jest/globals';
import type { DecoderConfig } from '../../../src/engine/config.ts';
import type {
  EngineOptions,
  PackedRows,
  Sampler,
  SamplerOptions,
  Tensors,
  WeightSource,
} from '../../../src/engine/engine.ts';
import { createReferenceEngine, ReferenceEngine } from '../../../src/engine/reference/engine.ts';
import { checkDecoders } from '../../../src/engine/self-check/decoders.ts';

/** The reference with a fault: what a wrong driver might do. */
function faulty(fault: {
  readonly gradients?: (found: Tensors) => void;
  readonly weights?: (found: Tensors) => void;
  readonly logprobs?: (found: Float32Array) => void;
  readonly sampled?: (logprob: number) => number;
}) {
  class Faulty extends ReferenceEngine {
    override async forward(rows: PackedRows) {
      const found = await super.forward(rows);
      fault.logprobs?.(found);
      return found;
    }
    override async gradients() {
      const found = new Map(await super.gradients());
      fault.gradients?.(found);
      return found;
    }
    override sampler(options: SamplerOptions): Sampler {
      const inner = super.sampler(options);
      const { sampled = (logprob) => logprob } = fault;
      return {
        statistics: inner.statistics,
        close: () => inner.close(),
        sample: async (request) => {
          const { tokens, logprobs } = await inner.sample(request);
          return { tokens, logprobs: logprobs.map(sampled) };
        },
      };
    }
    override async weights() {
      const found = new Map(await super.weights());
      fault.weights?.(found);
      return found;
    }
  }
  return async (config: DecoderConfig, weights: Tensors | WeightSource, options?: EngineOptions) => {
    const engine = new Faulty(config, options);
    await engine.load(weights);
    return engine;
  };
}

/** Only Gemma 2 has it. */
const norm = 'model.layers.1.pre_feedforward_layernorm.weight';
/** Changes the values of a tensor where it is. */
const change = (name: string, by: (values: Float32Array) => Float32Array) => (found: Tensors) => {
  const values = found.get(name);
  if (values) found.set(name, by(values));
};

describe('the check of decoders', () => {
  test('the reference agrees with itself, on each of them', async () => {
    const checks = await checkDecoders(createReferenceEngine);
    expect(checks.map(({ name }) => name)).toEqual([
      ...['Gemma 2', 'Llama and Qwen', 'adapters', 'sizes that are padded'],
      ...['packed as q4_0', 'packed as q4_1', 'packed as q8_0'],
    ]);
    for (const check of checks) expect(check).toMatchObject({ ok: true, repeatable: true, logprobs: 0 });
    expect(checks.map(({ tensors }) => tensors.length)).toEqual([
      2 * 11 + 2,
      // Norms of queries and keys, three biases, no post-norms, a head of its own.
      2 * (11 + 2 + 3 - 2) + 3,
      2 * 5 * 2,
      2 * (11 + 2 + 3 - 2) + 3,
      // Packed ones have adapters on two projections of a layer.
      ...[4, 4, 4],
    ]);
    for (const { sampled } of checks) expect(sampled).toBeLessThan(1e-6);
  });

  test('one tensor whose gradient is half a percent too large is found, by name', async () => {
    const checks = await checkDecoders(
      faulty({ gradients: change(norm, (values) => values.map((g) => 1.005 * g)) }),
    );
    expect(checks.map(({ ok }) => ok)).toEqual([false, ...Array(6).fill(true)]);
    const [{ tensors }] = checks;
    expect(tensors.filter(({ gradient }) => gradient > 1e-6).map(({ name }) => name)).toEqual([norm]);
    expect(tensors.find(({ name }) => name === norm)?.gradient).toBeCloseTo(0.005, 5);
  });

  test('an update that was not made is found, of adapters too', async () => {
    const gemma = await checkDecoders(faulty({ weights: change(norm, () => new Float32Array(44)) }));
    expect(gemma[0].ok).toBe(false);
    expect(gemma[0].tensors.find(({ name }) => name === norm)?.update).toBeGreaterThan(0.5);
    const b = 'base_model.model.model.layers.0.mlp.up_proj.lora_B.weight';
    const adapters = await checkDecoders(
      faulty({ weights: change(b, (values) => values.map((x) => x / 2)) }),
    );
    expect(adapters.map(({ ok }) => ok)).toEqual([true, true, false, ...Array(4).fill(true)]);
  });

  test('a missing tensor, and numbers that are not numbers, are found', async () => {
    const [missing] = await checkDecoders(faulty({ gradients: (found) => found.delete(norm) }));
    expect(missing.ok).toBe(false);
    const checks = await checkDecoders(faulty({ logprobs: (found) => found.fill(Number.NaN, 3, 4) }));
    expect(checks.map(({ ok }) => ok)).toEqual(Array(7).fill(false));
  });

  test('samples whose logprob is another than the trainer’s are found', async () => {
    const checks = await checkDecoders(faulty({ sampled: (logprob) => 1.01 * logprob }));
    for (const check of checks) expect(check).toMatchObject({ ok: false, repeatable: true, logprobs: 0 });
  });

  test('a result that differs in one bit when it is computed again is found', async () => {
    let asked = 0;
    const create = faulty({
      gradients: change(norm, (values) => {
        const changed = values.slice();
        if (asked++ % 2 === 1) new Uint32Array(changed.buffer)[0] ^= 1;
        return changed;
      }),
    });
    const [check] = await checkDecoders(create);
    expect(check).toMatchObject({ ok: false, repeatable: false });
  });
});
