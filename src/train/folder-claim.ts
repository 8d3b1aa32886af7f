/**
 * Who may change a folder that several processes write to, one after the other. A process that was paused may
 * go on long after another one has taken its place, so every change is one rename from or to a workspace of
 * the writer's own, and whoever claims the folder renames the workspaces of all others away first: from then
 * on their changes fail.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import { TakenOver } from '../runtime/taken-over.ts';

const workspacePrefix = '.writer-';
const fencedPrefix = '.fenced-';
/**
 * In the workspace from its beginning: one that was made again under its name, to save something, has none.
 */
const markFile = 'claimed';

export class FolderClaim {
  readonly #folder: string;
  readonly #workspace: string;

  private constructor(folder: string, workspace: string) {
    this.#folder = folder;
    this.#workspace = workspace;
  }

  /** Claims the folder, which is made if missing, and removes what others had begun in it. */
  static async take(folder: string): Promise<FolderClaim> {
    makeFolder(folder);
    const host = hostname().replaceAll(/[^A-Za-z0-9]+/g, '-');
    const own = `${workspacePrefix}${host}-${process.pid}-${randomUUID()}`;
    await mkdir(join(folder, own));
    await writeFile(join(folder, own, markFile), '');
    for (const name of await readdir(folder)) {
      if (!name.startsWith(workspacePrefix) || name === own) continue;
      await rename(join(folder, name), join(folder, `${fencedPrefix}${randomUUID()}`)).catch(unlessGone);
    }
    for (const name of await readdir(folder)) {
      if (name.startsWith(fencedPrefix)) await rm(join(folder, name), { recursive: true, force: true });
    }
    return new FolderClaim(folder, join(folder, own));
  }

  /** A place for what is being made: rename it from here into the folder, once `check` has passed. */
  path(name: string): string {
    return join(this.#workspace, name);
  }

  /** Throws `TakenOver` where another process has claimed the folder. */
  async check(): Promise<void> {
    if (await this.#isHeld()) return;
    throw new TakenOver(
      `${this.#folder} is written to by another worker now: this one has changed nothing there since.`,
      { retryable: true },
    );
  }

  /**
   * Does the work, which changes the folder by renames alone. An error because the claim was lost is told as
   * `TakenOver`.
   */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    await this.check();
    try {
      return await work();
    } catch (error) {
      await this.check();
      throw error;
    }
  }

  /** Leaves nothing of this process in the folder but what it has put in place. */
  async release(): Promise<void> {
    if (await this.#isHeld()) await rm(this.#workspace, { recursive: true, force: true });
  }

  async #isHeld(): Promise<boolean> {
    return (await stat(this.path(markFile)).catch(unlessGone)) !== undefined;
  }
}

/** What is not there any more was renamed by another process. */
function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
