/**
 * Checkpoints: `checkpoints/step-N/` is a policy's folder, or its adapters', that other tools open, with
 * `optimizer.safetensors` and `train.json` beside the weights. Weights, moments, counters, the consumed
 * offset, the recent ids and what was not yet published are one folder, which is there as a whole or not at
 * all.
 */
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { flushFolder } from '../checkpoint/folder-aside.ts';
import { manifestFile, type Owner, readManifest, writeManifest } from '../checkpoint/manifest.ts';
import { readOptimizer, writeOptimizer } from '../checkpoint/optimizer-file.ts';
import { hashWeights } from '../checkpoint/weights-hash.ts';
import type { OptimizerState, Tensors } from '../engine/engine.ts';
import { ConfigError, DataError, SwirlError, TransportError } from '../errors.ts';
import type { CheckpointForm } from './checkpoint-form.ts';
import { examineCheckpoint, otherOwner } from './examine-checkpoint.ts';
import { FolderClaim } from './folder-claim.ts';
import { parseState, type StateFile, stateFile, writeState } from './state-file.ts';
import type { TrainState } from './train-state.ts';

const optimizerFile = 'optimizer.safetensors';
/** Who writes checkpoints that belong to no run. */
const NOBODY: Owner = { run: '', identity: null };

/** Weights and moments as they are after `state.step` updates. */
export interface Tensorial {
  readonly weights: Tensors;
  readonly optimizer: OptimizerState;
}

/**
 * The checkpoints of a run. Any process may read them; of those that write, only the last to have claimed
 * them can.
 */
export class Checkpoints {
  readonly #folder: string;
  readonly #form: CheckpointForm;
  readonly #owner: Owner | null;
  #claim: Promise<FolderClaim> | undefined;

  /** `owner`: the run that writes them, whose checkpoints alone are its own; null: only to be read. */
  constructor(folder: string, form: CheckpointForm, owner: Owner | null = null) {
    this.#folder = folder;
    this.#form = form;
    this.#owner = owner;
  }

  /** Where the checkpoint after this many updates lies. */
  path(step: number): string {
    return join(this.#folder, `step-${step}`);
  }

  /**
   * Keeps all others from writing, and removes what they left unfinished. `write` does it, where it was not
   * done before.
   */
  async claim(): Promise<void> {
    await this.#claimed();
  }

  /** Nothing more is written by this process. */
  async release(): Promise<void> {
    const claim = await this.#claim?.catch(() => undefined);
    this.#claim = undefined;
    await claim?.release();
  }

  /** The steps that have a checkpoint, ascending. */
  async steps(): Promise<number[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw new ConfigError(`${this.#folder}: the checkpoints cannot be listed (${error.code})`, {
        cause: error,
      });
    });
    return names
      .flatMap((name) => (/^step-(0|[1-9]\d*)$/.test(name) ? [Number(name.slice('step-'.length))] : []))
      .sort((a, b) => a - b);
  }

  /**
   * The state of the newest checkpoint, without its tensors; null where there is none. Throws `ConfigError`.
   */
  async latest(): Promise<TrainState | null> {
    const step = (await this.steps()).at(-1);
    return step === undefined ? null : (await this.#readState(step)).state;
  }

  /** The weights of a checkpoint, and their hash. Throws `ConfigError` where they are damaged, or gone. */
  async readWeights(step: number): Promise<{ readonly weights: Tensors; readonly hash: string }> {
    const { weightsHash } = await this.#checked(step);
    const weights = await this.#form.read(this.path(step));
    const hash = hashWeights(weights, this.#form.shapes);
    if (hash === weightsHash) return { weights, hash };
    throw await this.#damaged(step, `expected weights ${weightsHash}, found ${hash}`);
  }

  /** Weights and moments of a checkpoint. Throws `ConfigError` where they are damaged. */
  async read(step: number): Promise<Tensorial & { readonly isSealed: boolean }> {
    const path = this.path(step);
    const { shapes } = this.#form;
    const { weightsHash, momentsHash, manifest } = await this.#checked(step);
    try {
      const weights = await this.#form.read(path);
      const optimizer = await readOptimizer(join(path, optimizerFile), shapes);
      const found = [
        ['weights', hashWeights(weights, shapes), weightsHash],
        ['moments', this.#momentsHash(optimizer), momentsHash],
        ["the optimizer's step", String(optimizer.step), String(step)],
      ] as const;
      for (const [what, is, expected] of found) {
        if (is !== expected) throw await this.#damaged(step, `expected ${what} ${expected}, found ${is}`);
      }
      return { weights, optimizer, isSealed: manifest !== null };
    } catch (error) {
      if (error instanceof ConfigError || !(error instanceof SwirlError)) throw error;
      throw await this.#damaged(step, error.message, error);
    }
  }

  /**
   * Makes a checkpoint durable. `tensors` is asked only where this step has none yet: otherwise the weights
   * are the same, and only the state is replaced. Throws `TakenOver` where another process writes by now,
   * another `TransportError` where it cannot be written (a full disk).
   */
  async write(state: TrainState, tensors: () => Promise<Tensorial>): Promise<void> {
    try {
      const claim = await this.#claimed();
      await claim.guard(async () => {
        if ((await this.steps()).includes(state.step)) await this.#replaceState(claim, state);
        else await this.#writeAll(claim, state, await tensors());
      });
    } catch (error) {
      // Only the file system's errors bear a code; anything else is told as it is.
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      throw new TransportError(
        `${this.path(state.step)}: the checkpoint could not be written (${message}). Nothing is lost: ` +
          'make room, and start the run again',
        { cause: error },
      );
    }
  }

  /**
   * Puts aside the checkpoints after this step, so that the run goes on from it. Returns where they are.
   * Throws `ConfigError` where the step has none.
   */
  async backTo(step: number): Promise<string[]> {
    const steps = await this.steps();
    if (!steps.includes(step)) {
      throw new ConfigError(
        `--from-update ${step}: there is no checkpoint of update ${step} in ${this.#folder}; ` +
          `there are ${steps.length === 0 ? 'none' : steps.join(', ')}`,
      );
    }
    const claim = await this.#claimed();
    return claim.guard(async () => {
      const moved: string[] = [];
      for (const later of steps.filter((one) => one > step)) {
        const names = await readdir(this.#folder);
        let to = `set-aside-${later}`;
        for (let again = 2; names.includes(to); again++) to = `set-aside-${later}-${again}`;
        await rename(this.path(later), join(this.#folder, to));
        moved.push(join(this.#folder, to));
      }
      return moved;
    });
  }

  /**
   * Removes all but the newest `keep` checkpoints, and with `every` the first at or after each multiple of it.
   * Throws `TakenOver` as `write` does.
   */
  async prune(keep: number, every: number | null = null): Promise<void> {
    const claim = await this.#claimed();
    await claim.guard(async () => {
      let last = 0;
      const isKept = (step: number) => {
        if (every === null || Math.floor(step / every) === Math.floor(last / every)) return false;
        last = step;
        return true;
      };
      const old = (await this.steps()).slice(0, -keep).filter((step) => !isKept(step));
      // Renamed first: a crash while it is removed leaves nothing that looks like a checkpoint.
      for (const step of old) {
        const aside = claim.path(`step-${step}.old`);
        await rename(this.path(step), aside);
        await rm(aside, { recursive: true, force: true });
      }
    });
  }

  #claimed(): Promise<FolderClaim> {
    if (this.#claim === undefined) {
      const taking = FolderClaim.take(this.#folder);
      this.#claim = taking;
      // Another attempt may do better.
      taking.catch(() => {
        if (this.#claim === taking) this.#claim = undefined;
      });
    }
    return this.#claim;
  }

  async #writeAll(claim: FolderClaim, state: TrainState, { weights, optimizer }: Tensorial): Promise<void> {
    const { shapes } = this.#form;
    const weightsHash = hashWeights(weights, shapes);
    const momentsHash = this.#momentsHash(optimizer);
    const aside = claim.path(`step-${state.step}`);
    await this.#form.save(aside, weights, async (folder) => {
      await writeOptimizer(join(folder, optimizerFile), optimizer, shapes);
      const manifest = await writeManifest(folder, this.#owner ?? NOBODY, [stateFile]);
      await writeState(join(folder, stateFile), { state, weightsHash, momentsHash, manifest });
    });
    // Saving may have made the workspace again.
    await claim.check();
    await rename(aside, this.path(state.step));
    await flushFolder(this.#folder);
  }

  async #replaceState(claim: FolderClaim, state: TrainState): Promise<void> {
    const before = await this.#readState(state.step);
    const aside = claim.path(stateFile);
    await writeState(aside, { ...before, state });
    await rename(aside, join(this.path(state.step), stateFile));
    await flushFolder(this.path(state.step));
  }

  /** What a checkpoint's files say, each of which is looked at whole. */
  async #checked(step: number): Promise<StateFile> {
    const found = await this.#readState(step);
    const path = this.path(step);
    try {
      const manifest = await readManifest(path, { check: 'files' });
      if (found.manifest !== null && manifest?.sha256 !== found.manifest)
        throw new DataError(`${manifestFile} is not the one that ${stateFile} was written with`);
      return found;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw await this.#damaged(step, error.message, error);
    }
  }

  /** Throws `ConfigError` where a checkpoint is that of another run. */
  async #checkOwner(step: number): Promise<void> {
    const owner = this.#owner;
    const manifest = await readManifest(this.path(step), { check: 'itself' }).catch(() => null);
    if (owner === null || manifest === null) return;
    const another = otherOwner(manifest, owner);
    if (another === null) return;
    throw new ConfigError(
      `${this.path(step)} is a checkpoint of ${another}, and the run ${owner.run} does not go on from it: move it away. To ` +
        'begin with its weights, name it as `policy.checkpoint` of a new run',
    );
  }

  async #readState(step: number): Promise<StateFile> {
    const path = join(this.path(step), stateFile);
    const text = await readFile(path, 'utf8').catch(async (error: Error) => {
      throw await this.#damaged(step, `${stateFile} cannot be read: ${error.message}`, error);
    });
    await this.#checkOwner(step);
    const found = parseState(text, step);
    if (typeof found === 'string') throw await this.#damaged(step, found);
    return found;
  }

  #momentsHash({ m, v }: OptimizerState): string {
    const { shapes } = this.#form;
    return `${hashWeights(m, shapes)}:${hashWeights(v, shapes)}`;
  }

  /** The error for a checkpoint that is not what was written, with the newest whole one before it. */
  async #damaged(step: number, what: string, cause?: unknown): Promise<ConfigError> {
    const before = (await this.steps()).filter((other) => other < step).reverse();
    let whole: number | undefined;
    for (const other of before) {
      const examined = examineCheckpoint(this.path(other), other, this.#owner ?? NOBODY);
      whole = await examined.then(
        () => other,
        () => undefined,
      );
      if (whole !== undefined) break;
    }
    const wayOn =
      whole === undefined
        ? 'There is no whole one before it: a replay from `scored` makes the weights again'
        : `The checkpoint of update ${whole} is whole: go on from it with \`swirl run\` and \`--from-update ${whole}\`; the updates ` +
          'after it are made again, of the records that are still in `scored`';
    return new ConfigError(`${this.path(step)} is not a whole checkpoint of this run: ${what}. ${wayOn}`, {
      cause,
    });
  }
}
