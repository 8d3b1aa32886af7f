/**
 * Checkpoints: `checkpoints/step-N/` is a policy's folder, or its adapters', that other tools open, with
 * `optimizer.safetensors` and `train.json` beside the weights. Weights, moments, counters, the consumed
 * offset, the recent ids and what was not yet published are one folder, which is there as a whole or not at
 * all.
 */
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { flushFolder, writeJson } from '../checkpoint/folder-aside.ts';
import { readOptimizer, writeOptimizer } from '../checkpoint/optimizer-file.ts';
import { hashWeights } from '../checkpoint/weights-hash.ts';
import type { OptimizerState, Tensors } from '../engine/engine.ts';
import { ConfigError, SwirlError, TransportError } from '../errors.ts';
import type { CheckpointForm } from './checkpoint-form.ts';
import { FolderClaim } from './folder-claim.ts';
import { type TrainState, trainState } from './train-state.ts';

const optimizerFile = 'optimizer.safetensors';
const stateFile = 'train.json';
const format = 'swirl-train-1';

const fileSchema = z.strictObject({
  format: z.literal(format),
  /** Hashes of what lies beside this file, so that damage is seen before anything is trained on it. */
  weightsHash: z.string(),
  momentsHash: z.string(),
  ...trainState.shape,
});

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
  #claim: Promise<FolderClaim> | undefined;

  constructor(folder: string, form: CheckpointForm) {
    this.#folder = folder;
    this.#form = form;
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
    const { weightsHash } = await this.#readState(step);
    const weights = await this.#form.read(this.path(step));
    const hash = hashWeights(weights, this.#form.shapes);
    if (hash === weightsHash) return { weights, hash };
    throw this.#damaged(step, `expected weights ${weightsHash}, found ${hash}`);
  }

  /** Weights and moments of a checkpoint. Throws `ConfigError` where they are damaged. */
  async read(step: number): Promise<Tensorial> {
    const path = this.path(step);
    const { shapes } = this.#form;
    const { weightsHash, momentsHash } = await this.#readState(step);
    try {
      const weights = await this.#form.read(path);
      const optimizer = await readOptimizer(join(path, optimizerFile), shapes);
      const found = [
        ['weights', hashWeights(weights, shapes), weightsHash],
        ['moments', this.#momentsHash(optimizer), momentsHash],
        ["the optimizer's step", String(optimizer.step), String(step)],
      ] as const;
      for (const [what, is, expected] of found) {
        if (is !== expected) throw this.#damaged(step, `expected ${what} ${expected}, found ${is}`);
      }
      return { weights, optimizer };
    } catch (error) {
      if (error instanceof ConfigError || !(error instanceof SwirlError)) throw error;
      throw this.#damaged(step, error.message, error);
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

  /** Removes all but the newest `keep` checkpoints. Throws `TakenOver` as `write` does. */
  async prune(keep: number): Promise<void> {
    const claim = await this.#claimed();
    await claim.guard(async () => {
      const old = (await this.steps()).slice(0, -keep);
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
      await writeJson(join(folder, stateFile), { format, weightsHash, momentsHash, ...state });
    });
    // Saving may have made the workspace again.
    await claim.check();
    await rename(aside, this.path(state.step));
    await flushFolder(this.#folder);
  }

  async #replaceState(claim: FolderClaim, state: TrainState): Promise<void> {
    const { weightsHash, momentsHash } = await this.#readState(state.step);
    const aside = claim.path(stateFile);
    await writeJson(aside, { format, weightsHash, momentsHash, ...state });
    await rename(aside, join(this.path(state.step), stateFile));
    await flushFolder(this.path(state.step));
  }

  async #readState(step: number): Promise<{ state: TrainState; weightsHash: string; momentsHash: string }> {
    const path = join(this.path(step), stateFile);
    let json: unknown;
    try {
      json = JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw this.#damaged(step, `${stateFile} cannot be read: ${(error as Error).message}`, error);
    }
    const parsed = fileSchema.safeParse(json);
    if (!parsed.success) {
      throw this.#damaged(
        step,
        `expected ${stateFile} as this version of Swirl writes it, found:\n${z.prettifyError(parsed.error)}`,
      );
    }
    const { format: _, weightsHash, momentsHash, ...state } = parsed.data;
    if (state.step !== step)
      throw this.#damaged(step, `expected step ${step} in ${stateFile}, found ${state.step}`);
    return { state, weightsHash, momentsHash };
  }

  #momentsHash({ m, v }: OptimizerState): string {
    const { shapes } = this.#form;
    return `${hashWeights(m, shapes)}:${hashWeights(v, shapes)}`;
  }

  #damaged(step: number, what: string, cause?: unknown): ConfigError {
    return new ConfigError(
      `${this.path(step)} is not a whole checkpoint of this run: ${what}. Move it away and start again: the run goes on ` +
        'from the checkpoint before it, with the records that are still in `scored`',
      { cause },
    );
  }
}
