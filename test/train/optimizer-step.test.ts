import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AdamWOptions, Engine, PackedRows } from '../../src/engine/engine.ts';
import { createReferenceEngine, type ReferenceEngine } from '../../src/engine/reference/engine.ts';
import { ConfigError } from '../../src/errors.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { microBatches } from '../../src/train/micro-batches.ts';
import { OptimizerStep } from '../../src/train/optimizer-step.ts';
import {
  type ActionSpec,
  endOfTurn,
  freshAt,
  letters,
  lettersOf,
  smallDecoder,
  smallWeights,
  tasks,
  trajectory,
  update,
} from './small-world.ts';

type Gradients = ReturnType<ReferenceEngine['gradients64']>;

/** An engine that notes the gradient each update was made from. */
async function spiedEngine(): Promise<{ engine: Engine; gradients: Gradients[]; passes: PackedRows[] }> {
  const inner = await createReferenceEngine(smallDecoder, smallWeights());
  const gradients: Gradients[] = [];
  const passes: PackedRows[] = [];
  const engine = new Proxy<ReferenceEngine>(inner, {
    get(target, name) {
      if (name === 'forward') {
        return (rows: PackedRows) => {
          passes.push(rows);
          return target.forward(rows);
        };
      }
      if (name === 'update') {
        return async (options: AdamWOptions) => {
          gradients.push(target.gradients64());
          return target.update(options);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { engine, gradients, passes };
}

async function trainOn(
  steps: Parameters<OptimizerStep['packAndTake']>[0],
  settings: Parameters<typeof update>[0] = {},
  batches = [steps],
) {
  const { engine, gradients, passes } = await spiedEngine();
  const initial = await createReferenceEngine(smallDecoder, smallWeights());
  const optimizer = new OptimizerStep(update(settings), { engine, initial, renderer: letters, tasks });
  const statistics = [];
  for (const batch of batches) statistics.push((await optimizer.packAndTake(batch)).statistics);
  return { statistics, gradients, passes, weights: await engine.weights() };
}

function largest(tensors: Gradients | undefined): number {
  return Math.max(...[...(tensors ?? [])].flatMap(([, values]) => [...values].map(Math.abs)));
}

function furthest(a: Gradients | undefined, b: Gradients | undefined): number {
  return Math.max(
    ...[...(a ?? [])].flatMap(([name, values]) =>
      [...values].map((x, i) => Math.abs(x - (b?.get(name)?.[i] ?? 0))),
    ),
  );
}

const three: ActionSpec[] = [
  { text: 'abc', reward: 1, observation: 'xyz' },
  { text: 'bad', reward: -0.5, observation: 'q' },
  { text: 'cab', reward: 0.25 },
];

describe('what an update records of its steps', () => {
  const steps = trajectory('q/0', three);

  test('is their mean logprob before it; after it where that is asked for; and the weights are the same', async () => {
    const [none, before, both] = await Promise.all(
      (['none', 'before', 'both'] as const).map((stepLogprobs) =>
        trainOn(steps, { stepLogprobs, microBatchTokens: 12 }, [steps, steps.slice(1)]),
      ),
    );
    expect(none?.statistics[0]?.steps).toBeNull();
    expect(before?.weights).toEqual(none?.weights);
    expect(both?.weights).toEqual(none?.weights);
    const ids = (found: typeof both, i: number) => found?.statistics[i]?.steps?.map(({ id }) => id);
    expect(ids(before, 0)).toEqual(['q/0/0', 'q/0/1', 'q/0/2']);
    expect(ids(both, 1)).toEqual(['q/0/1', 'q/0/2']);
    const [first, second] = both?.statistics.map((one) => one?.steps ?? []) ?? [];
    // The second update meets them as the first one left them.
    expect(second?.map((step) => step.before)).toEqual(first?.slice(1).map((step) => step.after));
    expect(before?.statistics[0]?.steps).toEqual(first?.map((step) => ({ ...step, after: null })));
    // Weighed by their tokens they are the mean over the batch.
    const lengths = three.map(({ text }) => text.length + 1);
    const total = first?.reduce((sum, { before: mean }, i) => sum + mean * (lengths[i] ?? 0), 0) ?? 0;
    expect(both?.statistics[0]?.meanLogprob).toBeCloseTo(total / lengths.reduce((a, b) => a + b, 0), 12);
  });
});

describe('OptimizerStep', () => {
  test('packed equals the steps in rows of their own', async () => {
    const steps = trajectory('q/0', three);
    const packed = await trainOn(steps, { normalize: 'action-tokens', clipNorm: null });
    const { engine, gradients } = await spiedEngine();
    const optimizer = new OptimizerStep(update({ normalize: 'action-tokens', clipNorm: null }), {
      engine,
      renderer: letters,
      tasks,
    });
    const rows = steps.flatMap((step) => optimizer.pack([step]).rows);
    const statistics = await optimizer.take(rows);
    expect(rows).toHaveLength(3);
    expect(packed.passes[0]?.positions.filter((position) => position === 0)).toHaveLength(1);
    expect(furthest(packed.gradients[0], gradients[0])).toBeLessThan(1e-10 * largest(gradients[0]));
    expect(packed.statistics[0]?.loss).toBeCloseTo(statistics.loss, 6);
    expect(statistics.rowTokens).toBeGreaterThan(1.5 * (packed.statistics[0]?.rowTokens ?? 0));
  });

  test('the cut into micro-batches does not matter beyond rounding, and the same cut gives the same bits', async () => {
    const steps = [0, 1, 2, 3].flatMap((n) => trajectory(`q/${n}`, three, 'abcdefgh'.slice(n)));
    // Weights are handed over as f32: those of the KL penalty hang on the forward pass, and on its last bits.
    for (const [settings, tolerance] of [
      [{ normalize: 'sub-trajectories', advantage: 'centered', beta: 0.1 }, 1e-6],
      [{ normalize: 'sub-trajectories', advantage: 'centered' }, 1e-10],
      [{ normalize: 'action-tokens', advantage: 'reward' }, 1e-10],
    ] as const) {
      const whole = await trainOn(steps, { ...settings, microBatchTokens: 4096 });
      const cut = await trainOn(steps, { ...settings, microBatchTokens: 40 });
      const again = await trainOn(steps, { ...settings, microBatchTokens: 40 });
      expect(whole.passes).toHaveLength(1);
      expect(cut.passes).toHaveLength(4);
      expect(furthest(whole.gradients[0], cut.gradients[0])).toBeLessThan(
        tolerance * largest(whole.gradients[0]),
      );
      expect(cut.statistics[0]?.loss).toBeCloseTo(whole.statistics[0]?.loss ?? 0, 6);
      expect(again.weights).toEqual(cut.weights);
      expect(again.statistics).toEqual(cut.statistics);
    }
  });

  test('k actions give k weighted spans; context, observations and earlier rows carry none', async () => {
    const { passes, statistics } = await trainOn(trajectory('q/0', three));
    const [rows] = passes;
    const tokens = [...(rows?.targets ?? [])].map((n) => rows?.tokens[n]);
    expect(tokens).toEqual(three.flatMap(({ text }) => [...lettersOf(text), endOfTurn]));
    expect(statistics[0]).toMatchObject({
      subTrajectories: 3,
      actionTokens: 12,
      rowTokens: rows?.tokens.length,
    });
  });

  test('leave-one-out over fresh actions: the gradient is that of -1/N sum_s (R - mean of the others) sum_t log pi', async () => {
    const specs = [
      [
        { text: 'ab', reward: 1 },
        { text: 'cde', reward: 0 },
        { text: 'b', reward: 0.5 },
      ],
      // Without variance: it counts in N, and no more.
      [
        { text: 'xy', reward: 1 },
        { text: 'zz', reward: 1 },
      ],
    ];
    const [first, second] = trajectory('q/0', three);
    const steps = [first, second].flatMap((step, i) => freshAt(step as Scored, specs[i] ?? []));
    const settings = { clipNorm: null, advantage: 'leave-one-out' };
    const { gradients, statistics } = await trainOn(steps, settings);
    expect(statistics[0]?.subTrajectories).toBe(5);
    const engine = await createReferenceEngine(smallDecoder, smallWeights());
    const optimizer = new OptimizerStep(update(settings), { engine, renderer: letters, tasks });
    const weights = [1 - 0.25, 0 - 0.75, 0.5 - 0.5, 0, 0].map((advantage) => advantage / 5);
    const rows = steps.map((step) => optimizer.pack([step]).rows);
    const loss = async () => {
      let sum = 0;
      for (const [s, [row]] of rows.entries()) {
        const [pass] = microBatches(row === undefined ? [] : [row], 4096);
        const logprobs = engine.logprobs64(pass?.rows as PackedRows);
        sum -= (weights[s] ?? 0) * logprobs.reduce((total, logprob) => total + logprob, 0);
      }
      return sum;
    };
    const base = [...smallWeights()].map(([name, values]) => [name, Float64Array.from(values)] as const);
    const h = 1e-5;
    for (const [name, values] of base) {
      const index = Math.floor(values.length / 3);
      const at = async (delta: number) => {
        const moved = values.map((x, i) => (i === index ? x + delta : x));
        engine.setExactWeights(new Map(base.map(([n, v]) => [n, n === name ? moved : v])));
        return loss();
      };
      expect(gradients[0]?.get(name)?.[index]).toBeCloseTo(((await at(h)) - (await at(-h))) / (2 * h), 6);
    }
    expect(largest(gradients[0])).toBeGreaterThan(0.01);
  });

  test('what is masked cannot enter the loss: its logprob has no weight', async () => {
    // The gradient with respect to the loss on one action equals that of the action alone after its context
    // as a fixed prompt: -A/N sum log pi, by central differences of the forward pass in one weight of each
    // tensor.
    const steps = trajectory('q/0', three);
    const settings = { clipNorm: null };
    const { gradients } = await trainOn(steps, settings);
    const engine = await createReferenceEngine(smallDecoder, smallWeights());
    const optimizer = new OptimizerStep(update(settings), { engine, renderer: letters, tasks });
    const rows = steps.flatMap((step) => optimizer.pack([step]).rows);
    const loss = async (weights: Map<string, Float64Array>) => {
      engine.setExactWeights(weights);
      let sum = 0;
      for (const [s, { rows: pass }] of microBatches(rows, 1).entries()) {
        const logprobs = engine.logprobs64(pass);
        sum -= ((three[s]?.reward ?? 0) / 3) * logprobs.reduce((total, logprob) => total + logprob, 0);
      }
      return sum;
    };
    const base = [...smallWeights()].map(([name, values]) => [name, Float64Array.from(values)] as const);
    const h = 1e-5;
    for (const [name, values] of base) {
      const index = Math.floor(values.length / 2);
      const at = (delta: number) =>
        loss(
          new Map(base.map(([n, v]) => [n, n === name ? v.map((x, i) => (i === index ? x + delta : x)) : v])),
        );
      const slope = ((await at(h)) - (await at(-h))) / (2 * h);
      expect(gradients[0]?.get(name)?.[index]).toBeCloseTo(slope, 6);
    }
  });

  test('what comes after an action cannot change its gradient, whatever it says', async () => {
    const gradientWith = async (later: readonly ActionSpec[], observation: string) => {
      const first = { text: 'abc', reward: 1, observation };
      return (await trainOn(trajectory('q/0', [first, ...later]), { clipNorm: null })).gradients[0];
    };
    const one = await gradientWith(
      [
        { text: 'zz', reward: 0 },
        { text: 'y', reward: 0 },
      ],
      'seen',
    );
    const other = await gradientWith(
      [
        { text: 'kkkkkk', reward: 0 },
        { text: 'abc', reward: 0 },
      ],
      'another',
    );
    expect(largest(one)).toBeGreaterThan(0.01);
    expect(furthest(one, other)).toBeLessThan(1e-10 * largest(one));
  });

  test('supervised learning is reward 1: the demonstrated actions become likely', async () => {
    const steps = trajectory(
      'q/0',
      three.map(({ text, observation = 'o' }) => ({ text, observation, recorded: false })),
    );
    const batches = new Array(30).fill(steps);
    const { statistics } = await trainOn(
      steps,
      { schedule: { kind: 'constant', learningRate: 0.02, warmupSteps: 0 } },
      batches,
    );
    const first = statistics.at(0)?.meanLogprob ?? 0;
    const last = statistics.at(-1)?.meanLogprob ?? -100;
    expect(first).toBeLessThan(-2);
    expect(last).toBeGreaterThan(-0.5);
    expect(statistics.map((s) => s?.step)).toEqual(batches.map((_, i) => i + 1));
  });

  test('a batch without variance has no gradient under centered advantages', async () => {
    const equal = trajectory(
      'q/0',
      three.map((spec) => ({ ...spec, reward: 0.1 })),
    );
    const { statistics, weights } = await trainOn(equal, { advantage: 'centered' });
    expect(statistics[0]).toMatchObject({ gradNorm: 0, step: 1 });
    expect(weights).toEqual(smallWeights());
  });

  test('a NaN reward never trains: the batch is as if it were not there', async () => {
    const steps = trajectory('q/0', three);
    const poisoned = trajectory(
      'q/0',
      three.map((spec, i) => (i === 2 ? { ...spec, reward: Number.NaN } : spec)),
    );
    const { engine } = await spiedEngine();
    const optimizer = new OptimizerStep(update(), { engine, renderer: letters, tasks });
    const { refused } = await optimizer.packAndTake(poisoned);
    expect(refused).toEqual([{ id: 'q/0/2', reason: expect.stringMatching(/NaN/) }]);
    const without = await trainOn(steps.slice(0, 2));
    expect(await engine.weights()).toEqual(without.weights);
    expect((await optimizer.packAndTake(poisoned.slice(2))).statistics).toBeNull();
    expect(await engine.weights()).toEqual(without.weights);
  });

  test('KL is 0 and without gradient at the initial policy, and pulls back from elsewhere', async () => {
    const steps = trajectory(
      'q/0',
      three.map((spec) => ({ ...spec, reward: 0 })),
    );
    const still = await trainOn(steps, { beta: 0.5 });
    expect(still.statistics[0]).toMatchObject({ kl: 0, gradNorm: 0, loss: 0 });
    const engine = await createReferenceEngine(smallDecoder, smallWeights(2n));
    const initial = await createReferenceEngine(smallDecoder, smallWeights(1n));
    const schedule = { kind: 'constant', learningRate: 0.01, warmupSteps: 0 };
    const optimizer = new OptimizerStep(update({ beta: 1, schedule }), {
      engine,
      initial,
      renderer: letters,
      tasks,
    });
    const kl: number[] = [];
    for (let i = 0; i < 25; i++) kl.push((await optimizer.packAndTake(steps)).statistics?.kl ?? 0);
    expect(kl[0]).toBeGreaterThan(0.1);
    expect(kl.at(-1)).toBeLessThan((kl[0] ?? 0) / 5);
  });

  test('clipping bounds the gradient and the statistics tell its norm before', async () => {
    const steps = trajectory('q/0', three);
    const free = await trainOn(steps, { clipNorm: null });
    const clipped = await trainOn(steps, { clipNorm: 0.01 });
    expect(free.statistics[0]?.gradNorm).toBeGreaterThan(0.1);
    expect(clipped.statistics[0]?.gradNorm).toBe(free.statistics[0]?.gradNorm);
  });

  test('beta without an initial policy is a configuration error', async () => {
    const { engine } = await spiedEngine();
    expect(() => new OptimizerStep(update({ beta: 0.1 }), { engine, renderer: letters, tasks })).toThrow(
      ConfigError,
    );
  });

  test('a policy that is not finite stops the training with a message', async () => {
    const weights = smallWeights();
    weights.get('model.norm.weight')?.fill(Number.NaN);
    const engine = await createReferenceEngine(smallDecoder, weights);
    const optimizer = new OptimizerStep(update(), { engine, renderer: letters, tasks });
    await expect(optimizer.packAndTake(trajectory('q/0', three))).rejects.toThrow(
      /training diverged at update 1: .*q\/0\/0 is NaN/,
    );
  });
});

test('microBatches keeps the order, loses no row and stays within the bound where a row does', () => {
  const [of] = trajectory('q/0', three);
  const rows = fc.array(
    fc.integer({ min: 2, max: 30 }).map((length) => ({
      tokens: new Array<number>(length).fill(1),
      steps: [
        { id: `${length}`, reward: 1, of, start: 1, length: length - 1, recorded: null, temperature: 1 },
      ],
    })),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(rows, fc.integer({ min: 2, max: 60 }), (all, bound) => {
      const micro = microBatches(all, bound);
      expect(micro.flatMap(({ steps }) => steps)).toEqual(all.flatMap(({ steps }) => steps));
      for (const { rows: pass, steps } of micro) {
        expect(pass.targets).toHaveLength(steps.reduce((total, { length }) => total + length, 0));
        expect(pass.tokens.length <= bound || steps.length === 1).toBe(true);
      }
    }),
  );
});
