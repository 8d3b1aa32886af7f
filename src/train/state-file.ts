/** `train.json` of a checkpoint: the state beside the tensors, with hashes of all of it. */
import { z } from 'zod';
import { writeJson } from '../checkpoint/folder-aside.ts';
import { hashOfJson } from '../checkpoint/manifest.ts';
import { type TrainState, trainState } from './train-state.ts';

export const stateFile = 'train.json';

const fields = {
  /** Hashes of what lies beside this file, so that damage is seen before anything is trained on it. */
  weightsHash: z.string(),
  momentsHash: z.string(),
  ...trainState.shape,
};

const fileSchema = z.discriminatedUnion('format', [
  /** Of earlier versions, without a manifest. */
  z.strictObject({ format: z.literal('swirl-train-1'), ...fields }),
  z.strictObject({
    format: z.literal('swirl-train-2'),
    ...fields,
    /** That of the manifest, and that of the other keys of this file as JSON. */
    manifest: z.string(),
    sha256: z.string(),
  }),
]);

export interface StateFile {
  readonly state: TrainState;
  readonly weightsHash: string;
  readonly momentsHash: string;
  /** Null in checkpoints of earlier versions. */
  readonly manifest: string | null;
}

/** What the file says, or what is wrong with it. */
export function parseState(text: string, step: number): StateFile | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return `${stateFile} cannot be read: ${(error as Error).message}`;
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    return `expected ${stateFile} as this version of Swirl writes it, found:\n${z.prettifyError(parsed.error)}`;
  }
  const { format: _, weightsHash, momentsHash, ...rest } = parsed.data;
  const { manifest, sha256, ...state } = { manifest: null, sha256: null, ...rest };
  const { sha256: __, ...body } = json as Record<string, unknown>;
  if (sha256 !== null && sha256 !== hashOfJson(body))
    return `${stateFile} is not what was written there (its hash is of other bytes)`;
  if (state.step !== step) return `expected step ${step} in ${stateFile}, found ${state.step}`;
  return { state, weightsHash, momentsHash, manifest };
}

/** Writes the state with its own hash. */
export async function writeState(path: string, { state, manifest, ...hashes }: StateFile): Promise<void> {
  if (manifest === null) return writeJson(path, { format: 'swirl-train-1', ...hashes, ...state });
  const body = { format: 'swirl-train-2', ...hashes, ...state, manifest };
  await writeJson(path, { ...body, sha256: hashOfJson(body) });
}
