/** Reads an archive: checks all of it first, then gives its members one by one. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { ConfigError, DataError } from '../errors.ts';
import { MANIFEST, type Manifest, MOST_MANIFEST_BYTES, parseManifest } from './archive-form.ts';
import { BLOCK_BYTES, END, paddingOf, readTarHeader } from './tar.ts';

const PIECE_BYTES = 2 ** 20;

/** A member of an archive that was checked. */
export interface Member {
  readonly name: string;
  readonly bytes: number;
  /** Its bytes, in pieces; a `DataError` where they are not those that were checked. */
  read(): AsyncGenerator<Buffer, void>;
}

export interface Archive {
  readonly manifest: Manifest;
  /** All but the manifest, in their order. */
  members(): AsyncGenerator<Member, void>;
  close(): Promise<void>;
}

/**
 * Opens an archive and looks at every byte of it. A `DataError` says which member is not what was written, and
 * where in the file it lies; a `ConfigError` that there is no such file.
 */
export async function openArchive(path: string): Promise<Archive> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`${path} cannot be read (${error.message}): expected a file of \`swirl export\``, {
      cause: error,
    });
  });
  try {
    const reader = new ArchiveReader(path, handle);
    const manifest = await reader.check();
    return {
      manifest,
      members: () => reader.members(manifest),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Found {
  readonly name: string;
  readonly bytes: number;
  /** Where its bytes begin in the file. */
  readonly at: number;
}

class ArchiveReader {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** The manifest, once every member was seen to be as it says. */
  async check(): Promise<Manifest> {
    const { size } = await this.#handle.stat();
    const hashes: { readonly found: Found; readonly sha256: string }[] = [];
    let manifest: { readonly found: Found; readonly text: string } | undefined;
    let at = 0;
    for (;;) {
      const found = await this.#header(at, size);
      if (found === null) break;
      if (manifest !== undefined) throw this.#wrong(found, 'it comes after the manifest');
      if (found.name === MANIFEST) manifest = { found, text: await this.#text(found) };
      else hashes.push({ found, sha256: await this.#hash(found) });
      at = found.at + found.bytes;
      const padding = await this.#exactly(at, paddingOf(found.bytes));
      if (padding.some((byte) => byte !== 0)) throw this.#wrong(found, 'what follows it was changed');
      at += padding.length;
    }
    const end = await this.#exactly(at, END.length);
    if (!end.equals(END) || size !== at + END.length)
      throw this.#damaged(`from byte ${at} on: expected its end there`);
    if (manifest === undefined) throw this.#damaged(`${MANIFEST} is missing at its end`);
    const parsed = parseManifest(manifest.text);
    if (parsed === null) throw this.#wrong(manifest.found, 'it is not what was written');
    for (const [i, expected] of parsed.members.entries()) {
      const here = hashes[i];
      if (here === undefined || here.found.name !== expected.name || here.found.bytes !== expected.bytes)
        throw this.#damaged(`${expected.name} is missing`);
      if (here.sha256 !== expected.sha256)
        throw this.#wrong(here.found, 'its bytes are not those that were written (SHA-256)');
    }
    const more = hashes[parsed.members.length];
    if (more !== undefined) throw this.#wrong(more.found, 'the manifest does not know it');
    return parsed;
  }

  async *members({ members }: Manifest): AsyncGenerator<Member, void> {
    const { size } = await this.#handle.stat();
    let at = 0;
    for (const { name, bytes, sha256 } of members) {
      const found = await this.#header(at, size);
      if (found?.name !== name || found.bytes !== bytes) throw this.#damaged('it changed while it was read');
      const reader = this;
      yield {
        name,
        bytes,
        read: async function* () {
          const hash = createHash('sha256');
          for await (const piece of reader.#pieces(found)) {
            hash.update(piece);
            yield piece;
          }
          if (hash.digest('hex') !== sha256) throw reader.#wrong(found, 'it changed while it was read');
        },
      };
      at = found.at + bytes + paddingOf(bytes);
    }
  }

  async #header(at: number, size: number): Promise<Found | null> {
    const block = await this.#exactly(at, BLOCK_BYTES);
    try {
      const header = readTarHeader(block);
      if (header === null) return null;
      const found = { ...header, at: at + BLOCK_BYTES };
      if (found.at + found.bytes > size)
        throw this.#wrong(
          found,
          `it ends after ${size - found.at} of ${found.bytes} bytes: the file was cut off`,
        );
      return found;
    } catch (error) {
      if (!(error instanceof DataError) || error.message.includes(this.#path)) throw error;
      if (at === 0) throw new DataError(`${this.#path} is not a file of \`swirl export\`: ${error.message}`);
      throw this.#damaged(`at byte ${at}: ${error.message}`);
    }
  }

  async *#pieces({ at, bytes }: Found): AsyncGenerator<Buffer, void> {
    for (let read = 0; read < bytes; ) {
      const piece = await this.#exactly(at + read, Math.min(PIECE_BYTES, bytes - read));
      read += piece.length;
      yield piece;
    }
  }

  async #hash(found: Found): Promise<string> {
    const hash = createHash('sha256');
    for await (const piece of this.#pieces(found)) hash.update(piece);
    return hash.digest('hex');
  }

  async #text(found: Found): Promise<string> {
    if (found.bytes > MOST_MANIFEST_BYTES)
      throw this.#wrong(found, `expected at most ${MOST_MANIFEST_BYTES} bytes, found ${found.bytes}`);
    const bytes = await this.#exactly(found.at, found.bytes);
    return bytes.toString('utf8');
  }

  async #exactly(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    for (let read = 0; read < length; ) {
      const { bytesRead } = await this.#handle.read(bytes, read, length - read, at + read);
      if (bytesRead === 0) throw this.#damaged(`it ends at byte ${at + read}: the file was cut off`);
      read += bytesRead;
    }
    return bytes;
  }

  #wrong({ name, at, bytes }: Found, what: string): DataError {
    return this.#damaged(`${name} (bytes ${at} to ${at + bytes}): ${what}`);
  }

  #damaged(what: string): DataError {
    return new DataError(`${this.#path} is damaged: ${what}. Nothing was imported; export the run again`);
  }
}
