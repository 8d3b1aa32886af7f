/** Names of tensors as others write them, and the ones that a decoder knows them by. */

/**
 * What wrappers put into names: torch.compile anywhere, DistributedDataParallel at the start, a model that also
 * sees before or after its decoder's own `model.`.
 */
const WRAPPERS = /_orig_mod\.|^module\.|(?<=^|\.)language_model\./g;

/** Where a decoder stands within a larger model, in the order in which they are tried. */
const PREFIXES = ['', 'model.', 'base_model.model.', 'base_model.model.model.'];

/**
 * The name of `known` that a stored name means: without what wrappers put into it, and with the prefix that
 * models saved by their inner part lack (`layers.0...` for `model.layers.0...`). A name that means none of
 * them as it is.
 */
export function plainName(name: string, known: { has(name: string): boolean }): string {
  if (known.has(name)) return name;
  const bare = name
    .replace(WRAPPERS, '')
    // As PEFT's models have them in memory: with the adapter's name.
    .replace(/\.(lora_[AB])\.default\.weight$/, '.$1.weight');
  for (const prefix of PREFIXES) if (known.has(prefix + bare)) return prefix + bare;
  return name;
}
