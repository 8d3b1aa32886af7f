/** Writes an archive, one member after the other, into a file that is there as a whole or not at all. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { flushFolder } from '../checkpoint/folder-aside.ts';
import { ConfigError, DataError, TransportError } from '../errors.ts';
import { MANIFEST, type Manifest, manifestText } from './archive-form.ts';
import { END, paddingOf, tarHeader } from './tar.ts';

export type ManifestBody = Omit<Manifest, 'format' | 'sha256' | 'members'>;

/** The longest piece of a file that is in memory. */
const PIECE_BYTES = 2 ** 20;

export class ArchiveWriter {
  readonly #handle: FileHandle;
  readonly #members: Manifest['members'] = [];

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** A member with these bytes. */
  async bytes(name: string, content: Buffer): Promise<void> {
    await this.#member(name, content.length, [content]);
  }

  /** A member with the bytes of a file. A `DataError` where it does not stay as long as it was. */
  async file(name: string, path: string): Promise<void> {
    const { size } = await lstat(path);
    const pieces = createReadStream(path, { highWaterMark: PIECE_BYTES });
    await this.#member(name, size, pieces as AsyncIterable<Buffer>);
  }

  /** The manifest and the archive's end. Returns how many bytes there are. */
  async finish(body: ManifestBody): Promise<number> {
    const members = [...this.#members];
    await this.bytes(MANIFEST, Buffer.from(manifestText({ ...body, members })));
    await this.#write(END);
    await this.#handle.sync();
    return (await this.#handle.stat()).size;
  }

  async #member(name: string, size: number, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    await this.#write(tarHeader({ name, bytes: size }));
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > size) break;
      hash.update(piece);
      await this.#write(piece);
    }
    if (bytes !== size)
      throw new DataError(`${name}: it changed while it was read: stop what writes to the run's folder`);
    await this.#write(Buffer.alloc(paddingOf(size)));
    this.#members.push({ name, bytes: size, sha256: hash.digest('hex') });
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; )
      at += (await this.#handle.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}

/**
 * Makes the file by `write`, aside and then renamed. A file that is there is a `ConfigError`; a disk that is
 * full, or a folder that may not be written, a `TransportError`.
 */
export async function writeAside<T>(
  path: string,
  write: (handle: FileHandle, aside: string) => Promise<T>,
): Promise<T> {
  const there = await lstat(path).catch(() => null);
  if (there !== null) throw new ConfigError(`${path} is there already: name another file, or delete it`);
  return replaceAside(path, write);
}

/** The same, in place of a file that may be there: it stays as it was until the new one is whole. */
export async function replaceAside<T>(
  path: string,
  write: (handle: FileHandle, aside: string) => Promise<T>,
): Promise<T> {
  const aside = `${path}.${randomUUID()}.part`;
  try {
    const handle = await open(aside, 'wx');
    try {
      const result = await write(handle, aside);
      await handle.sync();
      await handle.close();
      await rename(aside, path);
      await flushFolder(dirname(path));
      return result;
    } finally {
      await handle.close().catch(() => {});
      await rm(aside, { force: true });
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Only the file system's errors bear a code; anything else is told as it is.
    if (code === undefined) throw error;
    throw new TransportError(`${path}: it could not be written (${message}); nothing there was changed`, {
      cause: error,
    });
  }
}
