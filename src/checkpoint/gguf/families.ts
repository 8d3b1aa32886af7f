/**
 * What llama.cpp calls the families that Swirl knows, and what its conversion does to their tensors: names of
 * its own, and in some families numbers in another order or with 1 added (convert_hf_to_gguf.py).
 */
import { ConfigError } from '../../errors.ts';
import type { GgufMetadata, GgufValue } from './header.ts';

interface GgufFamily {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /**
   * Whether rotary positions turn neighbors: rows of queries and keys are then stored pair by pair, where
   * Hugging Face has the first halves of a head before the second.
   */
  readonly turnsNeighbors: boolean;
  /** Whether norms are stored with the 1 that the decoder adds. */
  readonly normsWithOne: boolean;
  /** A layer's norms. */
  readonly norms: Readonly<Record<string, string>>;
}

const attention = 'input_layernorm';
const twoNorms = { attn_norm: attention, ffn_norm: 'post_attention_layernorm' };
const fourNorms = {
  attn_norm: attention,
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};
const llama = { turnsNeighbors: true, normsWithOne: false, norms: twoNorms };
const qwen = { turnsNeighbors: false, normsWithOne: false, norms: twoNorms };
const gemma = { turnsNeighbors: false, normsWithOne: true, norms: fourNorms };

const FAMILIES: Readonly<Record<string, GgufFamily>> = {
  llama: { modelType: 'llama', ...llama },
  qwen2: { modelType: 'qwen2', ...qwen },
  qwen3: { modelType: 'qwen3', ...qwen },
  gemma2: { modelType: 'gemma2', ...gemma },
  gemma3: { modelType: 'gemma3_text', ...gemma },
};

/** The architecture that a file names, and what there is to know of it. Throws `ConfigError` for others. */
export function familyOf(metadata: GgufMetadata, path: string): GgufFamily & { readonly name: string } {
  const name = metadata.get('general.architecture');
  const family = typeof name === 'string' && Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
  if (family) return { ...family, name: name as string };
  throw new ConfigError(
    `${path}: expected "general.architecture" to be one of ${Object.keys(FAMILIES).join(', ')}, found ${found(name)}. ` +
      'Swirl trains these families of decoders.',
  );
}

/** A value as an error shows it. */
export function found(value: GgufValue | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value)?.slice(0, 80);
}

const projections: Readonly<Record<string, string>> = {
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const whole: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

/** The Hugging Face name of a tensor; a name that is none of llama.cpp's as it is. */
export function huggingFaceName(name: string, { norms }: Pick<GgufFamily, 'norms'>): string {
  const [, block, base = '', end = ''] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const known = block === undefined ? whole : { ...projections, ...norms };
  if (!Object.hasOwn(known, base)) return name;
  return block === undefined ? `${known[base]}.${end}` : `model.layers.${block}.${known[base]}.${end}`;
}
