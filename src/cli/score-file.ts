/** Scores the texts of a file. */

import { openDecoder, openLanguageOf } from '../checkpoint/folder.ts';
import { openEngine } from '../checkpoint/open-engine.ts';
import { ConfigError, DataError, ModelError } from '../errors.ts';
import { fileInput } from '../input/input.ts';
import { lines } from '../input/lines.ts';
import { localModelConfig } from '../models/local-model-config.ts';
import { parseScoreRequest, score } from '../models/score.ts';
import { printable } from '../monitor/printable.ts';

export interface ScoreFileOptions {
  readonly policy: string;
  readonly texts: string;
  readonly device: string;
  readonly json: boolean;
}

/** Prints one line per text. The first line that cannot be scored ends it, with file and line. */
export async function scoreFile({ policy: folder, texts, device, json }: ScoreFileOptions): Promise<void> {
  const known = localModelConfig.shape.device.safeParse(device);
  if (!known.success) throw new ConfigError(`--device ${device}: expected auto, webgpu or reference`);
  const decoder = await openDecoder(folder);
  const language = await openLanguageOf(decoder);
  const engine = await openEngine(decoder, {
    device: known.data,
    onFallback: (reason) => process.stderr.write(`${reason.message}\n`),
    // No more than the streams is kept.
    ...{ training: false, recompute: true },
  });
  let count = 0;
  try {
    for await (const { text, place, error } of lines(fileInput(texts))) {
      if (error) throw error;
      if (text === null || text.trim() === '') continue;
      const request = parseScoreRequest(parse(text, place), place);
      const scored = await score(request, { engine, language }).catch((cause: unknown) => {
        throw cause instanceof ModelError ? new DataError(`${place}: ${cause.message}`, { cause }) : cause;
      });
      process.stdout.write(`${json ? JSON.stringify(scored) : report(text, scored.logprobs)}\n`);
      count++;
    }
    if (count === 0) process.stderr.write(`${texts}: there are no texts\n`);
  } finally {
    await engine.close();
  }
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${place}: expected a JSON value, found ${JSON.stringify(text.slice(0, 40))}`, {
      cause,
    });
  }
}

function report(text: string, all: readonly (number | null)[]): string {
  const logprobs = all.filter((value) => value !== null);
  const sum = logprobs.reduce((a, b) => a + b, 0);
  const mean = logprobs.length > 0 ? sum / logprobs.length : 0;
  return `${String(logprobs.length).padStart(6)} tokens  ${mean.toFixed(4).padStart(9)} per token  ${printable(text, 60)}`;
}
