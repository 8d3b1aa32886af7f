/** Loads a topology: reads the file, applies overrides, checks shape and combinations, fills in defaults. */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { withBroughtTopics } from './brought-topics.ts';
import { checkShape, type Finding } from './check.ts';
import { examineParts } from './examine-parts.ts';
import { type LintContext, lintTopology } from './lint.ts';
import { withFirstRule } from './local-models.ts';
import { applyOverrides, type Override, overrideAt, parseOverride } from './overrides.ts';
import { withoutSlips } from './own-names.ts';
import { readOwnTopics } from './own-topics.ts';
import { resolvePaths } from './paths.ts';
import { formatProblems, hasErrors, type Problem, pathText, sortProblems, writtenPath } from './problem.ts';
import { checkResolved } from './resolved-seal.ts';
import { RESOLVED_FILE } from './run-files.ts';
import { isObject } from './schema-walk.ts';
import { settle } from './settle.ts';
import { MAX_TOPOLOGY_BYTES, parseSource, type Source } from './source.ts';
import { DEFAULT_STAGES } from './stage-configs.ts';
import { DEFAULT_KINDS, type Topology } from './topology.ts';

export interface LoadOptions {
  /** `path=value` settings from the command line, applied in order. */
  readonly set?: readonly string[];
  /** What paths in `set` are relative to; the current folder by default, as of all that is typed. */
  readonly setFolder?: string;
  /** What the machine offers; by default nothing about it is checked. */
  readonly context?: LintContext;
}

export interface Examined {
  /** Null where there are errors in the text or its shape; combinations may still be wrong. */
  readonly topology: Topology | null;
  /** Errors first, in the order of the file. */
  readonly problems: readonly Problem[];
  /** Ties what is found out later to its place in the file. */
  readonly locate: (finding: Finding) => Problem;
}

export interface Loaded {
  readonly topology: Topology;
  readonly warnings: readonly Problem[];
}

/**
 * The topology of a file with its parts: modules are imported, prompts read, and both checked. A
 * `ConfigError` lists everything that is wrong; warnings are for the caller. `replayed`: as of
 * `examineParts`.
 */
export async function openTopology(
  path: string,
  options: LoadOptions & { readonly replayed?: boolean } = {},
): Promise<Loaded> {
  const { topology, problems } = await withParts(examineFile(path, options), options);
  if (topology === null || hasErrors(problems)) throw refusal(path, problems);
  return { topology, warnings: problems };
}

/**
 * As it was examined, with what is wrong with its parts. Where there are errors already no module is
 * imported.
 */
export async function withParts(
  examined: Examined,
  options: { readonly replayed?: boolean } = {},
): Promise<Examined> {
  if (examined.topology === null || hasErrors(examined.problems)) return examined;
  const { topology, findings } = await examineParts(examined.topology, options);
  const problems = sortProblems([...examined.problems, ...findings.map(examined.locate)]);
  return { ...examined, topology, problems };
}

/** As `openTopology`, without its parts: for what only looks at a run, and imports nothing. */
export function loadTopology(path: string, options: LoadOptions = {}): Loaded {
  const { topology, problems } = examineFile(path, options);
  if (topology === null || hasErrors(problems)) throw refusal(path, problems);
  return { topology, warnings: problems };
}

/** A topology from a plain value (tests, the laboratory); paths are relative to `folder`. */
export function resolveTopology(value: unknown, folder: string, options: LoadOptions = {}): Topology {
  const { topology, problems } = examineText(JSON.stringify(value ?? {}, null, 1), {
    setFolder: folder,
    ...options,
    file: 'topology',
    folder,
  });
  if (topology === null || hasErrors(problems)) throw refusal('topology', problems);
  return topology;
}

/** Everything that is wrong with a file. Only a file that cannot be read at all throws (`ConfigError`). */
export function examineFile(path: string, options: LoadOptions = {}): Examined {
  return examineText(readText(path), { ...options, file: path, folder: dirname(resolve(path)) });
}

/** As `examineFile`, on a text: `file` is its name in messages, `folder` what its paths are relative to. */
export function examineText(
  text: string,
  options: LoadOptions & { readonly file: string; readonly folder: string },
): Examined {
  const source = parseSource(text, options.file);
  const overrides = (options.set ?? []).map(parseOverride);
  const place = (finding: Finding) => locate(finding, source, overrides);
  if (source.value === undefined) return { topology: null, problems: source.problems, locate: place };
  // A run that says no rule of choosing kernels was kept before there were several.
  const kept = basename(options.file) === RESOLVED_FILE;
  const value = kept ? withFirstRule(source.value) : source.value;
  const plain = applyOverrides(withDefaults(value), overrides);
  if (!isObject(plain)) {
    const found = Array.isArray(plain) ? 'a list' : 'a single value';
    const finding: Finding = {
      severity: 'error',
      rule: 'wrong-type',
      message: `expected a mapping of keys such as \`stages:\`, found ${found}`,
      path: [],
      part: 'value',
    };
    return { topology: null, problems: [...source.problems, place(finding)], locate: place };
  }
  const { folder, setFolder = process.cwd() } = options;
  const folderOf = (setting: readonly string[]) =>
    overrideAt(writtenPath(setting), overrides) === null ? folder : setFolder;
  const { topology, findings } = shapeOf(plain, { folderOf, kept });
  const combinations = topology === null ? [] : lintTopology(topology, options.context ?? {});
  const problems = [...source.problems, ...[...findings, ...combinations].map(place)];
  return { topology, problems: sortProblems(problems), locate: place };
}

/** The topology of a plain value, settled and with the files that it is made of; null where that is wrong. */
function shapeOf(
  plain: Record<string, unknown>,
  { folderOf, kept }: { readonly folderOf: (setting: readonly string[]) => string; readonly kept: boolean },
): { readonly topology: Topology | null; readonly findings: readonly Finding[] } {
  const { value, findings: slips } = withoutSlips(withBroughtTopics(withStages(plain), { kept }));
  const checked = checkShape(value);
  if (checked.topology === null) return { topology: null, findings: [...slips, ...checked.findings] };
  const settled = resolvePaths(settle(checked.topology), folderOf);
  const { ownTopics, findings } = readOwnTopics(settled.ownTopics);
  const all = [...slips, ...findings];
  return { topology: all.length > 0 ? null : { ...settled, ownTopics }, findings: all };
}

/**
 * Says what is there by default before overrides change a part of it: all stages, and the kinds of the
 * models.
 */
function withDefaults(value: unknown): unknown {
  if (!isObject(value)) return value;
  const defaults = {
    ...DEFAULT_KINDS,
    stages: Object.fromEntries(DEFAULT_STAGES.map((stage) => [stage, {}])),
  };
  const missing = Object.entries(defaults).filter(([key]) => (value[key] ?? null) === null);
  return missing.length === 0 ? value : { ...value, ...Object.fromEntries(missing) };
}

/** `judge:` without settings is a stage with defaults; `judge: false` (for `--set`) takes it out. */
function withStages(plain: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(plain).filter(
    ([key, value]) => value !== null || key === 'source' || key === 'learner',
  );
  const copy = Object.fromEntries(entries);
  if (isObject(copy.stages)) {
    const stages = Object.entries(copy.stages).filter(([, value]) => value !== false);
    copy.stages = Object.fromEntries(stages.map(([key, value]) => [key, value ?? {}]));
  }
  return copy;
}

function locate(finding: Finding, source: Source, overrides: readonly Override[]): Problem {
  const { severity, rule, message, part } = finding;
  const path = writtenPath(finding.path);
  const base = { severity, rule, message, path: pathText(path) };
  const override = overrideAt(path, overrides);
  if (override !== null) {
    return { ...base, file: 'command line', line: null, column: null, source: override.text };
  }
  const position = source.position(path, part);
  if (position === null) return { ...base, file: source.file, line: null, column: null, source: null };
  return { ...base, file: source.file, ...position, source: source.line(position.line) };
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > MAX_TOPOLOGY_BYTES) {
      throw new ConfigError(
        `${path}: expected a topology of at most ${MAX_TOPOLOGY_BYTES} bytes, found ${size}`,
      );
    }
    const bytes = readFileSync(path);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (basename(path) === RESOLVED_FILE) checkResolved(text, path);
    return text;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new ConfigError(
        `${path}: there is no such file; expected a topology (copy the topology.yaml that ships with Swirl, or name another)`,
        { cause: error },
      );
    }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new ConfigError(`${path}: not UTF-8 text`, { cause: error });
    throw new ConfigError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function refusal(path: string, problems: readonly Problem[]): ConfigError {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  return new ConfigError(
    `${path} cannot be run: ${errors} ${errors === 1 ? 'problem' : 'problems'}\n${formatProblems(problems)}`,
  );
}
