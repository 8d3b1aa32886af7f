/**
 * Prompts of the user's own: a text file with named places, read and checked before anything is asked with
 * it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { Origin } from '../topics/records.generated.ts';
import type { PromptValues } from './prompt.ts';
import { fillPrompt, fillTemplate, type PromptName } from './prompt.ts';

/** Larger files are no prompts. */
const MOST_BYTES = 1_000_000;

/** The places of a prompt. */
export interface PromptPlaces {
  /** Without one of these the model is not shown what it is asked about. */
  readonly needed: readonly string[];
  /** Without one of these it is shown, and the reply may be worse. */
  readonly advised: readonly string[];
  /** What the end of the reply is read by, such as `VERDICT:`. */
  readonly ending: string;
}

export interface OwnPrompt {
  readonly text: string;
  /** SHA-256 of the file, hexadecimal. */
  readonly hash: string;
}

/** Reads a prompt. Throws `ConfigError` where it is not there, too large or not UTF-8. */
export function readPrompt(path: string): OwnPrompt {
  try {
    const about = statSync(path);
    const { size } = about;
    // A folder has no text, and a pipe or a device no end.
    if (!about.isFile()) throw new ConfigError(`${path}: expected a text file with a prompt`);
    if (size > MOST_BYTES)
      throw new ConfigError(`${path}: expected a prompt of at most ${MOST_BYTES} bytes, found ${size}`);
    const bytes = readFileSync(path);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim();
    return { text, hash: createHash('sha256').update(bytes).digest('hex') };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new ConfigError(
        `there is no ${path} (paths are relative to the topology's file; of --set, to the current folder)`,
      );
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw new ConfigError(`${path}: not UTF-8 text`);
    throw new ConfigError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** What is wrong with a prompt's places: as errors, and as warnings. */
export function placeProblems(
  text: string,
  { needed, advised, ending }: PromptPlaces,
): { readonly errors: readonly string[]; readonly warnings: readonly string[] } {
  const found = new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name));
  const known = [...needed, ...advised];
  const quoted = (names: readonly string[]) => names.map((name) => `{{${name}}}`).join(', ');
  const unknown = [...found].filter((name) => !known.includes(name));
  const missing = needed.filter((name) => !found.has(name));
  const lacking = advised.filter((name) => !found.has(name));
  const spaced = [...text.matchAll(/\{\{(?:\s+(\w+)\s*|(\w+)\s+)\}\}/g)].flatMap(([, first, second = '']) => {
    const name = first ?? second;
    return known.includes(name) ? [name] : [];
  });
  return {
    errors: [
      ...(unknown.length > 0 ? [`nobody fills ${quoted(unknown)}: expected ${quoted(known)}`] : []),
      ...(spaced.length > 0 ? [`a place is filled without blanks in it: write ${quoted(spaced)}`] : []),
      ...(missing.length > 0 ? [`${quoted(missing)} is missing: the model would not be shown it`] : []),
    ],
    warnings: [
      ...(lacking.length > 0 ? [`${quoted(lacking)} is missing`] : []),
      ...(text.includes(ending)
        ? []
        : [`it does not say \`${ending}\`, by which the reply's last line is read`]),
    ],
  };
}

/**
 * How a model is asked: by Swirl's prompt, or by one of the user's own, which then stands in what comes of
 * it.
 */
export interface Asking {
  readonly fill: (values: PromptValues) => string;
  /** Null for Swirl's. */
  readonly by: Origin | null;
}

/** Throws `ConfigError` where the prompt cannot be read, or has other places. */
export function askingWith(prompt: string | null, name: PromptName, places: PromptPlaces): Asking {
  if (prompt === null) return { fill: (values) => fillPrompt(name, values), by: null };
  const { text, hash } = readPrompt(prompt);
  const [problem] = placeProblems(text, places).errors;
  if (problem !== undefined) throw new ConfigError(`${prompt}: ${problem}`);
  const by = { module: basename(prompt).toWellFormed(), export: 'prompt', hash, settings: '{}' };
  return { fill: (values) => fillTemplate(text, values), by };
}
