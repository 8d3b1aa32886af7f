/** The trainer computes what the sampler recorded: at any temperature, whatever top-p and top-k left out. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import { LocalModel } from '../../src/models/local-model.ts';
import { localModelConfig } from '../../src/models/local-model-config.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { updateConfig } from '../../src/train/config.ts';
import { OptimizerStep } from '../../src/train/optimizer-step.ts';
import { onDevice } from '../device/on-device.ts';
import { question } from '../records.ts';

const bundled = fileURLToPath(new URL('../../assets/base-policy', import.meta.url));
const { signal } = new AbortController();
const tasks = new Map([['math', { instructions: 'Answer.' }]]);

/** Mean ratio of a batch of sampled actions on the weights that they were sampled from. */
async function meanRatio(device: 'webgpu' | 'reference', settings: object): Promise<number | null> {
  const policy = await openPolicy(bundled);
  const engine = await openEngine(policy, { device });
  try {
    const config = localModelConfig.parse({ maxTokens: 24, contextTokens: 160, ...settings });
    const model = new LocalModel(config, { engine, policy, runSeed: 3, weightsHash: () => 'abc' });
    const steps = await Promise.all(
      Array.from({ length: 8 }, async (_, i): Promise<Scored> => {
        const asked = question({ id: `q${i}`, task: 'math', text: 'Who sold 48 clips?' });
        const messages = [
          { role: 'system', content: 'Answer.' },
          { role: 'user', content: asked.text },
        ] as const;
        const sampled = await model.complete({ messages, id: `q${i}/0/0`, signal });
        const { text, tokens, logprobs, temperature = null } = sampled;
        const action = {
          ...{ text, kind: 'NONE' as const, tool: null, content: null, policy: 'p', reasoning: null },
          ...{ tokens: [...(tokens ?? [])], logprobs: [...(logprobs ?? [])], temperature, truncated: false },
        };
        const subTrajectory = {
          ...{ id: `q${i}/0/0`, trajectory: `q${i}/0`, index: 0, count: 1 },
          ...{ question: asked, context: [], action },
        };
        const verdict = { label: 'GOOD' as const, rationale: '', judge: 'rules', votes: [], by: null };
        const reward = { value: 1, rationale: '', model: 'rules', votes: [], by: null };
        return { id: subTrajectory.id, subTrajectory, verdict, reward };
      }),
    );
    const step = new OptimizerStep(updateConfig.parse({ clipRatio: { kind: 'clipped' } }), {
      ...{ engine, renderer: policy.renderer, tasks },
    });
    const { statistics, refused } = await step.packAndTake(steps);
    expect(refused).toEqual([]);
    expect(statistics?.clippedShare).toBe(0);
    return statistics?.meanRatio ?? null;
  } finally {
    await engine.close();
  }
}

const samplings = [
  ...[0.5, 1, 1.3].flatMap((temperature) => [{ temperature }, { temperature, topP: 0.9 }]),
  { temperature: 0.7, topK: 5 },
];

describe('the ratio on unchanged weights is 1', () => {
  test.each(samplings)('float64: %j', async (settings) => {
    expect(Math.abs(((await meanRatio('reference', settings)) ?? 0) - 1)).toBeLessThan(1e-6);
  });

  onDevice('WebGPU', () => {
    test.each(samplings)('%j', async (settings) => {
      expect(Math.abs(((await meanRatio('webgpu', settings)) ?? 0) - 1)).toBeLessThan(1e-4);
    });
  });
});
