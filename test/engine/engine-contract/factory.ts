/** What the parts of `engineContract` share: how they make engines, and bring them back to their start. */
import type { DecoderConfig } from '../../../src/engine/config.ts';
import type { Engine, EngineOptions, Tensors, WeightSource } from '../../../src/engine/engine.ts';
import type { PolicyFixture } from '../fixtures.ts';
import { fixtureAdamW } from '../fixtures.ts';

/** Makes an engine on these weights; the contract closes it. */
export type EngineFactory = (
  config: DecoderConfig,
  weights: Tensors | WeightSource,
  options?: EngineOptions,
) => Promise<Engine>;

/** Runs `use` on an engine, and closes it whatever comes. */
export async function withEngine<T>(made: Promise<Engine>, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await made;
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** Sets the moments of these tensors to zero, before the first step. */
export async function resetOptimizer(engine: Engine, weights: Tensors): Promise<void> {
  const zeros = (): Tensors => new Map([...weights].map(([name, w]) => [name, new Float32Array(w.length)]));
  await engine.setOptimizer({ step: 0, m: zeros(), v: zeros() });
}

/** An update clears the gradient; a rate of 0 leaves the weights alone. */
export async function zeroGradient(
  engine: Engine,
  fixture: Pick<PolicyFixture, 'rows' | 'targetWeights'>,
): Promise<void> {
  await engine.forward(fixture.rows);
  await engine.backward(new Float32Array(fixture.targetWeights.length));
  await engine.update({ ...fixtureAdamW, clipNorm: Number.POSITIVE_INFINITY, learningRate: 0 });
}

/** The gradient of one forward and backward of an engine that was not used before. */
export async function firstGradient(
  engine: Engine,
  { rows, targetWeights }: Pick<PolicyFixture, 'rows' | 'targetWeights'>,
): Promise<Tensors> {
  await engine.forward(rows);
  await engine.backward(targetWeights);
  return engine.gradients();
}
