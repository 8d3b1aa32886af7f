/**
 * Which family multiplies matrices on a device. One that the adapter offers is tried on it first, against
 * float64: drivers differ, and wrong numbers would train a policy without anybody noticing.
 */
import { Device } from '../../../device/device.ts';
import { ConfigError, DeviceError } from '../../../errors.ts';
import { type MatmulChoice, type MatmulFamily, matmulFamilies, newestRule } from '../../matmul-choice.ts';
import { inRegisters, type MatmulMethod, type MatmulPrecision, matrixTile } from '../matmul-variants.ts';
import { checkMatmul } from './check.ts';

export interface MatmulWanted {
  /** A family by name, or the rule that takes the first that works on the device. */
  readonly family?: MatmulChoice;
  readonly precision?: MatmulPrecision;
}

/** A family that the device could have, and why it is not used. */
interface RefusedMatmul {
  readonly family: MatmulFamily;
  readonly reason: string;
}

export interface ChosenMatmul {
  readonly matmul: MatmulMethod;
  readonly refused: readonly RefusedMatmul[];
}

/** By device and method: what is wrong with it, or null. */
const verdicts = new WeakMap<Device, Map<string, Promise<string | null>>>();

/** By adapter and method: how trying it ended a device. The process tries it no more. */
const fatal = new Map<string, string>();

/**
 * The process's device and the family for it. A family whose trial breaks the device is left out, on a new
 * one. Throws as `Device.shared` and `chooseMatmul`.
 */
export async function openWithMatmul(
  wanted: MatmulWanted = {},
): Promise<ChosenMatmul & { readonly device: Device }> {
  for (;;) {
    const before = fatal.size;
    const device = await Device.shared();
    try {
      return { device, ...(await chooseMatmul(device, wanted)) };
    } catch (error) {
      if (fatal.size === before) throw error;
    }
  }
}

/**
 * The family for a device, checked once. `SWIRL_MATMUL` names one in place of a rule. Throws `ConfigError`
 * where a family is asked for by name that the device cannot have or computes wrongly.
 */
export async function chooseMatmul(
  device: Device,
  { family = 'auto', precision = 'f32' }: MatmulWanted = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ChosenMatmul> {
  const rule = family === 'auto' ? newestRule : family;
  const wanted = rule === 'with-subgroups' || rule === 'without-subgroups' ? (familyFrom(env) ?? rule) : rule;
  if (wanted === 'registers') return { matmul: inRegisters, refused: [] };
  if (wanted !== 'with-subgroups' && wanted !== 'without-subgroups') {
    const { matmul, reason } = await candidate(device, wanted, precision);
    if (matmul) return { matmul, refused: [] };
    throw new ConfigError(
      `matmul: ${wanted}: ${reason}. Leave the family to Swirl (auto), or take registers.`,
    );
  }
  const refused: RefusedMatmul[] = [];
  for (const name of candidates(wanted, device)) {
    const { matmul, reason } = await candidate(device, name, precision);
    if (matmul) return { matmul, refused };
    refused.push({ family: name, reason });
  }
  return { matmul: inRegisters, refused };
}

/** What a rule tries, best first; registers work everywhere. */
function candidates(rule: 'with-subgroups' | 'without-subgroups', { adapter }: Device): MatmulFamily[] {
  if (!adapter.software) return ['matrix', 'workgroup'];
  return rule === 'with-subgroups' ? ['subgroups'] : [];
}

async function candidate(
  device: Device,
  family: MatmulFamily,
  precision: MatmulPrecision,
): Promise<{ matmul: MatmulMethod | null; reason: string }> {
  const forms = formsOf(device, family, precision);
  if (typeof forms === 'string') return { matmul: null, reason: forms };
  const reasons: string[] = [];
  for (const matmul of forms) {
    const reason = await verdictOn(device, matmul);
    if (reason === null) return { matmul, reason: '' };
    reasons.push(reason);
  }
  return { matmul: null, reason: reasons.join('; ') };
}

/** What is wrong with a method on a device, or null; found out once. */
async function verdictOn(device: Device, matmul: MatmulMethod): Promise<string | null> {
  const key = JSON.stringify(matmul);
  const lost = fatal.get(`${device.adapter.name} ${key}`);
  if (lost !== undefined) return `trying it broke the device: ${lost}`;
  const known = verdicts.get(device) ?? new Map<string, Promise<string | null>>();
  verdicts.set(device, known);
  const verdict = known.get(key) ?? checkMatmul(device, matmul);
  known.set(key, verdict);
  try {
    return await verdict;
  } catch (error) {
    if (error instanceof DeviceError) fatal.set(`${device.adapter.name} ${key}`, error.message);
    throw error;
  }
}

/** The forms in which this device could have a family, best first; or what it lacks. */
function formsOf(device: Device, family: MatmulFamily, precision: MatmulPrecision): MatmulMethod[] | string {
  const half = device.has('shader-f16');
  if (family === 'subgroups') return inSubgroups(device);
  if (family !== 'matrix') return [{ family, precision: half ? precision : 'f32', unit: null }];
  const { subgroupMatrices, subgroupSize, workgroupStorage, invocationsPerWorkgroup } = device.adapter;
  const needed = ['chromium-experimental-subgroup-matrix', 'subgroup-size-control', 'subgroups'] as const;
  if (!half || !subgroupSize || !needed.every((feature) => device.has(feature))) {
    return 'the adapter has no subgroup matrices that WebGPU reaches';
  }
  const fitting = subgroupMatrices.filter(
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
    return 'the adapter has no subgroup matrices that multiply f16 and sum in f32, of a size that fits';
  }
  return sizes.map((subgroup) => ({ family, precision, unit: { ...unit, subgroup } }));
}

/** Kernels of one subgroup to a workgroup: for software adapters, whose subgroups are their vectors. */
function inSubgroups(device: Device): MatmulMethod[] | string {
  const { subgroupSize } = device.adapter;
  if (!device.has('subgroups') || !subgroupSize) return 'the adapter has no subgroups';
  const { least, most } = subgroupSize;
  if (least !== most || ![4, 8, 16].includes(least)) {
    const found = least === most ? String(least) : `${least} to ${most}`;
    return `expected subgroups of 4, 8 or 16 lanes, found ${found}`;
  }
  return [{ family: 'subgroups', precision: 'f32', unit: null, lanes: least }];
}

function familyFrom(env: Readonly<Record<string, string | undefined>>): MatmulFamily | null {
  const named = env.SWIRL_MATMUL ?? '';
  if (named === '' || named === 'auto') return null;
  const family = matmulFamilies.find((name) => name === named);
  if (family) return family;
  throw new ConfigError(`SWIRL_MATMUL: expected auto or one of ${matmulFamilies.join(', ')}, found ${named}`);
}
