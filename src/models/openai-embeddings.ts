/** Reads the vectors of an endpoint's response: as many as there were texts, in their order, all of finite numbers. */
import { z } from 'zod';
import { contentError, type Endpoint } from './openai-errors.ts';

const responseSchema = z.looseObject({
  data: z.array(z.looseObject({ index: z.int().nullish(), embedding: z.unknown() })),
});

export interface ExpectedVectors {
  readonly number: number;
  /** Numbers of each; null for as many as come, but of all alike. */
  readonly width: number | null;
}

/** Throws a retryable `ModelError` for anything else: it may be a gateway's passing trouble. */
export function readEmbeddings(
  body: string,
  { number, width }: ExpectedVectors,
  endpoint: Endpoint,
): Float32Array[] {
  const fail = (expected: string, found = body) => contentError(endpoint, expected, found);
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw fail('embeddings as JSON');
  }
  const { data } = responseSchema.safeParse(json).data ?? {};
  if (data === undefined) throw fail('embeddings as `data`');
  if (data.length !== number) throw fail(`${number} embeddings`, `${data.length}: ${body}`);
  const vectors: (Float32Array | undefined)[] = Array.from({ length: number });
  for (const [place, { index, embedding }] of data.entries()) {
    const at = index ?? place;
    if (at < 0 || at >= number || vectors[at] !== undefined)
      throw fail(`each index from 0 to ${number - 1} once`, `${at}: ${body}`);
    const vector = numbersOf(embedding);
    if (vector === null)
      throw fail('embeddings of finite numbers, or of 32-bit floats in base64', JSON.stringify(embedding));
    vectors[at] = vector;
  }
  const whole = vectors as Float32Array[];
  const expected = width ?? whole[0]?.length ?? 0;
  const other = whole.find((vector) => vector.length !== expected);
  if (other !== undefined)
    throw fail(
      `embeddings of ${expected} numbers (another model, or other \`dimensions\`?)`,
      `${other.length}`,
    );
  return whole;
}

/** Null for what is no vector. A number beyond 32 bits' range is none. */
function numbersOf(embedding: unknown): Float32Array | null {
  const vector = typeof embedding === 'string' ? ofBase64(embedding) : ofArray(embedding);
  return vector?.length && vector.every(Number.isFinite) ? vector : null;
}

function ofArray(embedding: unknown): Float32Array | null {
  if (!Array.isArray(embedding) || !embedding.every((value) => typeof value === 'number')) return null;
  return Float32Array.from(embedding as number[]);
}

function ofBase64(text: string): Float32Array | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % 4 !== 0) return null;
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}
