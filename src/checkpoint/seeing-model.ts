/**
 * Gemma 3 from 4b on is a model that also sees: the decoder is its part `language_model`, beside a vision tower
 * that text does not use. Swirl reads the decoder out of such a folder, and saves what it trained so that
 * others open it: a whole policy as the decoder alone, adapters by their places in the larger model.
 */
import type { DecoderConfig, Projection } from '../engine/config.ts';
import { decoderJson } from '../engine/families.ts';

/** Whether a decoder is part of a model that also sees. */
export function isPartOfSeeingModel({ family }: DecoderConfig): boolean {
  return family === 'gemma3';
}

/** Whether a stored tensor is of the parts that text does not use. */
export function isOfSight(name: string): boolean {
  return /^(model\.)?(vision_tower|multi_modal_projector)\./.test(name);
}

/** The config.json of the decoder alone, from that of the model that also sees. */
export function aloneConfigText(text: string): string {
  const whole = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const { _name_or_path: _, ...decoder } = decoderJson(whole) as Readonly<Record<string, unknown>>;
  const ends = Object.fromEntries(
    ['eos_token_id', 'bos_token_id', 'pad_token_id']
      .filter((key) => whole[key] !== undefined)
      .map((key) => [key, whole[key]]),
  );
  const dtype = { dtype: whole.dtype ?? whole.torch_dtype ?? 'float32' };
  const alone = { ...decoder, ...ends, ...dtype, architectures: ['Gemma3ForCausalLM'] };
  return `${JSON.stringify({ ...alone, model_type: 'gemma3_text' }, null, 2)}\n`;
}

/** PEFT's name of an adapter's matrix within the model that also sees. */
export function nameWithin(name: string): string {
  return name.replace('base_model.model.model.', 'base_model.model.model.language_model.');
}

/** PEFT's `target_modules` there, a regular expression: the vision tower has projections of the same names. */
export function targetsWithin(targets: readonly Projection[]): string {
  return `.*\\.language_model\\..*\\.(${targets.join('|')})`;
}
