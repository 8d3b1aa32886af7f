/**
 * Which family multiplies matrices on a device. One that the adapter offers is tried on it first, against float64: drivers
 * differ, and wrong numbers would train a policy without anybody noticing.
 */
import { Device } from '../../../device/device.ts';
import { ConfigError, DeviceError } from '../../../errors.ts';
import {
  inRegisters,
  matrixTile,
  type ProductFamily,
  type ProductPrecision,
  type Products,
  productFamilies,
} from '../matmul-variants.ts';
import { checkProducts } from './check.ts';

export interface ProductsWanted {
  /** `auto`: registers on a software adapter, and otherwise the first of the others that works on the device. */
  readonly family?: ProductFamily | 'auto';
  readonly precision?: ProductPrecision;
}

/** A family that the device could have, and why it is not used. */
export interface RefusedProducts {
  readonly family: ProductFamily;
  readonly reason: string;
}

export interface ChosenProducts {
  readonly products: Products;
  readonly refused: readonly RefusedProducts[];
}

/** By device and products: what is wrong with them, or null. */
const verdicts = new WeakMap<Device, Map<string, Promise<string | null>>>();

/** By adapter and products: how trying them ended a device. The process tries them no more. */
const fatal = new Map<string, string>();

/**
 * The process's device and the family for it. A family whose trial breaks the device is left out, on a new one. Throws as
 * `Device.shared` and `chooseProducts`.
 */
export async function openWithProducts(
  wanted: ProductsWanted = {},
): Promise<ChosenProducts & { readonly device: Device }> {
  for (;;) {
    const before = fatal.size;
    const device = await Device.shared();
    try {
      return { device, ...(await chooseProducts(device, wanted)) };
    } catch (error) {
      if (fatal.size === before) throw error;
    }
  }
}

/**
 * The family for a device, checked once. `SWIRL_PRODUCTS` names one in place of `auto`. Throws `ConfigError` where a family is
 * asked for by name that the device cannot have or computes wrongly.
 */
export async function chooseProducts(
  device: Device,
  { family = 'auto', precision = 'f32' }: ProductsWanted = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ChosenProducts> {
  const wanted = family === 'auto' ? familyFrom(env) : family;
  if (wanted === 'registers') return { products: inRegisters, refused: [] };
  if (wanted !== 'auto') {
    const { products, reason } = await candidate(device, wanted, precision);
    if (products) return { products, refused: [] };
    throw new ConfigError(
      `products: ${wanted}: ${reason}. Leave the family to Swirl (auto), or take registers.`,
    );
  }
  const refused: RefusedProducts[] = [];
  if (device.adapter.software) return { products: inRegisters, refused };
  for (const name of ['matrix', 'workgroup'] as const) {
    const { products, reason } = await candidate(device, name, precision);
    if (products) return { products, refused };
    refused.push({ family: name, reason });
  }
  return { products: inRegisters, refused };
}

async function candidate(
  device: Device,
  family: ProductFamily,
  precision: ProductPrecision,
): Promise<{ products: Products | null; reason: string }> {
  const forms = formsOf(device, family, precision);
  if (typeof forms === 'string') return { products: null, reason: forms };
  const reasons: string[] = [];
  for (const products of forms) {
    const reason = await verdictOn(device, products);
    if (reason === null) return { products, reason: '' };
    reasons.push(reason);
  }
  return { products: null, reason: reasons.join('; ') };
}

/** What is wrong with products on a device, or null; found out once. */
async function verdictOn(device: Device, products: Products): Promise<string | null> {
  const key = JSON.stringify(products);
  const lost = fatal.get(`${device.adapter.name} ${key}`);
  if (lost !== undefined) return `trying it broke the device: ${lost}`;
  const known = verdicts.get(device) ?? new Map<string, Promise<string | null>>();
  verdicts.set(device, known);
  const verdict = known.get(key) ?? checkProducts(device, products);
  known.set(key, verdict);
  try {
    return await verdict;
  } catch (error) {
    if (error instanceof DeviceError) fatal.set(`${device.adapter.name} ${key}`, error.message);
    throw error;
  }
}

/** The forms in which this device could have a family, best first; or what it lacks. */
function formsOf(device: Device, family: ProductFamily, precision: ProductPrecision): Products[] | string {
  const half = device.has('shader-f16');
  if (family !== 'matrix') return [{ family, precision: half ? precision : 'f32', unit: null }];
  const { matrixUnits, subgroupSize, workgroupStorage, invocationsPerWorkgroup } = device.adapter;
  const needed = ['chromium-experimental-subgroup-matrix', 'subgroup-size-control', 'subgroups'] as const;
  if (!half || !subgroupSize || !needed.every((feature) => device.has(feature))) {
    return 'the adapter has no matrix units that WebGPU reaches';
  }
  const fitting = matrixUnits.filter(
    (unit) =>
      unit.factors === 'f16' &&
      unit.sums === 'f32' &&
      unit.n % 4 === 0 &&
      unit.k % 2 === 0 &&
      matrixTile(unit).bytes <= workgroupStorage,
  );
  const [unit] = fitting.toSorted((a, b) => b.m * b.n * b.k - a.m * a.n * a.k);
  // Adapters with subgroups of several sizes do not say which one their units take; 32 is the most common.
  const { least, most } = subgroupSize;
  const sizes = [...new Set([Math.min(most, Math.max(least, 32)), least, most])].filter(
    (size) => 8 * size <= invocationsPerWorkgroup,
  );
  if (!unit || sizes.length === 0) {
    return 'the adapter has no matrix units that multiply f16 and sum in f32, of a size that fits';
  }
  return sizes.map((subgroup) => ({ family, precision, unit: { ...unit, subgroup } }));
}

function familyFrom(env: Readonly<Record<string, string | undefined>>): ProductFamily | 'auto' {
  const named = env.SWIRL_PRODUCTS ?? '';
  if (named === '' || named === 'auto') return 'auto';
  const family = productFamilies.find((name) => name === named);
  if (family) return family;
  throw new ConfigError(
    `SWIRL_PRODUCTS: expected auto or one of ${productFamilies.join(', ')}, found ${named}`,
  );
}
