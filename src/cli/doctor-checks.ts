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
import { bytesText } from '../engine/webgpu/memory/memory-advice.ts';
import { SwirlError } from '../errors.ts';
import type { Topology } from '../topology/topology.ts';
import { counted } from './count.ts';
import type { Check } from './doctor-check.ts';
import { checkEmbeddings } from './doctor-embeddings.ts';
import { checkEndpoints } from './doctor-endpoints.ts';
import { checkKafka } from './doctor-kafka.ts';
import { checkRegistry } from './doctor-registry.ts';
import { checkTools } from './doctor-tools.ts';

export interface Subject {
  /** A topology's file. */
  readonly topology: string | undefined;
  /** Settings of it that the command line changes. */
  readonly set: readonly string[];
  /** A policy's folder. */
  readonly policy: string | undefined;
  /** Hears what is looked at now: some checks take long. */
  readonly begin: (name: string) => void;
}

const checkPolicy = async (...of: Parameters<typeof import('./doctor-policy.ts').checkPolicy>) =>
  (await import('./doctor-policy.ts')).checkPolicy(...of);

/** Everything that is to be checked, in the order of what depends on what. */
export async function* examine({ topology: file, set, policy, begin }: Subject): AsyncGenerator<Check> {
  /** Runs a check; what it throws becomes its finding. Errors of Swirl say what to do themselves. */
  const attempt = async (name: string, check: () => Promise<Omit<Check, 'name'>>): Promise<Check> => {
    begin(name);
    return { name, ...(await found(check)) };
  };
  yield checkNode();
  begin('adapter');
  const adapter = await checkAdapter();
  yield adapter.check;
  if (adapter.description !== null) {
    const { checkEngine, checkKernels, checkMatmul, checkSpeed } = await import('./doctor-engine.ts');
    yield await attempt('matmul', checkMatmul);
    yield await attempt('kernels', checkKernels);
    yield await attempt('engine', checkEngine);
    yield await attempt('speed', checkSpeed);
  }
  if (policy !== undefined)
    yield await attempt('policy', () => checkPolicy(policy, adapter.description, null));
  if (file === undefined) return;
  const loaded = await checkTopology(file, set);
  yield loaded.check;
  if (loaded.topology === null) return;
  const { policy: own } = loaded.topology;
  if (own.kind === 'local' && policy === undefined) {
    yield await attempt('policy', () => checkPolicy(own.checkpoint, adapter.description, loaded.topology));
  }
  yield await attempt('run folder', async () => checkRunFolder(loaded.folder));
  yield* checkKafka(loaded.topology);
  yield* checkRegistry(loaded.topology, process.env);
  const deps = { env: process.env, now: () => performance.now(), begin };
  yield* checkEndpoints(loaded.topology, deps);
  const signal = AbortSignal.timeout(LONGEST_CHECK_MS);
  yield* checkTools(loaded.topology, { ...deps, signal });
  yield* checkEmbeddings(loaded.topology, { ...deps, signal });
}

/**
 * No check takes longer than this, in milliseconds: a software driver compiles its kernels for half a minute
 * at first.
 */
const LONGEST_CHECK_MS = 300_000;

async function found(check: () => Promise<Omit<Check, 'name'>>): Promise<Omit<Check, 'name'>> {
  try {
    return await Promise.race([check(), tooLong()]);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const fix =
      error instanceof SwirlError
        ? {}
        : { fix: 'this is a defect of Swirl or of the driver: please report it' };
    return { ok: false, found: error.message, ...fix };
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
      `buffers up to ${bytesText(largestBuffer)}, bindings up to ${bytesText(largestBinding)}`,
      `workgroups of up to ${invocationsPerWorkgroup} invocations with ${workgroupStorage / 1024} KiB`,
    ];
    const found = `${name} (${software ? 'software, on the processor' : 'a GPU'})`;
    return { check: { name: 'adapter', ok: true, found, lines, details: description }, description };
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    return { check: { name: 'adapter', ok: false, found: error.message }, description: null };
  }
}

async function checkTopology(
  file: string,
  set: readonly string[],
): Promise<{ readonly check: Check; readonly topology: Topology | null; readonly folder: string }> {
  const { openTopology } = await import('../topology/load.ts');
  const { runFolder } = await import('../topology/resolved.ts');
  try {
    const { topology, warnings } = await openTopology(file, {
      set,
      context: { env: process.env, exists: existsSync },
    });
    const found = `${file}: the run ${topology.run}, ${warnings.length === 0 ? 'no warnings' : `${counted(warnings.length, 'warning')} (\`swirl lint\` lists them)`}`;
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
  return { ok: true, found: `${folder}${still}: writable, ${bytesText(bavail * bsize)} free` };
}
