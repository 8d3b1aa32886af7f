import { describe, expect, test } from '@jest/globals';
import { tensorShapes } from '../../src/engine/config.ts';
import { gemma2Json, parseDecoderConfig } from '../../src/engine/families.ts';
import { ConfigError } from '../../src/errors.ts';

/** What google/gemma-2-2b publishes. */
const gemma2b = {
  architectures: ['Gemma2ForCausalLM'],
  model_type: 'gemma2',
  attention_bias: false,
  attn_logit_softcapping: 50,
  final_logit_softcapping: 30,
  head_dim: 256,
  hidden_act: 'gelu_pytorch_tanh',
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_size: 2304,
  intermediate_size: 9216,
  max_position_embeddings: 8192,
  num_attention_heads: 8,
  num_hidden_layers: 26,
  num_key_value_heads: 4,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  sliding_window: 4096,
  vocab_size: 256000,
};

describe('parseDecoderConfig', () => {
  test('reads the published Gemma 2 2B, whose weights are 2,614,341,888 numbers', () => {
    const config = parseDecoderConfig(gemma2b, 'config.json');
    let total = 0;
    for (const shape of tensorShapes(config).values()) total += shape.reduce((a, b) => a * b, 1);
    expect(total).toBe(2_614_341_888);
    expect(config).toMatchObject({
      layers: 26,
      windows: Array.from({ length: 26 }, (_, n) => (n % 2 === 0 ? 4096 : null)),
      attentionCap: 50,
      logitCap: 30,
    });
  });

  test('reads what it writes', () => {
    const config = parseDecoderConfig(gemma2b, 'config.json');
    expect(parseDecoderConfig(gemma2Json(config, { pad: 0, bos: 2, eos: 1 }), 'again')).toEqual(config);
  });

  test('reads rope_parameters and layer_types as transformers 5 writes them, and null caps and window', () => {
    const { rope_theta: _, ...rest } = gemma2b;
    const config = parseDecoderConfig(
      {
        ...rest,
        num_hidden_layers: 2,
        rope_parameters: { rope_type: 'default', rope_theta: 5000 },
        layer_types: ['sliding_attention', 'full_attention'],
        attn_logit_softcapping: null,
        sliding_window: null,
      },
      'config.json',
    );
    expect(config).toMatchObject({ ropeTheta: 5000, attentionCap: null, windows: [null, null] });
  });

  test.each<[string, unknown, RegExp]>([
    [
      'another family',
      { ...gemma2b, model_type: 'gpt2' },
      /here: expected "model_type" to be one of "gemma2", "gemma3", "gemma3_text", "llama", "qwen2", "qwen3", found "gpt2"/,
    ],
    ['no object', 3, /here: expected a JSON object with "model_type"/],
    ['a missing size', { ...gemma2b, hidden_size: undefined }, /hidden_size/],
    ['a negative size', { ...gemma2b, num_hidden_layers: -1 }, /num_hidden_layers/],
    ['a fraction', { ...gemma2b, vocab_size: 1.5 }, /vocab_size/],
    ['another activation', { ...gemma2b, hidden_activation: 'relu' }, /hidden_act.*found "relu"/],
    ['rope scaling', { ...gemma2b, rope_scaling: { type: 'dynamic' } }, /rope_scaling.*dynamic/],
    [
      'uneven groups',
      { ...gemma2b, num_key_value_heads: 3 },
      /divisor of num_attention_heads \(8\), found 3/,
    ],
    ['an odd head', { ...gemma2b, head_dim: 7 }, /head_dim/],
    ['other layers', { ...gemma2b, layer_types: ['full_attention'] }, /layer_types/],
    ['looking ahead', { ...gemma2b, use_bidirectional_attention: true }, /use_bidirectional_attention/],
  ])('refuses %s', (_name, json, message) => {
    expect(() => parseDecoderConfig(json, 'here')).toThrow(ConfigError);
    expect(() => parseDecoderConfig(json, 'here')).toThrow(message);
  });
});
