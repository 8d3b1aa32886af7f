/** Makes a fresh policy folder from a few sizes. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { makePolicy, policyShape } from '../checkpoint/new-policy.ts';
import { ConfigError } from '../errors.ts';
import { bpeTokenizer } from '../tokenizer/new-tokenizer.ts';

/** Texts are read up to this many characters each: enough to learn merges from. */
const MAX_TEXT = 4_000_000;
const HEAD_SIZE = 24;

export interface NewPolicySizes {
  readonly texts: readonly string[];
  /** Tags of actions, without their brackets. */
  readonly tags: readonly string[];
  readonly vocabulary: number;
  readonly seed: number;
  readonly hidden?: number;
  readonly layers?: number;
  readonly positions?: number;
}

/** Refuses a folder that exists. */
export async function newPolicy(folder: string, sizes: NewPolicySizes): Promise<void> {
  if (existsSync(folder))
    throw new ConfigError(`${folder}: exists already; expected the name of a new folder`);
  const texts = await Promise.all(sizes.texts.map(async (file) => (await readText(file)).slice(0, MAX_TEXT)));
  const { hidden, layers, positions, seed } = sizes;
  const shape = policyShape.safeParse({
    ...(hidden === undefined ? {} : shapeOfWidth(hidden)),
    ...(layers === undefined ? {} : { layers }),
    ...(positions === undefined ? {} : { maxPositions: positions }),
  });
  if (!shape.success)
    throw new ConfigError(
      `new-policy: ${shape.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    );
  const whole = sizes.tags.flatMap((tag) => [`<${tag}>`, `</${tag}>`]);
  const tokenizer = bpeTokenizer({ texts, vocabularySize: sizes.vocabulary, whole });
  const { config } = await makePolicy({ path: folder, shape: shape.data, tokenizer, seed });
  process.stdout.write(
    `${folder}: gemma2, ${config.layers} layers of ${config.hiddenSize}, vocabulary ${config.vocabSize}, random weights from seed ${seed}\n`,
  );
  if (config.vocabSize < sizes.vocabulary) {
    process.stderr.write(
      `the texts give no more than ${config.vocabSize} of the ${sizes.vocabulary} tokens that were asked for\n`,
    );
  }
}

/** The other widths in proportion to the residual stream's, as in the default shape. */
function shapeOfWidth(hiddenSize: number): object {
  if (hiddenSize < 8 || hiddenSize % 8 !== 0)
    throw new ConfigError(`--hidden ${hiddenSize}: expected a multiple of 8`);
  const heads = Math.max(2, 2 * Math.round(hiddenSize / (2 * HEAD_SIZE)));
  return {
    hiddenSize,
    intermediateSize: Math.round((hiddenSize * 8) / 3 / 8) * 8,
    heads,
    keyValueHeads: heads / 2,
    headSize: HEAD_SIZE,
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const what: Record<string, string> = {
      ENOENT: 'there is no such file',
      EISDIR: 'this is a folder: expected a file',
    };
    throw new ConfigError(`${file}: ${what[code ?? ''] ?? `cannot be read: ${message}`}`, { cause });
  }
}
