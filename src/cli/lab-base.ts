/** What `swirl lab base` does. */

import { openEngine } from '../checkpoint/open-engine.ts';
import { firstRule } from '../engine/matmul-choice.ts';
import { ConfigError } from '../errors.ts';
import { baseConfig, makeBasePolicy, publishBase } from '../lab/base.ts';
import { localModelConfig } from '../models/local-model-config.ts';
import type { UpdateStatistics } from '../train/optimizer-step.ts';

export interface LabBaseOptions {
  readonly folder: string;
  readonly to: string;
  readonly seed?: number;
  readonly updates?: number;
  readonly device: string;
}

/**
 * Trains, telling every fiftieth update, and publishes. SIGINT stops; the same command goes on from the
 * checkpoint.
 */
export async function labBase({ folder, to, seed, updates, device: named }: LabBaseOptions): Promise<void> {
  const device = localModelConfig.shape.device.safeParse(named);
  if (!device.success) throw new ConfigError(`--device: expected webgpu, reference or auto, found ${named}`);
  const given = { ...(seed === undefined ? {} : { seed }), ...(updates === undefined ? {} : { updates }) };
  const config = baseConfig.parse(given);
  const stop = new AbortController();
  const interrupt = () =>
    stop.abort(new ConfigError('stopped; the same command goes on from the last checkpoint'));
  process.once('SIGINT', interrupt);
  try {
    const made = await makeBasePolicy(config, {
      folder,
      // The bundled policy is made again from its seed, to the bit: with the kernels that it was made with.
      openEngine: (policy) => openEngine(policy, { device: device.data, matmul: firstRule }),
      onUpdate: tell(config.updates),
      now: () => performance.now(),
      signal: stop.signal,
    });
    await publishBase(made, to, config);
    process.stdout.write(`${to}: weights ${made.weightsHash}, made on ${made.device}\n`);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

function tell(updates: number): (statistics: UpdateStatistics) => void {
  let begin = performance.now();
  let tokens = 0;
  return ({ step, rowTokens, meanLogprob, gradNorm, learningRate }) => {
    tokens += rowTokens;
    if (step % 50 !== 0 && step !== updates) return;
    const rate = tokens / ((performance.now() - begin) / 1000);
    process.stderr.write(
      `update ${step}/${updates}  logprob ${meanLogprob.toFixed(3)} per token  ` +
        `gradient ${gradNorm.toFixed(2)}  rate ${learningRate.toExponential(1)}  ${rate.toFixed(0)} tokens/s\n`,
    );
    begin = performance.now();
    tokens = 0;
  };
}
