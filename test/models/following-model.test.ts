import { describe, expect, test } from '@jest/globals';
import type { LanguageModel } from '../../src/agent/model.ts';
import type { Tensors } from '../../src/engine/engine.ts';
import { type FollowConfig, FollowingModel } from '../../src/models/following-model.ts';

/**
 * A trainer's traces, and a model whose answers are the weights that it had from their start to their end.
 */
async function world(config: Partial<FollowConfig> = {}) {
  const state = { published: 0, checkpoints: new Map<number, number>(), weight: 0, broken: false };
  const gates: (() => void)[] = [];
  const sleepers: (() => void)[] = [];
  const notes: string[] = [];
  const model: LanguageModel = {
    name: 'inner',
    complete: async () => {
      const before = state.weight;
      await new Promise<void>((resolve) => gates.push(resolve));
      return { text: `${before} ${state.weight}`, tokens: null, logprobs: null };
    },
    close: async () => {},
  };
  const following = await FollowingModel.open(
    { maxLag: 4, checkMs: 10, ...config },
    {
      model,
      engine: {
        setWeights: async (weights: Tensors) => {
          state.weight = weights.get('w')?.[0] ?? Number.NaN;
        },
      },
      first: { step: 0, hash: 'f'.repeat(64) },
      published: async () => state.published,
      newest: async () => [...state.checkpoints.keys()].at(-1) ?? null,
      read: async (step) => {
        if (state.broken) throw new Error('the checkpoint is gone');
        const weight = state.checkpoints.get(step) ?? 0;
        return { weights: new Map([['w', Float32Array.of(weight)]]), hash: `${step}`.repeat(64) };
      },
      // Until `checks` wakes it, or it is closed.
      sleep: (_, signal) =>
        new Promise((resolve) => {
          const wake = () => {
            signal.removeEventListener('abort', wake);
            resolve();
          };
          signal.addEventListener('abort', wake);
          sleepers.push(wake);
        }),
      notify: (note) => notes.push(note),
    },
  );
  const complete = (signal = new AbortController().signal) =>
    following.complete({ messages: [], id: 'q', signal });
  /**
   * Lets the model look, which it does between sleeps, and what that brings about happen: all of it is
   * promises.
   */
  const checks = async () => {
    for (let look = 0; look < 3; look++) {
      for (const wake of sleepers.splice(0)) wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { state, gates, notes, following, complete, checks };
}

describe('a policy that follows its training', () => {
  test('takes over the newest checkpoint, names it, and never changes under a sample', async () => {
    const { state, gates, notes, following, complete, checks } = await world();
    expect(following.name).toBe('local:ffffffffffff@0');
    const long = complete();
    state.published = 2;
    state.checkpoints.set(2, 7);
    await checks();
    const held = complete();
    await checks();
    // The first is under way: the weights wait for it, and the second for the weights.
    expect([state.weight, gates.length]).toEqual([0, 1]);
    gates[0]?.();
    expect(await long).toMatchObject({ text: '0 0', model: 'local:ffffffffffff@0' });
    await checks();
    gates[1]?.();
    expect(await held).toMatchObject({ text: '7 7', model: 'local:222222222222@2' });
    expect(notes).toEqual(['the policy is now that of update 2, 222222222222']);
    await following.close();
  });

  test('waits where it lags beyond the bound, until there is a newer checkpoint', async () => {
    const { state, gates, following, complete, checks } = await world({ maxLag: 4 });
    state.published = 4;
    await checks();
    const within = complete();
    await checks();
    expect(gates).toHaveLength(1);
    gates[0]?.();
    await within;
    state.published = 5;
    await checks();
    const beyond = complete();
    await checks();
    expect(gates).toHaveLength(1);
    state.checkpoints.set(1, 3);
    await checks();
    gates[1]?.();
    expect(await beyond).toMatchObject({ model: 'local:111111111111@1', text: '3 3' });
    await following.close();
  });

  test('a worker that waits hears of an abort, and of a checkpoint that cannot be read', async () => {
    const { state, following, complete, checks } = await world({ maxLag: 0 });
    state.published = 1;
    await checks();
    const controller = new AbortController();
    const waiting = complete(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    state.checkpoints.set(1, 3);
    state.broken = true;
    await checks();
    await expect(complete()).rejects.toThrow('the checkpoint is gone');
    state.broken = false;
    await checks();
    expect(following.name).toBe('local:111111111111@1');
    await following.close();
  });
});
