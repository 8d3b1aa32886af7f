/**
 * Which family multiplies matrices on a device. One that the adapter offers is tried on it first, against float64: drivers
 * differ, and wrong numbers would train a policy without anybody noticing.
 */
import { Device } from '../../device/device.ts';
import { ConfigError, DeviceError } from '../../errors.ts';
import { checkProducts } from './product-check.ts';
import {
  inRegisters,
  matrixTile,
  type ProductFamily,
  type ProductPrecision,
  type Products,
  productFamilies,
} from './products.ts';

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

/** By device, family and precision: what is wrong with it, or null. */
const verdicts = new WeakMap<Device, Map<string, Promise<string | null>>>();

/** By adapter, family and precision: how trying it ended a device. The process tries it no more. */
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
  const found = productsOf(device, family, precision);
  if (typeof found === 'string') return { products: null, reason: found };
  const known = verdicts.get(device) ?? new Map<string, Promise<string | null>>();
  verdicts.set(device, known);
  const key = JSON.stringify(found);
  const lost = fatal.get(`${device.adapter.name} ${key}`);
  if (lost !== undefined) return { products: null, reason: `trying it broke the device: ${lost}` };
  const verdict = known.get(key) ?? checkProducts(device, found);
  known.set(key, verdict);
  try {
    const reason = await verdict;
    return { products: reason === null ? found : null, reason: reason ?? '' };
  } catch (error) {
    if (error instanceof DeviceError) fatal.set(`${device.adapter.name} ${key}`, error.message);
    throw error;
  }
}

/** The family as this device would have it, or what the device lacks for it. */
function productsOf(device: Device, family: ProductFamily, precision: ProductPrecision): Products | string {
  const half = device.has('shader-f16');
  if (family !== 'matrix') return { family, precision: half ? precision : 'f32', unit: null };
  const { matrixUnits, subgroupSize, workgroupStorage, invocationsPerWorkgroup } = device.adapter;
  if (!device.has('chromium-experimental-subgroup-matrix') || !device.has('subgroups') || !half) {
    return 'the adapter has no matrix units that WebGPU reaches';
  }
  // The kernel counts subgroups, so their size must be known before.
  if (!subgroupSize || subgroupSize.least !== subgroupSize.most) {
    return "the adapter's subgroups have no fixed size";
  }
  const subgroup = subgroupSize.most;
  const fitting = matrixUnits.filter(
    (unit) =>
      unit.factors === 'f16' &&
      unit.sums === 'f32' &&
      unit.n % 4 === 0 &&
      unit.k % 2 === 0 &&
      matrixTile(unit).bytes <= workgroupStorage &&
      8 * subgroup <= invocationsPerWorkgroup,
  );
  const [unit] = fitting.toSorted((a, b) => b.m * b.n * b.k - a.m * a.n * a.k);
  if (!unit) return 'the adapter has no matrix units that multiply f16 and sum in f32, of a size that fits';
  return { family, precision, unit: { ...unit, subgroup } };
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
