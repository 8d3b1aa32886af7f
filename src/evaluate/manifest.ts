/**
 * What an evaluation is of: kept in its run's folder, so that the same one is gone on with and another is
 * refused. Two are the same where all that decides their records is: policy, judge, tasks, tools, seed,
 * rollouts and questions.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { goldAnswers } from '../agent/gold-answers.ts';
import { hashOfJson } from '../checkpoint/manifest.ts';
import { ConfigError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import type { Question } from '../topics/records.generated.ts';
import { changesIn } from '../topology/changes.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';

export const EVALUATION_FILE = 'evaluation.json';
const VERSION = 1;

/** Settings that decide how fast records come, and not what is in them. */
const PACE = new Set(['concurrency', 'timeoutMs', 'slots', 'device', 'maxResponseBytes', 'apiKeyEnv']);
/** Of each of a policy's files so many bytes at both ends tell whether it is the same. */
const ENDS_BYTES = 65_536;
/** The most differences that a message lists. */
const MOST_TOLD = 5;

const manifestSchema = z.object({
  version: z.literal(VERSION),
  settings: z.record(z.string(), z.unknown()),
  rollouts: z.int().min(1),
  questions: z.object({ count: z.int().min(0), hash: z.string() }),
  /** Whether all that could be done is done. */
  finished: z.boolean(),
  /** SHA-256 of the other keys as JSON; earlier versions wrote none. */
  sha256: z.string().optional(),
});
export type Manifest = z.output<typeof manifestSchema>;

/** The manifest of an evaluation's topology on some questions. */
export function manifestOf(flow: Topology, questions: readonly Question[]): Manifest {
  const { seed, policy, judge, matcher, tasks, tools, stages } = flow;
  const files = policy.kind === 'local' ? { policyFiles: filesOf(policy.checkpoint) } : {};
  const settings = { seed, policy, judge, matcher, tasks, tools, ...files };
  const hash = createHash('sha256');
  for (const question of questions) {
    const { id, task, text } = question;
    hash.update(`${JSON.stringify([id, task, text, goldAnswers(question)])}\n`);
  }
  return {
    version: VERSION,
    settings: plain(settings) as Manifest['settings'],
    rollouts: stages.start?.rollouts ?? 1,
    questions: { count: questions.length, hash: hash.digest('hex') },
    finished: false,
  };
}

/** The manifest of a run; null where there is no such run. Throws `ConfigError` where it is no evaluation. */
export function readManifest(topology: Topology, run: string): Manifest | null {
  const folder = runFolder(topology, run);
  if (!existsSync(folder)) return null;
  const path = join(folder, EVALUATION_FILE);
  if (!existsSync(path)) {
    throw new ConfigError(
      `the run ${run} is there and is no evaluation (or one of an earlier version): ` +
        `expected ${path}; name another run`,
    );
  }
  return readEvaluation(path).manifest;
}

/** What the file says. Throws `ConfigError` where it is not what was written there. */
export function readEvaluation(path: string): { readonly manifest: Manifest; readonly isSealed: boolean } {
  try {
    const json = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const { sha256, ...manifest } = manifestSchema.parse(json);
    const { sha256: _, ...body } = json;
    const isOld = sha256 === undefined && Object.keys(json).every((key) => key in manifest);
    if (!isOld && sha256 !== hashOfJson(body)) throw new Error('its bytes have changed (SHA-256)');
    return { manifest, isSealed: !isOld };
  } catch (error) {
    throw new ConfigError(
      `${path}: expected what \`swirl evaluate\` writes there: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** Written aside and renamed into place. */
export function writeManifest(flow: Topology, manifest: Manifest): void {
  const folder = runFolder(flow);
  const aside = join(folder, `${EVALUATION_FILE}.${randomUUID()}.tmp`);
  makeFolder(folder);
  const { sha256: _, ...body } = manifest;
  writeFileSync(aside, `${JSON.stringify({ ...body, sha256: hashOfJson(body) }, null, 1)}\n`);
  renameSync(aside, join(folder, EVALUATION_FILE));
}

/** Throws `ConfigError` that says what differs, where two manifests are of different evaluations. */
export function requireSame(run: string, was: Manifest, is: Manifest): void {
  const differences = [
    ...differencesOf(was.settings, is.settings),
    ...differencesOf({ rollouts: was.rollouts }, { rollouts: is.rollouts }),
    ...(was.questions.hash === is.questions.hash
      ? []
      : [`the questions are others (${was.questions.count} then, ${is.questions.count} now)`]),
  ];
  if (differences.length === 0) return;
  const more = differences.length - MOST_TOLD;
  throw new ConfigError(
    `the run ${run} is there, and is another evaluation:\n${differences
      .slice(0, MOST_TOLD)
      .map((line) => `  ${line}`)
      .join(
        '\n',
      )}${more > 0 ? `\n  and ${more} more` : ''}\nGo on with it by the same settings, or name another run with --as.`,
  );
}

function differencesOf(was: unknown, is: unknown): string[] {
  const shown = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 100);
  return changesIn(was, is).map(
    (change) => `${change.path.join('.')} was ${shown(change.was)} and is ${shown(change.is)}`,
  );
}

/** As JSON, without what only decides the pace. A task without examples is as before there were any. */
function plain(value: unknown): unknown {
  const kept = (key: string, item: unknown) => !PACE.has(key) && !(key === 'examples' && !isList(item));
  return JSON.parse(JSON.stringify(value, (key, item) => (kept(key, item) ? item : undefined)));
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

/** The files of a policy's folder by their sizes and ends. */
function filesOf(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const files = readdirSync(folder)
    .filter(
      (name) =>
        /\.(?:json|safetensors|gguf|jinja|model)$/.test(name) && statSync(join(folder, name)).isFile(),
    )
    .sort();
  return Object.fromEntries(files.map((name) => [name, endsHash(join(folder, name))]));
}

function endsHash(path: string): string {
  const { size } = statSync(path);
  const hash = createHash('sha256').update(`${size}\n`);
  const file = openSync(path, 'r');
  try {
    for (const at of [0, Math.max(0, size - ENDS_BYTES)]) {
      const bytes = Buffer.alloc(Math.min(ENDS_BYTES, size));
      readSync(file, bytes, 0, bytes.length, at);
      hash.update(bytes);
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex').slice(0, 16);
}
