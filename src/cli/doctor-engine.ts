/**
 * Checks of `swirl doctor` of the engine on this adapter: every kernel, whole steps of small decoders, and
 * speed.
 */
import type { DecoderCheck } from '../engine/self-check/decoders.ts';
import type { Check } from './doctor-check.ts';
import { tableWidth } from './doctor-report.ts';

type Finding = Omit<Check, 'name'>;

const faultOf =
  "a wrong number here is the driver's: update it, or set `device: reference` in the policy to compute in float64 on the processor";

/** Which family multiplies matrices here, and which others do not work. */
export async function checkMatmul(): Promise<Finding> {
  const { openWithMatmul } = await import('../engine/webgpu/matmul/choose.ts');
  const { device, matmul, refused } = await openWithMatmul();
  const { family, unit, lanes } = matmul;
  const how = {
    subgroups: `by broadcasts in subgroups of ${lanes} lanes, as suits a software adapter`,
    registers: `in registers${device.adapter.software ? ', as suits a software adapter' : ''}`,
    workgroup: 'through workgroup memory',
    matrix: `by subgroup matrices of ${unit?.m} x ${unit?.n} x ${unit?.k} where weights are bf16, otherwise through workgroup memory`,
  };
  return {
    ok: true,
    found: `matmul kernels ${how[family]}${family === 'registers' ? '' : '; tried here against float64'}`,
    lines: refused.map(({ family: other, reason }) => `not by the family ${other}: ${reason}`),
    details: { matmul, refused },
  };
}

/** Each kernel against float64, on the numbers that a step gives it. */
export async function checkKernels(): Promise<Finding> {
  const [{ checkKernels }, { Device }, { table }] = await Promise.all([
    import('../engine/self-check/kernels.ts'),
    import('../device/device.ts'),
    import('./table.ts'),
  ]);
  const kernels = await checkKernels(await Device.shared());
  const wrong = kernels.filter(({ ok }) => !ok).map(({ name }) => name);
  // Those that are right are in the details, for programs.
  const rows = kernels.filter(({ ok }) => !ok).map(({ name, error }) => [name, scientific(error)]);
  const [worst] = kernels.toSorted((a, b) => (a.error < b.error ? 1 : -1));
  const summary = `${kernels.length} kernels, each against float64: errors of up to ${scientific(worst.error)} (${worst.name})`;
  return {
    ok: wrong.length === 0,
    found: wrong.length === 0 ? summary : `errors that rounding does not explain, in ${wrong.join(', ')}`,
    lines: rows.length > 0 ? table(['kernel', 'largest relative error'], rows).split('\n') : [],
    details: { kernels },
    ...(wrong.length === 0 ? {} : { fix: faultOf }),
  };
}

/** Forward, backward, an update and a sample of small decoders against the float64 reference. */
export async function checkEngine(): Promise<Finding> {
  const [{ checkDecoders, TOLERANCE }, { createWebGpuEngine }, { table }] = await Promise.all([
    import('../engine/self-check/decoders.ts'),
    import('../engine/webgpu/engine.ts'),
    import('./table.ts'),
  ]);
  const decoders = await checkDecoders(createWebGpuEngine);
  const ok = decoders.every((decoder) => decoder.ok);
  const repeatable = decoders.every((decoder) => decoder.repeatable);
  const header = ['largest error of', 'logprobs', 'sampled', 'gradients', 'updates'];
  const rows = decoders.map((decoder) => [
    decoder.name,
    scientific(decoder.logprobs),
    scientific(decoder.sampled),
    scientific(worstOf(decoder, 'gradient').error),
    scientific(worstOf(decoder, 'update').error),
  ]);
  const faults = decoders
    .filter((decoder) => !decoder.ok)
    .map((decoder) => `${decoder.name}: worst in ${worstOf(decoder, 'gradient').name}`);
  return {
    ok,
    found: `one step of ${decoders.length} small random decoders against the float64 reference: ${ok ? 'as it should be' : 'WRONG'}, ${repeatable ? 'repeatable to the bit' : 'NOT repeatable to the bit'}`,
    lines: [...table(header, rows, tableWidth()).split('\n'), ...faults],
    details: { decoders },
    ...(ok
      ? {}
      : {
          fix: `errors above ${TOLERANCE.gradient} (gradients) or ${TOLERANCE.update} (updates), or bits that differ: ${faultOf}`,
        }),
  };
}

export async function checkSpeed(): Promise<Finding> {
  const [{ trainingSpeed }, { createWebGpuEngine }, { createReferenceEngine }] = await Promise.all([
    import('../engine/self-check/speed.ts'),
    import('../engine/webgpu/engine.ts'),
    import('../engine/reference/engine.ts'),
  ]);
  const now = () => performance.now();
  const { tokensPerSecond, parameters } = await trainingSpeed(createWebGpuEngine, { now, rounds: 3 });
  const reference = await trainingSpeed(createReferenceEngine, { now, rounds: 1 });
  const kernels = await longestKernels(() => trainingSpeed(createWebGpuEngine, { now, rounds: 1 }));
  const times = (tokensPerSecond / reference.tokensPerSecond).toFixed(1);
  return {
    ok: true,
    found: `training a decoder of ${parameters.toLocaleString('en')} parameters at ${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s, ${times} times the float64 reference`,
    lines: kernels,
    details: { tokensPerSecond, parameters, referenceTokensPerSecond: reference.tokensPerSecond },
  };
}

/** The kernels that most of the time on the device goes to, where the adapter has timestamps. */
async function longestKernels(train: () => Promise<unknown>): Promise<string[]> {
  const [{ Device }, { Profiler }] = await Promise.all([
    import('../device/device.ts'),
    import('../device/profiler.ts'),
  ]);
  const device = await Device.shared();
  if (!device.has('timestamp-query')) return [];
  const profiler = Profiler.start(device);
  try {
    await train();
    const times = await profiler.times();
    const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const share = (milliseconds: number) => `${Math.round((100 * milliseconds) / total)} %`;
    const longest = times
      .slice(0, 5)
      .map(({ label, milliseconds }) => `${label} ${share(milliseconds)}`)
      .join(', ');
    return total > 0 ? [`most of the time on the device: ${longest}`] : [];
  } finally {
    profiler.stop();
  }
}

/** The tensor with the largest error; one that is not a number is the largest. */
function worstOf({ tensors }: DecoderCheck, kind: 'gradient' | 'update') {
  const size = (error: number) => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  const [worst] = tensors.toSorted((a, b) => size(b[kind]) - size(a[kind]));
  return { name: worst.name, error: worst[kind] };
}

function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}
