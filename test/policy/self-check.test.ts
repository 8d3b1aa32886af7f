import { describe, expect, test } from '@jest/globals';
import type { DecoderConfig } from '../../src/policy/config.ts';
import type { PackedRows, Tensors } from '../../src/policy/engine.ts';
import { createReferenceEngine, ReferenceEngine } from '../../src/policy/reference.ts';
import { selfCheck, trainingSpeed } from '../../src/policy/self-check.ts';

/** The reference with a fault: what a wrong driver might do. */
function faulty(fault: {
  readonly gradients?: (found: Tensors) => void;
  readonly weights?: (found: Tensors) => void;
  readonly logprobs?: (found: Float32Array) => void;
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
    override async weights() {
      const found = new Map(await super.weights());
      fault.weights?.(found);
      return found;
    }
  }
  return async (config: DecoderConfig, weights: Tensors) => {
    const engine = new Faulty(config);
    await engine.setWeights(weights);
    return engine;
  };
}

const norm = 'model.layers.1.post_attention_layernorm.weight';

describe('the self-check', () => {
  test('the reference agrees with itself', async () => {
    const result = await selfCheck(createReferenceEngine);
    expect(result).toMatchObject({ ok: true, repeatable: true, logprobs: 0 });
    expect(result.tensors).toHaveLength(3 * 11 + 2);
  });

  test('one tensor whose gradient is half a percent too large is found, by name', async () => {
    const create = faulty({
      gradients: (found) =>
        found.set(
          norm,
          (found.get(norm) ?? new Float32Array()).map((g) => 1.005 * g),
        ),
    });
    const { ok, tensors } = await selfCheck(create);
    expect(ok).toBe(false);
    expect(tensors.filter(({ gradient }) => gradient > 1e-6).map(({ name }) => name)).toEqual([norm]);
    expect(tensors.find(({ name }) => name === norm)?.gradient).toBeCloseTo(0.005, 5);
  });

  test('an update that was not made is found', async () => {
    const { ok, tensors } = await selfCheck(
      faulty({ weights: (found) => found.set(norm, new Float32Array(44)) }),
    );
    expect(ok).toBe(false);
    expect(tensors.find(({ name }) => name === norm)?.update).toBeGreaterThan(0.5);
  });

  test('a missing tensor, and numbers that are not numbers, are found', async () => {
    expect((await selfCheck(faulty({ gradients: (found) => found.delete(norm) }))).ok).toBe(false);
    expect((await selfCheck(faulty({ logprobs: (found) => found.fill(Number.NaN, 3, 4) }))).ok).toBe(false);
  });

  test('a result that differs in one bit when it is computed again is found', async () => {
    let asked = 0;
    const create = faulty({
      gradients: (found) => {
        const values = (found.get(norm) ?? new Float32Array()).slice();
        if (asked++ % 2 === 1) new Uint32Array(values.buffer)[0] ^= 1;
        found.set(norm, values);
      },
    });
    expect(await selfCheck(create)).toMatchObject({ ok: false, repeatable: false });
  });

  test('speed counts the tokens of a round over the best round by the clock', async () => {
    // Three rounds of 900 (to warm up), 500 and 700 ms; 8 rows of 64 tokens each.
    const times = [0, 900, 1000, 1500, 2000, 2700];
    const idle = async (config: DecoderConfig) => {
      const engine = new ReferenceEngine(config);
      engine.forward = async ({ targets }) => new Float32Array(targets.length);
      engine.backward = async () => {};
      engine.update = async () => ({ gradNorm: 0 });
      return engine;
    };
    const speed = await trainingSpeed(idle, { now: () => times.shift() ?? Number.NaN, rounds: 2 });
    expect(speed).toEqual({ tokensPerSecond: 1024, parameters: 329_952 });
  });
});
