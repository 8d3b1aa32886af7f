import { describe, expect, test } from '@jest/globals';
import { PROJECTIONS, sizeOf, tensorShapes } from '../../src/engine/config.ts';
import { parseDecoderConfig } from '../../src/engine/families.ts';
import { publishedShapes } from './published-shapes.ts';

describe.each(publishedShapes)('%s', (_name, published) => {
  const config = parseDecoderConfig(published.config, 'config.json');
  const shapes = tensorShapes(config);

  test('has the tensors that transformers gives it', () => {
    const first = [...shapes].filter(([name]) => /layers\.0\.|^(?!.*layers)/.test(name));
    const found = Object.fromEntries(
      first.map(([name, shape]) => [name.replace('layers.0', 'layers.*'), shape]),
    );
    expect(found).toEqual(published.tensors);
    expect([...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0)).toBe(published.numbers);
  });

  test('slides where transformers slides', () => {
    const expected = Array.from({ length: config.layers }, (_, layer) =>
      published.sliding.includes(layer) ? published.window : null,
    );
    expect(config.windows).toEqual(expected);
  });

  test('is the same as earlier versions of transformers write it', () => {
    const { rope_parameters: rope, layer_types: _, ...rest } = published.config;
    const ropes = rope as Record<string, Record<string, unknown>>;
    const { rope_theta, rope_type, ...scaling } = ropes.full_attention ?? ropes;
    const rope_scaling = rope_type === 'default' ? null : { type: rope_type, ...scaling };
    const rope_local_base_freq = ropes.sliding_attention?.rope_theta;
    const earlier = { ...rest, rope_theta, rope_scaling, rope_local_base_freq };
    expect(parseDecoderConfig(earlier, 'config.json')).toEqual(config);
  });
});

/** The choices of each family, for a decoder with nothing but sizes. */
const sizes = {
  vocab_size: 50,
  hidden_size: 48,
  intermediate_size: 64,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

describe('what a family decides', () => {
  test('Gemma 2: offset and post-norms, scaled embeddings, caps, a tied head', () => {
    expect(parseDecoderConfig({ ...sizes, model_type: 'gemma2' }, 'here')).toMatchObject({
      ...{ normOffset: 1, postNorms: true, queryKeyNorms: false, biases: [], activation: 'gelu' },
      ...{ embeddingScale: Math.sqrt(48), attentionScale: 1 / 16, attentionCap: 50, logitCap: 30 },
      ...{ headSize: 256, maxPositions: 8192, windows: [4096, null, 4096], tiedHead: true },
    });
  });

  test('Gemma 3: norms of queries and keys, no caps, five layers of six with a window and a base of their own', () => {
    const gemma = { ...sizes, num_hidden_layers: 7, model_type: 'gemma3_text' };
    expect(parseDecoderConfig(gemma, 'here')).toMatchObject({
      ...{ normOffset: 1, postNorms: true, queryKeyNorms: true, attentionCap: null, logitCap: null },
      ...{ windows: [4096, 4096, 4096, 4096, 4096, null, 4096], ropeTheta: 1e6, windowRopeTheta: 10000 },
      ...{ headSize: 256, maxPositions: 131072, tiedHead: true },
    });
    const local = { rope_type: 'linear', rope_theta: 5, factor: 2 };
    const rope_parameters = { full_attention: { rope_theta: 7 }, sliding_attention: local };
    expect(() => parseDecoderConfig({ ...gemma, rope_parameters }, 'here')).toThrow(
      /sliding_attention\.rope_type.*"default", found "linear"/,
    );
  });

  test('Gemma 3 from 4b on: the decoder of a model that also sees, whose text_config leaves out what is usual', () => {
    const text_config = {
      ...{ hidden_size: 2560, intermediate_size: 10240, model_type: 'gemma3_text', num_hidden_layers: 34 },
      ...{ rope_scaling: { factor: 8, rope_type: 'linear' }, sliding_window: 1024 },
    };
    const gemma = parseDecoderConfig({ model_type: 'gemma3', text_config, vision_config: {} }, 'here');
    expect(gemma).toMatchObject({
      ...{ family: 'gemma3', vocabSize: 262208, hiddenSize: 2560, intermediateSize: 10240, layers: 34 },
      ...{ heads: 8, keyValueHeads: 4, headSize: 256, maxPositions: 131072, tiedHead: true },
      ...{ ropeScaling: { kind: 'linear', factor: 8 }, ropeTheta: 1e6, windowRopeTheta: 10000 },
      ...{ queryKeyNorms: true, attentionCap: null, logitCap: null, attentionScale: 1 / 16 },
    });
    expect(gemma.windows.filter((window) => window === null)).toHaveLength(5);
    expect(gemma.windows.filter((window) => window === 1024)).toHaveLength(29);
    expect(() => parseDecoderConfig({ model_type: 'gemma3' }, 'here')).toThrow(
      'here: expected "text_config" to be an object, found null.',
    );
  });

  test('Llama: a head of its own, biases where it is told so', () => {
    const llama = { ...sizes, model_type: 'llama' };
    expect(parseDecoderConfig(llama, 'here')).toMatchObject({
      ...{ normOffset: 0, postNorms: false, queryKeyNorms: false, biases: [], activation: 'silu' },
      ...{ embeddingScale: 1, attentionScale: 1 / Math.sqrt(12), attentionCap: null, logitCap: null },
      ...{ headSize: 12, maxPositions: 2048, windows: [null, null, null], tiedHead: false },
    });
    const biased = parseDecoderConfig({ ...llama, attention_bias: true, mlp_bias: true }, 'here');
    expect(biased.biases).toEqual(PROJECTIONS);
  });

  test('Qwen 2: biases on queries, keys and values; a window in the upper layers where it is used', () => {
    const qwen = { ...sizes, model_type: 'qwen2', sliding_window: 7, max_window_layers: 2 };
    expect(parseDecoderConfig(qwen, 'here')).toMatchObject({
      ...{ biases: ['q_proj', 'k_proj', 'v_proj'], queryKeyNorms: false, windows: [null, null, null] },
      ...{ maxPositions: 32768, tiedHead: false },
    });
    const sliding = parseDecoderConfig({ ...qwen, use_sliding_window: true }, 'here');
    expect(sliding.windows).toEqual([null, null, 7]);
  });

  test('Qwen 3: norms of queries and keys, heads of 128', () => {
    const qwen = parseDecoderConfig({ ...sizes, model_type: 'qwen3' }, 'here');
    expect(qwen).toMatchObject({ queryKeyNorms: true, biases: [], headSize: 128 });
    const shapes = tensorShapes(qwen);
    expect(shapes.get('model.layers.2.self_attn.k_norm.weight')).toEqual([128]);
    expect(shapes.get('model.layers.0.self_attn.o_proj.weight')).toEqual([48, 512]);
  });

  test.each([
    [
      'a rope that is unknown',
      { rope_parameters: { rope_type: 'longrope' } },
      /rope_parameters\.rope_type.*longrope/,
    ],
    ['a rope without its factor', { rope_scaling: { type: 'linear' } }, /rope_scaling\.factor.*a number/],
    ['half a rope', { partial_rotary_factor: 0.5 }, /partial_rotary_factor.*0\.5/],
  ])('refuses %s', (_name, change, message) => {
    expect(() => parseDecoderConfig({ ...sizes, model_type: 'llama', ...change }, 'here')).toThrow(message);
  });
});
