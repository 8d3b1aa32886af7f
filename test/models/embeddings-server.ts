/**
 * A real HTTP server that speaks the OpenAI protocol's embeddings, and breaks in the ways in which endpoints break.
 * Its vectors are of the words: texts that share words are near.
 */
import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { startLocalServer } from '../local-server.ts';

/** What is asked of it. */
export interface EmbeddingsRequest {
  readonly model: string;
  readonly input: readonly string[];
  readonly encoding_format: 'float' | 'base64';
  readonly dimensions?: number;
  readonly [field: string]: unknown;
}

/** What it does with a request. */
export type EmbeddingsReply =
  | 'vectors'
  | 'hang'
  | 'fewer'
  | 'more'
  /** Of which one is a number shorter. */
  | 'uneven'
  | 'wider'
  /** A number that is none, which only base64 can say. */
  | 'nan'
  /** A number beyond 32 bits. */
  | 'huge'
  | 'null'
  | 'twice-one-index'
  | 'any-order'
  | 'no-index'
  /** Base64, whatever was asked for. */
  | 'base64'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | { readonly body: string };

export interface EmbeddingsServer {
  /** With `/v1`. */
  readonly url: string;
  readonly requests: readonly EmbeddingsRequest[];
  readonly paths: readonly string[];
  mostAtOnce(): number;
  close(): Promise<void>;
}

/** `script` is asked for each request, with its number from 0. */
export async function startEmbeddingsServer(
  script: (request: EmbeddingsRequest, index: number) => EmbeddingsReply | Promise<EmbeddingsReply> = () =>
    'vectors',
  width = 16,
): Promise<EmbeddingsServer> {
  const requests: EmbeddingsRequest[] = [];
  const paths: string[] = [];
  const server = await startLocalServer(async (request, response) => {
    const body: EmbeddingsRequest = JSON.parse(await text(request));
    paths.push(request.url ?? '');
    const reply = await script(body, requests.push(body) - 1);
    answer(reply, body, { response, width: body.dimensions ?? width });
  });
  return {
    url: `${server.url}/v1`,
    requests,
    paths,
    mostAtOnce: server.mostAtOnce,
    close: server.close,
  };
}

/** The vector of a text: each word adds numbers that are drawn from it. */
export function vectorOf(text: string, width = 16): number[] {
  const vector = Array.from({ length: width }, () => 0);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    let state = [...word].reduce(
      (sum, character) => (Math.imul(sum, 31) + (character.codePointAt(0) ?? 0)) | 0,
      7,
    );
    for (let i = 0; i < width; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      vector[i] = (vector[i] as number) + ((state >>> 8) / 2 ** 24 - 0.5);
    }
  }
  return vector;
}

function answer(
  reply: EmbeddingsReply,
  { input, encoding_format: encoding, model }: EmbeddingsRequest,
  { response, width }: { readonly response: ServerResponse; readonly width: number },
): void {
  if (reply === 'hang') return;
  if (typeof reply === 'object') {
    const { status, headers } = { status: 200, headers: {}, ...reply };
    const fault = JSON.stringify({ error: { message: `status ${status} on purpose` } });
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(reply.body ?? fault);
    return;
  }
  const vectors: (number | null)[][] = input.map((one) => vectorOf(one, width));
  if (reply === 'fewer') vectors.pop();
  if (reply === 'more') vectors.push(vectorOf('more', width));
  if (reply === 'uneven') vectors[0]?.pop();
  if (reply === 'wider') for (const vector of vectors) vector.push(1);
  if (reply === 'huge') vectors[0]?.splice(0, 1, 1e39);
  if (reply === 'null') vectors[0]?.splice(0, 1, null);
  if (reply === 'nan') vectors[0]?.splice(0, 1, Number.NaN);
  const inBase64 = reply === 'base64' || reply === 'nan' || encoding === 'base64';
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    ...(reply === 'no-index' ? {} : { index: reply === 'twice-one-index' ? 0 : index }),
    embedding: inBase64 ? base64(vector as number[]) : vector,
  }));
  if (reply === 'any-order') data.reverse();
  const usage = { prompt_tokens: 1, total_tokens: 1 };
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ object: 'list', model, data, usage }));
}

function base64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes.toString('base64');
}
