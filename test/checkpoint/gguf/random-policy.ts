/** Folders of random Llamas in a GGUF file, each matrix in a kind of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BLOCK_KINDS } from '../../../src/checkpoint/gguf/blocks.ts';

export interface RandomLlama {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly vocabulary: number;
  /** Of a tensor by its name in the file, without its layer; those that are not named are F32. */
  readonly kinds: Readonly<Record<string, string>>;
}

/** Where a block has its scales in f16, of the kinds that are written here. */
const scalesAt: Readonly<Record<string, readonly number[]>> = {
  ...{ Q4_0: [0], Q4_1: [0, 2], Q8_0: [0], Q6_K: [208] },
};

/** Writes `config.json` and `model.gguf`, of two layers. */
export function writeRandomLlama(folder: string, llama: RandomLlama): void {
  const { hidden, inner, heads, keyValueHeads, vocabulary } = llama;
  const values = (hidden / heads) * keyValueHeads;
  const matrices: Record<string, [number, number]> = {
    ...{ attn_q: [hidden, hidden], attn_k: [values, hidden], attn_v: [values, hidden] },
    ...{ attn_output: [hidden, hidden], ffn_gate: [inner, hidden], ffn_up: [inner, hidden] },
    ffn_down: [hidden, inner],
  };
  const tensors = [
    tensor('token_embd.weight', [vocabulary, hidden], llama),
    ...('output' in llama.kinds ? [tensor('output.weight', [vocabulary, hidden], llama)] : []),
    tensor('output_norm.weight', [hidden], llama),
    ...[0, 1].flatMap((layer) => [
      ...['attn_norm', 'ffn_norm'].map((name) => tensor(`blk.${layer}.${name}.weight`, [hidden], llama)),
      ...Object.entries(matrices).map(([name, shape]) => tensor(`blk.${layer}.${name}.weight`, shape, llama)),
    ]),
  ];
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.gguf'), ggufOf(tensors, llama));
  const config = {
    ...{ model_type: 'llama', vocab_size: vocabulary, hidden_size: hidden, intermediate_size: inner },
    ...{ num_hidden_layers: 2, num_attention_heads: heads, num_key_value_heads: keyValueHeads },
    ...{ head_dim: hidden / heads, max_position_embeddings: 256, rms_norm_eps: 1e-5, rope_theta: 1e4 },
    ...{ tie_word_embeddings: !('output' in llama.kinds), bos_token_id: 1, eos_token_id: 2 },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
}

interface Written {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: number;
  readonly data: Buffer;
}

function tensor(name: string, shape: readonly number[], { kinds }: RandomLlama): Written {
  const wanted = kinds[name.split('.').at(-2) ?? ''] ?? 'F32';
  const [kind, { values, bytes }] =
    [...BLOCK_KINDS].find(([, { name: found }]) => found === wanted) ?? fail();
  const blocks = shape.reduce((product, n) => product * n, 1) / values;
  let state = 7 + name.length + blocks;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  const data = Buffer.from(Uint8Array.from({ length: blocks * bytes }, draw));
  for (let block = 0; block < blocks; block++) {
    // Around 2^-8, of either sign; and now and then one that is subnormal.
    for (const at of scalesAt[wanted] ?? []) {
      const half = draw() % 16 === 0 ? draw() & 0x83ff : 0x1800 | (draw() & 0x87ff);
      data.writeUInt16LE(half, block * bytes + at);
    }
    const norm = shape.length === 1 ? 1 : 0;
    if (wanted === 'F32') data.writeFloatLE(norm + draw() / 2 ** 26 - 0.125, block * bytes);
  }
  return { name, shape, kind, data };
}

function fail(): never {
  throw new Error('no such kind');
}

function ggufOf(tensors: readonly Written[], { heads, keyValueHeads }: RandomLlama): Buffer {
  const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = (value: string) => Buffer.concat([u64(value.length), Buffer.from(value)]);
  const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);
  const metadata = [
    [text('general.architecture'), u32(8), text('llama')],
    [text('llama.attention.head_count'), u32(4), u32(heads)],
    [text('llama.attention.head_count_kv'), u32(4), u32(keyValueHeads)],
  ];
  let offset = 0;
  const infos = tensors.map(({ name, shape, kind, data }) => {
    const sizes = shape.toReversed().map(u64);
    const info = [text(name), u32(shape.length), ...sizes, u32(kind), u64(offset)];
    offset += padded(data).length;
    return info;
  });
  const counts = [u32(3), u64(tensors.length), u64(metadata.length)];
  const header = [Buffer.from('GGUF'), ...counts, ...metadata.flat(), ...infos.flat()];
  return Buffer.concat([padded(Buffer.concat(header)), ...tensors.map(({ data }) => padded(data))]);
}
