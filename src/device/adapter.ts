/** Finds a WebGPU adapter through Dawn, and says how to get one where there is none. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ConfigError, DeviceError } from '../errors.ts';
import { withoutLines } from './standard-error.ts';

/** Written by scripts/setup.js where it unpacked a software Vulkan driver. */
const vulkanHint = z.strictObject({
  icd: z.string().min(1).describe("Path of the driver's JSON manifest, for VK_ICD_FILENAMES."),
});

const hintPath = fileURLToPath(new URL('../../.swirl/vulkan.json', import.meta.url));

/** What `swirl doctor` prints of an adapter. */
export interface AdapterDescription {
  /** For people: the driver's own words. */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** Whether the processor does the work (lavapipe, SwiftShader). */
  readonly software: boolean;
  /** In bytes. */
  readonly largestBuffer: number;
  readonly largestBinding: number;
  readonly workgroupStorage: number;
  readonly invocationsPerWorkgroup: number;
  readonly features: readonly string[];
  /** Invocations that run together; null where the adapter does not say. */
  readonly subgroupSize: { readonly least: number; readonly most: number } | null;
  /** What its subgroup matrices multiply, if it has any that WebGPU reaches. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
}

/** A matmul of (m, k) by (k, n) that the invocations of a subgroup compute together. */
export interface SubgroupMatrix {
  readonly factors: string;
  readonly sums: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/**
 * Dawn's switches. `allow_unsafe_apis` brings up subgroup matrices, which are experimental; NVIDIA's f16 is
 * off by default on Vulkan (both read in Dawn's source). Timestamps are rounded to a tenth of a millisecond
 * by default, longer than most kernels. `disable_robustness` is not among them: some kernels count on reads
 * beyond a buffer's end being harmless.
 */
const switches = [
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
];

/**
 * Dawn's warning, once a process, that a Vulkan driver offers more dynamic buffers than Dawn counts. No
 * kernel of Swirl has one, so this tells a user nothing.
 */
const clampedLimits =
  /^Warning: maxDynamic(Uniform|Storage)BuffersPerPipelineLayout artificially reduced from \d+ to \d+ /;

// Dawn ends the process with SIGSEGV if the object that create() returned is collected, even after
// device.destroy(): it stays on globalThis for as long as the process lives.
const holder = globalThis as typeof globalThis & { swirlGpu?: GPU };

/** The GPU object of this process. Throws `DeviceError` where Dawn's binary does not load. */
async function openGpu(): Promise<GPU> {
  if (holder.swirlGpu) return holder.swirlGpu;
  applyHint();
  let webgpu: typeof import('webgpu');
  try {
    webgpu = await import('webgpu');
  } catch (cause) {
    throw new DeviceError(
      `Dawn (the package webgpu) does not load on ${process.platform}-${process.arch}: ${String(cause)}. ` +
        'Run npm install again; on a platform without a binary use the float64 reference.',
      { cause },
    );
  }
  Object.assign(globalThis, webgpu.globals);
  holder.swirlGpu ??= webgpu.create([...switches]);
  return holder.swirlGpu;
}

/** An adapter, or a `DeviceError` that says how to get one. */
export async function findAdapter(): Promise<GPUAdapter> {
  const gpu = await openGpu();
  const adapter = await withoutLines(clampedLimits, () =>
    gpu.requestAdapter({ powerPreference: 'high-performance' }),
  );
  if (!adapter) throw new DeviceError(adviceWithoutAdapter());
  return adapter;
}

/** What there is to say about an adapter; sizes in bytes. */
export function describeAdapter(adapter: GPUAdapter): AdapterDescription {
  const { info, limits } = adapter;
  return {
    name: info.description || info.device || `${info.vendor} ${info.architecture}`,
    vendor: info.vendor,
    architecture: info.architecture,
    software:
      info.isFallbackAdapter || info.architecture === 'software' || info.architecture === 'swiftshader',
    largestBuffer: limits.maxBufferSize,
    largestBinding: limits.maxStorageBufferBindingSize,
    workgroupStorage: limits.maxComputeWorkgroupStorageSize,
    invocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    features: [...adapter.features].sort(),
    subgroupSize:
      info.subgroupMinSize && info.subgroupMaxSize
        ? { least: info.subgroupMinSize, most: info.subgroupMaxSize }
        : null,
    subgroupMatrices: subgroupMatricesOf(info),
  };
}

/** Not in WebGPU's types yet. */
interface SubgroupMatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

function subgroupMatricesOf(info: GPUAdapterInfo & SubgroupMatrixInfo): SubgroupMatrix[] {
  return [...(info.subgroupMatrixConfigs ?? [])].map((config) => ({
    factors: config.componentType,
    sums: config.resultComponentType,
    m: config.M,
    n: config.N,
    k: config.K,
  }));
}

/** How to get an adapter on this machine. */
export function adviceWithoutAdapter(): string {
  const found = process.env.VK_ICD_FILENAMES
    ? ` (VK_ICD_FILENAMES is ${process.env.VK_ICD_FILENAMES}${existsSync(process.env.VK_ICD_FILENAMES) ? '' : ', which does not exist'})`
    : '';
  const advice =
    process.platform === 'linux'
      ? 'Install your graphics card\'s Vulkan driver, or a software one: "node scripts/setup.js" does that on Debian ' +
        'and Ubuntu, or "apt-get install mesa-vulkan-drivers libvulkan1" where Mesa is 23 or newer.'
      : "Update the graphics card's driver (Direct3D 12 on Windows, Metal on macOS).";
  return `Expected a WebGPU adapter, found none${found}. ${advice}`;
}

/** Names the driver that setup unpacked, unless the user named one. Must run before Dawn loads Vulkan. */
function applyHint(): void {
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES || !existsSync(hintPath)) return;
  let hint: unknown;
  try {
    hint = JSON.parse(readFileSync(hintPath, 'utf8'));
  } catch (cause) {
    throw new ConfigError(
      `${hintPath}: expected JSON, found ${String(cause)}. Remove it and run setup again.`,
      {
        cause,
      },
    );
  }
  const parsed = vulkanHint.safeParse(hint);
  if (!parsed.success) {
    throw new ConfigError(`${hintPath}: ${z.prettifyError(parsed.error)}. Remove it and run setup again.`);
  }
  if (existsSync(parsed.data.icd)) process.env.VK_ICD_FILENAMES = parsed.data.icd;
}
