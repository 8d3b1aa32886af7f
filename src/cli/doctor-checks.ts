/** The checks of `swirl doctor`, one after the other; none of them throws. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { AdapterDescription } from '../device/adapter.ts';
import { SwirlError } from '../errors.ts';
import type { SelfCheck } from '../policy/self-check.ts';
import type { Topology } from '../topology/topology.ts';
import { checkEndpoints } from './doctor-endpoints.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, in one line. */
  readonly found: string;
  /** What to do about a fault. */
  readonly fix?: string;
  /** More for people, line by line. */
  readonly lines?: readonly string[];
  /** More for programs. */
  readonly details?: object;
}

export interface Subject {
  /** A topology's file. */
  readonly topology: string | undefined;
  /** A policy's folder. */
  readonly policy: string | undefined;
}

/** Everything that is to be checked, in the order of what depends on what. */
export async function* examine({ topology: file, policy }: Subject): AsyncGenerator<Check> {
  yield checkNode();
  const adapter = await checkAdapter();
  yield adapter.check;
  if (adapter.description !== null) {
    yield await attempt('engine', checkEngine);
    yield await attempt('speed', checkSpeed);
  }
  if (policy !== undefined) yield await attempt('policy', () => checkPolicy(policy, adapter.description));
  if (file === undefined) return;
  const loaded = await checkTopology(file);
  yield loaded.check;
  if (loaded.topology === null) return;
  const { policy: own } = loaded.topology;
  if (own.kind === 'local' && policy === undefined) {
    yield await attempt('policy', () => checkPolicy(own.checkpoint, adapter.description));
  }
  yield await attempt('run folder', async () => checkRunFolder(loaded.folder));
  yield* checkEndpoints(loaded.topology, process.env);
}

/** No check takes longer than this, in milliseconds: a software driver compiles its kernels for half a minute at first. */
const LONGEST_CHECK_MS = 300_000;

/** Runs a check; what it throws becomes its finding. Errors of Swirl say what to do themselves. */
async function attempt(name: string, check: () => Promise<Omit<Check, 'name'>>): Promise<Check> {
  try {
    return { name, ...(await Promise.race([check(), tooLong()])) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const fix =
      error instanceof SwirlError
        ? {}
        : { fix: 'this is a defect of Swirl or of the driver: please report it' };
    return { name, ok: false, found: error.message, ...fix };
  }
}

async function tooLong(): Promise<Omit<Check, 'name'>> {
  await setTimeout(LONGEST_CHECK_MS, undefined, { ref: false });
  const found = `no answer within ${LONGEST_CHECK_MS / 1000} seconds`;
  return { ok: false, found, fix: "update the adapter's driver, or see what else keeps the machine busy" };
}

function checkNode(): Check {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string };
  };
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [least = 0, leastMinor = 0] = (/\d+(\.\d+)?/.exec(engines.node)?.[0] ?? '').split('.').map(Number);
  const ok = major > least || (major === least && minor >= leastMinor);
  const found = `${process.version} on ${process.platform}-${process.arch}`;
  return {
    name: 'Node',
    ok,
    found,
    ...(ok ? {} : { fix: `install Node ${engines.node} from https://nodejs.org` }),
  };
}

async function checkAdapter(): Promise<{
  readonly check: Check;
  readonly description: AdapterDescription | null;
}> {
  const { describeAdapter, findAdapter } = await import('../device/adapter.ts');
  try {
    const description = describeAdapter(await findAdapter());
    const { name, software, largestBuffer, largestBinding, workgroupStorage, invocationsPerWorkgroup } =
      description;
    const lines = [
      `buffers up to ${mebibytes(largestBuffer)}, bindings up to ${mebibytes(largestBinding)}`,
      `workgroups of up to ${invocationsPerWorkgroup} invocations with ${workgroupStorage / 1024} KiB`,
    ];
    const found = `${name} (${software ? 'software, on the processor' : 'a GPU'})`;
    return { check: { name: 'adapter', ok: true, found, lines, details: description }, description };
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    return { check: { name: 'adapter', ok: false, found: error.message }, description: null };
  }
}

async function checkEngine(): Promise<Omit<Check, 'name'>> {
  const [{ selfCheck, TOLERANCE }, { createWebGpuEngine }] = await Promise.all([
    import('../policy/self-check.ts'),
    import('../policy/webgpu-engine.ts'),
  ]);
  const result = await selfCheck(createWebGpuEngine);
  const { table } = await import('./table.ts');
  const rows = byKind(result).map(({ kind, gradient, update }) => [
    kind,
    scientific(gradient),
    scientific(update),
  ]);
  const against = 'one step of a small random decoder against the float64 reference';
  return {
    ok: result.ok,
    found: `${against}: log-probabilities within ${scientific(result.logprobs)}, ${result.repeatable ? 'repeatable to the bit' : 'NOT repeatable to the bit'}`,
    lines: table(['largest relative error of', 'gradient', 'update'], rows).split('\n'),
    details: result,
    ...(result.ok
      ? {}
      : {
          fix:
            `errors above ${TOLERANCE.gradient} (gradient) or ${TOLERANCE.update} (update), or bits that differ, are the driver's: ` +
            'update it, or set `device: reference` in the policy to compute in float64 on the processor',
        }),
  };
}

/** The largest errors over the layers. */
function byKind({ tensors }: SelfCheck) {
  const kinds = new Map<string, { gradient: number; update: number }>();
  for (const { name, gradient, update } of tensors) {
    const kind = name.replace(/^model\./, '').replace(/layers\.\d+/, 'layers.*');
    const before = kinds.get(kind) ?? { gradient: 0, update: 0 };
    kinds.set(kind, {
      gradient: Math.max(before.gradient, gradient),
      update: Math.max(before.update, update),
    });
  }
  return [...kinds].map(([kind, errors]) => ({ kind, ...errors }));
}

async function checkSpeed(): Promise<Omit<Check, 'name'>> {
  const [{ trainingSpeed }, { createWebGpuEngine }, { createReferenceEngine }] = await Promise.all([
    import('../policy/self-check.ts'),
    import('../policy/webgpu-engine.ts'),
    import('../policy/reference.ts'),
  ]);
  const now = () => performance.now();
  const { tokensPerSecond, parameters } = await trainingSpeed(createWebGpuEngine, { now, rounds: 3 });
  const reference = await trainingSpeed(createReferenceEngine, { now, rounds: 1 });
  const times = (tokensPerSecond / reference.tokensPerSecond).toFixed(1);
  return {
    ok: true,
    found: `training a decoder of ${parameters.toLocaleString('en')} parameters at ${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s, ${times} times the float64 reference`,
    details: { tokensPerSecond, parameters, referenceTokensPerSecond: reference.tokensPerSecond },
  };
}

async function checkPolicy(path: string, adapter: AdapterDescription | null): Promise<Omit<Check, 'name'>> {
  const { openPolicy, readWeights } = await import('../policy/folder.ts');
  const policy = await openPolicy(path);
  const weights = [...(await readWeights(policy))];
  const parameters = weights.reduce((sum, [, { length }]) => sum + length, 0);
  const broken = weights.find(([, values]) => !values.every(Number.isFinite));
  if (broken !== undefined) {
    return {
      ok: false,
      found: `${path}: ${broken[0]} holds numbers that are not finite`,
      fix: 'take an earlier checkpoint',
    };
  }
  const [largest = '', values = new Float32Array()] =
    weights.toSorted(([, a], [, b]) => b.length - a.length)[0] ?? [];
  if (adapter !== null && values.byteLength > adapter.largestBinding) {
    return {
      ok: false,
      found: `${path}: ${largest} needs ${mebibytes(values.byteLength)}, the adapter binds ${mebibytes(adapter.largestBinding)}`,
      fix: 'use an adapter with more memory, or a policy with a smaller vocabulary',
    };
  }
  const { layers, hiddenSize, vocabSize } = policy.config;
  return {
    ok: true,
    found: `${path}: ${parameters.toLocaleString('en')} parameters, ${layers} layers of ${hiddenSize}, ${vocabSize} tokens`,
    details: { parameters, config: policy.config },
  };
}

async function checkTopology(
  file: string,
): Promise<{ readonly check: Check; readonly topology: Topology | null; readonly folder: string }> {
  const { loadTopology } = await import('../topology/load.ts');
  const { runFolder } = await import('../topology/resolved.ts');
  try {
    const { topology, warnings } = loadTopology(file, { context: { env: process.env, exists: existsSync } });
    const found = `${file}: the run ${topology.run}, ${warnings.length} warnings (see swirl lint)`;
    return { check: { name: 'topology', ok: true, found }, topology, folder: runFolder(topology) };
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    const [found = '', ...lines] = error.message.split('\n');
    return { check: { name: 'topology', ok: false, found, lines }, topology: null, folder: '' };
  }
}

/** Tries to write where the run would; makes nothing that stays. */
async function checkRunFolder(folder: string): Promise<Omit<Check, 'name'>> {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
    const trial = join(there, `.swirl-doctor-${process.pid}`);
    mkdirSync(trial);
    try {
      writeFileSync(join(trial, 'trial'), 'x', { flush: true });
    } finally {
      rmSync(trial, { recursive: true });
    }
  } catch (error) {
    const found = `${there} cannot be written: ${(error as Error).message}`;
    return {
      ok: false,
      found,
      fix: 'set `folder` in the topology to one that this user may write, or make room on the disk',
    };
  }
  const { bavail, bsize } = statfsSync(there);
  const still = there === folder ? '' : ', not there yet';
  return { ok: true, found: `${folder}${still}: writable, ${mebibytes(bavail * bsize)} free` };
}

function mebibytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}
