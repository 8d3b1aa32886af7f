/**
 * Trains torchlette's GPT-2 for `bench/torchlette.ts`; nothing of torchlette is in this repository. Reads
 * `{"do":"open","root",...}` and `{"do":"step","times"}` from stdin; see `worker.ts`.
 */
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { create, globals } from 'webgpu';
import { tookOf } from './decoder.ts';

interface Loss {
  item(): Promise<number>;
  backward(): Promise<void>;
}
interface Api {
  beginStep(): Promise<void>;
  endStep(): void;
  markStep(): Promise<void>;
  tensorFromArray(values: readonly number[], shape: readonly number[], options: object): { dispose(): void };
  tidy(work: () => Loss): Loss;
  keep(loss: Loss): void;
  zero_(parameter: Parameter): void;
  _runtime(): { forceAllPending(): Promise<void> };
}
interface Parameter {
  readonly shape: readonly number[];
}
interface Model {
  train(): void;
  parameters(): Parameter[];
  namedParameters(): Iterable<[string, Parameter]>;
  forwardWithLoss(input: unknown, target: unknown): { loss: Loss };
}
interface Open {
  readonly root: string;
  readonly subgroups: boolean;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly vocabSize: number;
  /** (rows, rowTokens + 1): inputs and, one further, targets. */
  readonly tokens: readonly (readonly number[])[];
  readonly learningRate: number;
}

let step: (() => Promise<number>) | undefined;

/** Loads a part of the checkout. */
async function load(root: string, path: string): Promise<Record<string, never>> {
  return import(pathToFileURL(`${root}/${path}`).href);
}

/**
 * torchlette takes it that subgroups have 32 lanes; lavapipe's have 8, and its losses are wrong there. It
 * does without where the adapter offers none, and takes the adapter from `navigator.gpu` where that is
 * defined.
 */
async function hideSubgroups(): Promise<void> {
  Object.assign(globalThis, globals);
  const gpu = create([]);
  Object.assign(globalThis, { rivalGpu: gpu });
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('no adapter');
  const shown = {
    features: new Set([...adapter.features].filter((feature) => feature !== 'subgroups')),
    limits: adapter.limits,
    info: adapter.info,
    requestDevice: (descriptor: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
  };
  const navigator = { gpu: { requestAdapter: async () => shown } };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
}

async function open(options: Open): Promise<object> {
  const { root, tokens, vocabSize, layers, heads, hiddenSize, learningRate } = options;
  if (!options.subgroups) await hideSubgroups();
  const { Torchlette } = (await load(root, 'src/frontend/torchlette.ts')) as unknown as {
    Torchlette: new (device: string, options: object) => Api;
  };
  const { initWebGPU } = (await load(root, 'src/backend/webgpu/index.ts')) as unknown as {
    initWebGPU: () => Promise<boolean>;
  };
  const { Adam } = (await load(root, 'src/optim/index.ts')) as unknown as {
    Adam: new (parameters: Parameter[], options: object, api: Api) => { step(): void; zeroGrad(): void };
  };
  const { GPT2 } = (await load(root, 'examples/gpt2/model.ts')) as unknown as {
    GPT2: new (api: Api, config: object, options: object) => Model;
  };
  const { normal_ } = (await load(root, 'src/nn/init.ts')) as unknown as {
    normal_: (api: Api, parameter: Parameter, mean: number, deviation: number) => void;
  };
  if (!(await initWebGPU())) throw new Error('torchlette finds no adapter');
  const api = new Torchlette('webgpu', { enableFusion: true, enableMemoryPlanning: true });
  const [rows, rowTokens] = [tokens.length, tokens[0].length - 1];
  const sizes = { vocabSize, blockSize: rowTokens, numLayers: layers, numHeads: heads, embedDim: hiddenSize };
  const model = new GPT2(api, { ...sizes, dropoutRate: 0 }, { device: 'webgpu' });
  model.train();
  // Its own initialization starts at a loss far above that of a guess; this is GPT-2's.
  for (const [name, parameter] of model.namedParameters()) {
    if (name.endsWith('.bias')) api.zero_(parameter);
    else if (name.endsWith('cProj.weight')) normal_(api, parameter, 0, 0.02 / Math.sqrt(2 * layers));
    else if (parameter.shape.length >= 2) normal_(api, parameter, 0, 0.02);
  }
  await api._runtime().forceAllPending();
  const parameters = model.parameters();
  const adam = new Adam(parameters, { lr: learningRate, weightDecay: 0.01, adamW: true }, api);
  const put = (from: number) =>
    api.tensorFromArray(
      tokens.flatMap((row) => row.slice(from, from + rowTokens)),
      [rows, rowTokens],
      { device: 'webgpu' },
    );
  step = async () => {
    await api.beginStep();
    const [input, target] = [put(0), put(1)];
    const loss = api.tidy(() => {
      const { loss } = model.forwardWithLoss(input, target);
      api.keep(loss);
      return loss;
    });
    const value = await loss.item();
    await loss.backward();
    adam.step();
    adam.zeroGrad();
    input.dispose();
    target.dispose();
    api.endStep();
    await api.markStep();
    return value;
  };
  return { parameters: parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0) };
}

async function steps(times: number): Promise<object> {
  if (!step) throw new Error('open first');
  const losses: number[] = [];
  const once = step;
  const took = await tookOf(times, async () => losses.push(await once()));
  return { ...took, losses: losses.map(String) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  try {
    const answer = question.do === 'open' ? await open(question) : await steps(question.times);
    console.log(`\n${JSON.stringify(answer)}`);
  } catch (error) {
    console.log(`\n${JSON.stringify({ error: String(error) })}`);
  }
}
process.exit(0);
