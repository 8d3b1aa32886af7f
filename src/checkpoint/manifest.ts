/**
 * The manifest of a checkpoint: what it belongs to, and the SHA-256 of every file in it, so that one of
 * another run, or one with a changed byte, is seen before anything is made of it.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../errors.ts';
import { writeJson } from './folder-aside.ts';

export const manifestFile = 'manifest.json';

const manifest = z.strictObject({
  format: z.literal('swirl-manifest-1'),
  /** The run's name, and what tells it from others of its name. */
  run: z.string(),
  identity: z.string().nullable(),
  files: z.record(z.string(), z.strictObject({ bytes: z.int().min(0), sha256: z.string() })),
  /** Of the other keys as JSON. */
  sha256: z.string(),
});

export type Manifest = z.output<typeof manifest>;

/** A run as its checkpoints know it. */
export type Owner = Pick<Manifest, 'run' | 'identity'>;

/** Hashes the files of a folder but `except`, and writes the manifest beside them. Returns its own hash. */
export async function writeManifest(
  folder: string,
  { run, identity }: Owner,
  except: readonly string[],
): Promise<string> {
  const files: Manifest['files'] = {};
  for (const name of (await readdir(folder)).sort()) {
    if (name === manifestFile || except.includes(name)) continue;
    files[name] = await fingerprint(join(folder, name));
  }
  const body = { format: 'swirl-manifest-1', run, identity, files } as const;
  const sha256 = hashOfJson(body);
  await writeJson(join(folder, manifestFile), { ...body, sha256 });
  return sha256;
}

/**
 * The manifest of a folder, null where it has none. Throws a `DataError` that names the file where the
 * manifest itself, or what `check` says of its files, is not what was written.
 */
export async function readManifest(
  folder: string,
  { check }: { readonly check: 'files' | 'itself' },
): Promise<Manifest | null> {
  const path = join(folder, manifestFile);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new DataError(`${path}: cannot be read (${error.message})`, { cause: error });
  });
  if (text === null) return null;
  const found = parsed(text);
  if (found === null)
    throw new DataError(`${path}: it is not what was written there (its hash is of other bytes)`);
  if (check === 'files') {
    for (const [name, expected] of Object.entries(found.files)) await checkFile(join(folder, name), expected);
  }
  return found;
}

/** SHA-256 of a value as JSON. */
export function hashOfJson(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

async function checkFile(path: string, expected: Manifest['files'][string]): Promise<void> {
  const found = await fingerprint(path);
  if (found.bytes !== expected.bytes)
    throw new DataError(`${path}: expected ${expected.bytes} bytes, found ${found.bytes}`);
  if (found.sha256 !== expected.sha256)
    throw new DataError(`${path}: its bytes are not those that were written (SHA-256)`);
}

async function fingerprint(path: string): Promise<Manifest['files'][string]> {
  try {
    const { size } = await stat(path);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer);
    return { bytes: size, sha256: hash.digest('hex') };
  } catch (error) {
    throw new DataError(`${path}: cannot be read (${(error as Error).message})`, { cause: error });
  }
}

function parsed(text: string): Manifest | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { data } = manifest.safeParse(json);
  if (data === undefined) return null;
  const { sha256, ...body } = data;
  return hashOfJson(body) === sha256 ? data : null;
}
